"""Finding the end of a journal after whatever happened, and making the place fit for the next record.

Order matters. What a dead process left in the page cache is first flushed, then the cache is dropped, then the bytes
are read: so the judgement is on the medium, not on pages a failed sync left behind, which show records that are not
there (F14). A torn tail is zeroed and flushed before anyone uses the journal. Recovery cut short is
simply run again. Only the newest segment is read: O(active segment), however long the history.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from onecard.journal.boot import Life, life_after
from onecard.journal.disk import Disk
from onecard.journal.errors import BadHeader, UnreadableJournal
from onecard.journal.frame import Frame
from onecard.journal.header import HEADER_SIZE
from onecard.journal.mark import MARK_SIZE, DurableMark, decode_mark
from onecard.journal.pool import DURABLE
from onecard.journal.scan import chained_frames, torn_size
from onecard.journal.segment import ActiveSegment, Segment, read_image, read_segments

_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Recovery:
    """What an opening found, as its BOOT record tells it."""

    last_sequence: int  # 0 in an empty journal
    torn_bytes: int
    io_error: str  # why the segment found was given up; empty when it was kept


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of the newest segment, fit for appending unless `report.io_error` says otherwise."""

    segments: list[Segment]
    active: ActiveSegment
    life: Life  # in force at the end
    durable: int  # last sequence proved to be on the medium
    durable_tag: bytes
    durable_life: Life
    unproved: list[Frame]  # whole frames after `durable`: to be carried over
    report: Recovery


def read_mark(disk: Disk, directory: Path) -> DurableMark | None:
    """The durable mark, None when it claims nothing. A mark caught in mid-write is read again.

    Raises `UnreadableJournal`.
    """
    try:
        descriptor = disk.open(directory / DURABLE, os.O_RDONLY)
        try:
            looks = (decode_mark(disk.pread(descriptor, MARK_SIZE, 0)) for _ in range(_LOOKS))
            return next((mark for mark in looks if mark is not None), None)
        finally:
            disk.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableJournal(directory / DURABLE, str(error)) from error


def recover(disk: Disk, directory: Path, key: bytes) -> Tail:
    """The end of the journal, its torn tail cut. The caller holds the lock. Raises `JournalDamage`, `OSError`."""
    disk.sync_directory(directory)  # a name seen may be one whose sync failed
    segments = read_segments(disk, directory)
    segment = segments[-1]
    marked = _marked(disk, directory, segment)
    descriptor = disk.open(segment.file, os.O_RDWR)
    try:
        return _judge(disk, segments, descriptor, key, marked)
    except BaseException:
        disk.close(descriptor)
        raise


def _judge(disk: Disk, segments: list[Segment], descriptor: int, key: bytes, marked: int) -> Tail:
    segment = segments[-1]
    header = segment.header
    io_error = ""
    try:
        disk.fdatasync(descriptor)
    except OSError as error:
        io_error = str(error)
    disk.drop_cache(descriptor)
    image = read_image(disk, segment, descriptor)

    frames = list(chained_frames(segment, image, key))
    sequence = frames[-1].sequence if frames else header.first_sequence - 1
    end = frames[-1].end if frames else HEADER_SIZE
    torn = torn_size(segment, image, end, sequence + 1, marked)
    durable = sequence
    if io_error:  # the flush failed: only what others vouch for is surely on the medium
        durable = max([header.first_sequence - 1, marked, *(f.sequence - f.undurable - 1 for f in frames)])
    else:
        try:
            _zero(disk, descriptor, end, torn)
        except OSError as error:
            io_error = str(error)

    before = Life(header.epoch, header.incarnation)
    kept = durable - header.first_sequence + 1
    return Tail(
        segments=segments,
        active=ActiveSegment(disk, segment, descriptor, end),
        life=life_after(before, frames),
        durable=durable,
        durable_tag=frames[kept - 1].tag if kept else header.previous_tag,
        durable_life=life_after(before, frames[:kept]),
        unproved=frames[kept:],
        report=Recovery(sequence, torn, io_error),
    )


def _zero(disk: Disk, descriptor: int, offset: int, size: int) -> None:
    """Fills a torn tail with zeros, on the medium. Raises `OSError`."""
    if size == 0:
        return
    if disk.pwrite(descriptor, bytes(size), offset) != size:
        raise OSError(errno.EIO, "the torn tail was zeroed in part")
    disk.fdatasync(descriptor)


def _marked(disk: Disk, directory: Path, segment: Segment) -> int:
    mark = read_mark(disk, directory)
    if mark is None:
        return 0
    if mark.name.terminal != segment.header.terminal:
        raise BadHeader(directory / DURABLE, 8, f"it is the mark of terminal {mark.name.terminal}")
    return mark.name.sequence

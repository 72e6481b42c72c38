"""Finding the end of a journal after whatever happened, and making the place fit for the next record.

Order matters. What a dead process left in the page cache is first flushed, then the cache is dropped, then the bytes
are read: so the judgement is on the medium, not on pages a failed sync left behind, which show records that are not
there (F14). A torn tail is zeroed and flushed before anyone uses the journal. Recovery cut short is
simply run again. Only the newest segment is read: O(active segment), however long the history.
"""

from __future__ import annotations

import errno
import os
from array import array
from dataclasses import dataclass
from pathlib import Path

from onecard.journal.boot import Life, life_after
from onecard.journal.disk import Disk
from onecard.journal.errors import BadHeader, CorruptMiddle, UnreadableJournal
from onecard.journal.frame import KIND_AT, Frame
from onecard.journal.gaps import Missing, missing_runs
from onecard.journal.mark import MARK_SIZE, DurableMark, decode_mark
from onecard.journal.pool import DURABLE
from onecard.journal.scan import frame_at, prove_chain, salvaged_frames, torn_size, whole_frames
from onecard.journal.segment import ActiveSegment, Segment, load_image, read_image, read_segments
from onecard.records import RecordKind

_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Recovery:
    """What an opening found, as its BOOT record tells it."""

    last_sequence: int  # 0 in an empty journal
    torn_bytes: int
    io_error: str  # why the segment found was given up; empty when it was kept
    missing: tuple[Missing, ...]  # records lost in a damaged newest segment, which is kept


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
    offsets: array[int] | None  # of the newest segment's whole frames; None when it is damaged
    boots: list[Frame]  # those of them that open an epoch
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


def recover(disk: Disk, directory: Path, key: bytes, *, salvage: bool = False) -> Tail:
    """The end of the journal, its torn tail cut. The caller holds the lock. Raises `JournalDamage`, `OSError`.

    With `salvage` a damaged newest segment is left as it is and `report.missing` says what is lost: the caller goes on
    in a fresh segment.
    """
    disk.sync_directory(directory)  # a name seen may be one whose sync failed
    segments = read_segments(disk, directory)
    lost = [lost for segment in segments for lost in segment.lost_before]
    if lost and not salvage:
        raise lost[0]
    segment = segments[-1]
    mark = _marked(disk, directory, segment)
    descriptor = disk.open(segment.file, os.O_RDWR)
    try:
        try:
            return _judge(disk, segments, descriptor, key, mark.name.sequence if mark else 0)
        except CorruptMiddle as damage:
            if not salvage:
                raise
            return _wreck(disk, segments, descriptor, key, (mark, damage))
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

    offsets, end = whole_frames(segment, image)
    prove_chain(segment, image, offsets, end, key)
    sequence = header.first_sequence + len(offsets) - 1
    torn = torn_size(segment, image, end, sequence + 1, marked)
    durable = sequence
    if io_error:  # the flush failed: only what others vouch for is surely on the medium
        frames = (frame_at(image, offset) for offset in offsets)
        durable = max([header.first_sequence - 1, marked, *(f.sequence - f.undurable - 1 for f in frames)])
    else:
        try:
            _zero(disk, descriptor, end, torn)
        except OSError as error:
            io_error = str(error)

    before, boots = Life(header.epoch, header.incarnation), _boots(image, offsets)
    kept = durable - header.first_sequence + 1
    return Tail(
        segments=segments,
        active=ActiveSegment(disk, segment, descriptor, end),
        life=life_after(before, boots, segment.file),
        durable=durable,
        durable_tag=frame_at(image, offsets[kept - 1]).tag if kept else header.previous_tag,
        durable_life=life_after(before, _boots(image, offsets[:kept]), segment.file),
        unproved=[frame_at(image, offset) for offset in offsets[kept:]],
        offsets=offsets,
        boots=boots,
        report=Recovery(sequence, torn, io_error, ()),
    )


def _wreck(
    disk: Disk,
    segments: list[Segment],
    descriptor: int,
    key: bytes,
    known: tuple[DurableMark | None, CorruptMiddle],
) -> Tail:
    """The tail of a newest segment damaged in its middle: the next record's number is above all that was ever told.

    The record before it is the mark's or the last whole one, so its tag is known and the chain goes on from it.
    """
    mark, damage = known
    segment = segments[-1]
    image = read_image(disk, segment, descriptor)
    salvaged = list(salvaged_frames(segment, image, damage, key))
    offsets, _ = whole_frames(segment, image)
    frames = [*_boots(image, offsets), *salvaged]
    life = life_after(Life(segment.header.epoch, segment.header.incarnation), frames, segment.file)
    ends = [(frame.sequence, frame.tag) for frame in salvaged]
    if mark is not None and mark.name.sequence >= damage.sequence:
        ends.append((mark.name.sequence, mark.tag))
        life = max(life, Life(mark.name.epoch, bytes(8)), key=lambda one: one.epoch)
    else:
        life = Life(life.epoch + 1, life.incarnation)  # a BOOT may be among the lost
    if not ends:
        raise damage  # nothing tells how far the records went
    last, tag = max(ends)
    return Tail(
        segments=segments,
        active=ActiveSegment(disk, segment, descriptor, segment.header.segment_size),
        life=life,
        durable=last,
        durable_tag=tag,
        durable_life=life,
        unproved=[],
        offsets=None,
        boots=[],
        report=Recovery(last, 0, "", tuple(missing_runs(damage, salvaged, last))),
    )


def keep_aside(disk: Disk, segment: Segment) -> str:
    """Puts a copy of a damaged segment beside it, durable, for whoever looks into it. Gives what to log."""
    copy = segment.file.with_name(f"damaged-{segment.file.name}")
    try:
        image = load_image(disk, segment)
        descriptor = disk.open(copy, os.O_RDWR | os.O_CREAT)
        try:
            if disk.pwrite(descriptor, image, 0) != len(image):
                return f"{copy.name} was copied in part"
            disk.fsync(descriptor)
        finally:
            disk.close(descriptor)
    except (OSError, UnreadableJournal) as error:
        return f"no copy of {segment.file.name}: {error}"
    return f"{segment.file.name} is damaged: kept, and copied to {copy.name}"


def _boots(image: bytes, offsets: array[int]) -> list[Frame]:
    return [frame_at(image, offset) for offset in offsets if image[offset + KIND_AT] == RecordKind.BOOT]


def _zero(disk: Disk, descriptor: int, offset: int, size: int) -> None:
    """Fills a torn tail with zeros, on the medium. Raises `OSError`."""
    if size == 0:
        return
    if disk.pwrite(descriptor, bytes(size), offset) != size:
        raise OSError(errno.EIO, "the torn tail was zeroed in part")
    disk.fdatasync(descriptor)


def _marked(disk: Disk, directory: Path, segment: Segment) -> DurableMark | None:
    mark = read_mark(disk, directory)
    if mark is not None and mark.name.terminal != segment.header.terminal:
        raise BadHeader(directory / DURABLE, 8, f"it is the mark of terminal {mark.name.terminal}")
    return mark

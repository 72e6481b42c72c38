"""A segment as a file: found, read, begun, written.

A descriptor that failed once is poisoned: nothing is written or synced on it again, because after a failed sync the
kernel calls the lost pages clean and the next sync succeeds (F14; Rebello et al., USENIX ATC 2020).
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from onecard.journal.disk import Disk
from onecard.journal.errors import BadHeader, LostSegment, NoJournal, UnreadableJournal
from onecard.journal.frame import MAX_PAYLOAD, OVERHEAD, salt_seed
from onecard.journal.header import HEADER_SIZE, SegmentHeader, decode_header

_PREFIX, _SUFFIX = "seg-", ".ocj"
_READ_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file and what its header says; and why those between it and the one before it do not read."""

    file: Path
    header: SegmentHeader
    lost_before: tuple[LostSegment, ...] = ()


class ActiveSegment:
    """The one segment that is written: an open descriptor and the byte where the next frame goes."""

    __slots__ = ("_descriptor", "_disk", "_poisoned", "end", "seed", "segment")

    def __init__(self, disk: Disk, segment: Segment, descriptor: int, end: int) -> None:
        self._disk = disk
        self._descriptor = descriptor
        self._poisoned = False
        self.segment = segment
        self.seed = salt_seed(segment.header.salt)
        self.end = end

    @property
    def left(self) -> int:
        """Bytes of zero-filled space after the last frame."""
        return self.segment.header.segment_size - self.end

    def write(self, frames: bytes) -> None:
        """Puts whole frames after the last one, not yet durable. `OSError` (a short write too) poisons the segment."""
        assert not self._poisoned and len(frames) <= self.left
        try:
            taken = self._disk.pwrite(self._descriptor, frames, self.end)
            if taken != len(frames):
                raise OSError(errno.EIO, f"{taken} of {len(frames)} bytes were written")
        except OSError:
            self._poisoned = True
            raise
        self.end += len(frames)

    def sync(self) -> None:
        """Returns when all frames are on the medium. `OSError` poisons the segment."""
        assert not self._poisoned
        try:
            self._disk.fdatasync(self._descriptor)
        except OSError:
            self._poisoned = True
            raise

    def close(self) -> None:
        """Lets the descriptor go, without a sync."""
        self._disk.close(self._descriptor)


def segment_file(directory: Path, number: int) -> Path:
    """Where segment `number` lies."""
    return directory / f"{_PREFIX}{number:08d}{_SUFFIX}"


def read_segments(disk: Disk, directory: Path) -> list[Segment]:
    """The segments whose header reads, in order; the newest is one of them. Raises as `survey`, and `LostSegment`."""
    segments, lost = survey(disk, directory)
    if lost:
        raise lost[0]
    return segments


def survey(disk: Disk, directory: Path) -> tuple[list[Segment], tuple[LostSegment, ...]]:
    """The segments whose header reads, in order, by their headers alone; and why those after the last of them do not.

    Raises `NoJournal`, `BadHeader` for what decay does not explain, `LostSegment` when none reads,
    `UnsupportedVersion`, `UnreadableJournal`.
    """
    try:
        segments, lost = _listed(disk, directory)
    except UnreadableJournal:  # the writer may have taken the oldest out of use since it was listed
        segments, lost = _listed(disk, directory)
    if not segments:
        raise lost[0] if lost else NoJournal(directory)
    for before, segment in pairwise(segments):
        _check_neighbours(before, segment)
    return segments, lost


def _listed(disk: Disk, directory: Path) -> tuple[list[Segment], tuple[LostSegment, ...]]:
    try:
        names = [n for n in disk.names(directory) if n.startswith(_PREFIX) and n.endswith(_SUFFIX)]
    except OSError as error:
        raise NoJournal(directory) from error
    segments: list[Segment] = []
    lost: list[LostSegment] = []
    expected = None
    for name in names:
        file = directory / name
        number = segment_number(file)
        if expected is not None and number > expected:
            lost.append(_missing(directory, expected, number - 1))
        expected = number + 1
        try:
            header = read_header(disk, file)
        except LostSegment as error:
            lost.append(error)
        else:
            segments.append(Segment(file, header, tuple(lost)))
            lost.clear()
    return segments, tuple(lost)


def segment_number(file: Path) -> int:
    """The number in a segment's name. Raises `BadHeader`."""
    digits = file.name[len(_PREFIX) : -len(_SUFFIX)]
    if not digits.isdecimal():
        raise BadHeader(file, 0, "no segment has this name")
    return int(digits)


def _missing(directory: Path, first: int, last: int) -> LostSegment:
    words = f"segment {first} is missing" if first == last else f"segments {first} to {last} are missing"
    return LostSegment(segment_file(directory, first), 0, words)


def read_image(disk: Disk, segment: Segment, descriptor: int) -> bytes:
    """The segment's bytes. A file cut short reads as if zero-filled: what is missing is judged as records are.

    Only as many zeros follow as a frame may still claim: a header that lies about the size costs nothing.
    """
    size = segment.header.segment_size
    parts = []
    done = 0
    while done < size and (part := disk.pread(descriptor, min(size - done, _READ_SIZE), done)):
        parts.append(part)
        done += len(part)
    parts.append(bytes(min(size - done, OVERHEAD + MAX_PAYLOAD)))
    return b"".join(parts)


def load_image(disk: Disk, segment: Segment) -> bytes:
    """As `read_image`, opening the file read-only. Raises `UnreadableJournal`."""
    try:
        descriptor = disk.open(segment.file, os.O_RDONLY)
        try:
            return read_image(disk, segment, descriptor)
        finally:
            disk.close(descriptor)
    except OSError as error:
        raise UnreadableJournal(segment.file, str(error)) from error


def begin_segment(disk: Disk, directory: Path, pool_file: Path, header: SegmentHeader) -> ActiveSegment:
    """Turns a zero-filled pool file into the segment of `header`, durable before its first frame. Raises `OSError`."""
    descriptor = disk.open(pool_file, os.O_RDWR)
    try:
        raw = header.encode()
        if disk.pwrite(descriptor, raw, 0) != len(raw):
            raise OSError(errno.EIO, "the header was written in part")
        disk.fsync(descriptor)
        file = segment_file(directory, header.number)
        disk.rename(pool_file, file)
        disk.sync_directory(directory)
    except OSError:
        disk.close(descriptor)
        raise
    return ActiveSegment(disk, Segment(file, header), descriptor, HEADER_SIZE)


def read_header(disk: Disk, file: Path) -> SegmentHeader:
    """What the header of a segment's file says. Raises `LostSegment`, `BadHeader`, `UnsupportedVersion`,
    `UnreadableJournal`."""
    try:
        descriptor = disk.open(file, os.O_RDONLY)
        try:
            raw = disk.pread(descriptor, HEADER_SIZE, 0)
        finally:
            disk.close(descriptor)
    except OSError as error:
        raise UnreadableJournal(file, str(error)) from error
    header = decode_header(raw, file)
    if file.name != segment_file(file.parent, header.number).name:
        raise BadHeader(file, 24, f"the header says it is segment {header.number}")
    return header


def _check_neighbours(before: Segment, segment: Segment) -> None:
    a, b = before.header, segment.header
    if b.terminal != a.terminal:
        raise BadHeader(segment.file, 8, f"it belongs to terminal {b.terminal}, the one before to {a.terminal}")
    if b.first_sequence < a.first_sequence or b.epoch < a.epoch:
        raise BadHeader(segment.file, 32, "it begins before its predecessor")

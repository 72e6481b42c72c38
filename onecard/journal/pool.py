"""The pool of zero-filled segments, and the making of a journal.

All the space a journal will ever use is written once, with zeros, when it is made: a write into it later changes no
file size and allocates nothing, so one flush is one block write, and a full disk cannot stop a sale half-way.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from onecard.identity import TERMINAL_NUMBER_MAX, RecordName, TerminalNumber
from onecard.journal.disk import Disk
from onecard.journal.errors import JournalExists, JournalOutOfService
from onecard.journal.frame import CHAIN_KEY_SIZE, TAG_SIZE, first_tag
from onecard.journal.header import LARGEST_SEGMENT, SMALLEST_SEGMENT, Cause, SegmentHeader
from onecard.journal.mark import DurableMark
from onecard.journal.segment import begin_segment, segment_file

LOCK = "LOCK"
DURABLE = "DURABLE"
_PREFIX, _SUFFIX = "pool-", ".ocj"
_CHUNK = bytes(1 << 20)
MAX_SEGMENTS = 0xFFFF


def pool_file(directory: Path, number: int) -> Path:
    """Where unused segment file `number` lies."""
    return directory / f"{_PREFIX}{number:08d}{_SUFFIX}"


class Pool:
    """The unused segment files, lowest name first."""

    def __init__(self, disk: Disk, directory: Path) -> None:
        self._disk = disk
        self._files = [directory / name for name in disk.names(directory) if _is_pool(name)]

    def __len__(self) -> int:
        return len(self._files)

    def take(self) -> Path:
        """The next file; it is not given out again by this process, even if beginning a segment in it fails."""
        if not self._files:
            raise OSError(errno.ENOSPC, "no zero-filled segment is left in the pool")
        return self._files.pop(0)

    def put(self, file: Path, size: int) -> None:
        """Fills `file`, `size` bytes, with zeros and gives it a pool name, all durable. Raises `OSError`."""
        _write_file(self._disk, file, b"", size)
        taken = [int(name[len(_PREFIX) : -len(_SUFFIX)]) for name in self._disk.names(file.parent) if _is_pool(name)]
        target = file.with_name(f"{_PREFIX}{max(taken, default=0) + 1:08d}{_SUFFIX}")
        self._disk.rename(file, target)
        self._disk.sync_directory(file.parent)
        self._files.append(target)


def _is_pool(name: str) -> bool:
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def make_journal(
    disk: Disk,
    directory: Path,
    *,
    terminal: int,
    chain_key: bytes,
    salt: Callable[[int], bytes],
    segment_size: int,
    segments: int,
) -> None:
    """Makes an empty journal of `segments` files; the journal exists once its first segment has its name.

    A making that was cut short is simply made again. Raises `JournalExists`, `JournalOutOfService`.
    """
    assert 0 < terminal <= TERMINAL_NUMBER_MAX
    assert len(chain_key) == CHAIN_KEY_SIZE
    assert SMALLEST_SEGMENT <= segment_size <= LARGEST_SEGMENT
    assert 2 <= segments <= MAX_SEGMENTS
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if segment_file(directory, 1).exists() or any(n.startswith("seg-") for n in disk.names(directory)):
            raise JournalExists(directory)
        for leftover in directory.glob(f"{_PREFIX}*{_SUFFIX}"):
            leftover.unlink()
        mark = DurableMark(RecordName(TerminalNumber(terminal), 0, 0), first_tag(chain_key, terminal))
        _write_file(disk, directory / LOCK, b"", 0)
        _write_file(disk, directory / DURABLE, mark.encode(), 0)
        for number in range(1, segments + 1):
            _write_file(disk, pool_file(directory, number), b"", segment_size)
        disk.sync_directory(directory)
        disk.sync_directory(directory.parent)
        header = SegmentHeader(
            terminal=terminal,
            cause=Cause.MADE,
            epoch=0,
            incarnation=bytes(8),
            number=1,
            segment_size=segment_size,
            first_sequence=1,
            salt=salt(8),
            previous_tag=mark.tag,
            segments=segments,
        )
        assert len(header.previous_tag) == TAG_SIZE
        begin_segment(disk, directory, Pool(disk, directory).take(), header).close()
    except OSError as error:
        raise JournalOutOfService(directory, str(error)) from error


def _write_file(disk: Disk, file: Path, head: bytes, zeros: int) -> None:
    descriptor = disk.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        at = 0
        for part in (head, *(_CHUNK[: min(len(_CHUNK), zeros - o)] for o in range(0, zeros, len(_CHUNK)))):
            if disk.pwrite(descriptor, part, at) != len(part):
                raise OSError(errno.ENOSPC, f"{file.name} was written in part")
            at += len(part)
        disk.fsync(descriptor)
    finally:
        disk.close(descriptor)

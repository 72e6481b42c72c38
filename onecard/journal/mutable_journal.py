"""The second journal: tables that may change, in frames as the first one's, and started afresh when full.

Rules, each proved by a test of its name:
- an operation is durable when `commit` returns, and seen only then; cut short, it is wholly there or not at all;
- a generation is one file: a snapshot of all tables, then the operations since. The next one is written beside it,
  synced, renamed, and its name synced, before the one before is given back as spare room;
- an operation that does not fit, or whose write or flush failed, becomes part of the next generation's snapshot;
- if that fails too this process writes nothing more: memory shows what was durable, the next opening decides.

Files, header, frame, chain tag, mark, lock and recovery are the first journal's (docs/formats/journal.md), under a key
of its own, so that neither can be opened as the other.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from onecard.identity import RecordName, TerminalNumber
from onecard.journal.disk import Disk, OsDisk
from onecard.journal.errors import JournalError, JournalOutOfService
from onecard.journal.frame import CHAIN_KEY_SIZE, MAX_UNDURABLE, OVERHEAD, chain_tag, encode_frame, salt_seed
from onecard.journal.header import HEADER_SIZE, Cause, SegmentHeader
from onecard.journal.mark import DurableMark
from onecard.journal.mutable_change import SNAPSHOT, Change, Payload, encode_operation
from onecard.journal.mutable_replay import prove_beginning, replay
from onecard.journal.mutable_state import TableState
from onecard.journal.opening import closed_unless_taken, opening
from onecard.journal.pool import DURABLE, Pool, make_journal, pool_file
from onecard.journal.recovery import Tail, recover
from onecard.journal.segment import begin_segment

GENERATION_SIZE = 256 << 10
_FILES = 3
"""The generation in use, the room for the next, and one more should that fail."""


class TablesFull(JournalError):
    """The documents would take more than half of a generation. Nothing was changed; removing always fits."""

    def __init__(self, directory: Path, size: int, capacity: int) -> None:
        self.directory = directory
        self.size = size
        self.capacity = capacity
        super().__init__(f"the tables in {directory} would take {size} bytes of {capacity}: remove documents first")


class MutableJournal:
    """The one writer of a directory of tables. Make it with `MutableJournal.open`; close it, or use it in a `with`."""

    def __init__(
        self,
        disk: Disk,
        directory: Path,
        *,
        key: bytes,
        random: Callable[[int], bytes],
        tail: Tail,
        state: TableState,
    ) -> None:
        """For `open`, which holds the lock and has recovered the tail; `key` is `tables_key` of the chain key."""
        self.state = state
        self.version = 0  # rises when something became durable
        self.faults: list[str] = []
        self._disk = disk
        self._directory = directory
        self._key = key
        self._random = random
        self._active = tail.active
        self._last = tail.durable
        self._tag = tail.durable_tag
        self._limit = (tail.active.segment.header.segment_size - HEADER_SIZE) // 2
        pool = Pool(disk, directory)
        self._spares = [pool.take() for _ in range(len(pool))]
        self._behind = [(segment.file, True) for segment in tail.segments[:-1]]  # and whether to write them again
        self._out_of_service = ""
        self._held = ExitStack()  # of `open`: what `close` lets go, the lock last
        self._closed = False
        self._mark = disk.open(directory / DURABLE, os.O_RDWR | os.O_CREAT)

    @staticmethod
    def create(
        directory: Path,
        *,
        terminal: int,
        chain_key: bytes,
        random: Callable[[int], bytes],
        size: int = GENERATION_SIZE,
        disk: Disk | None = None,
    ) -> None:
        """Makes a directory without tables; all the space it will ever use is on the medium. a file has `size` bytes,
        16 KiB … 1 GiB, of which documents take half at most. Raises `JournalExists`, `JournalOutOfService`.
        """
        make_journal(
            disk or OsDisk(),
            directory,
            terminal=terminal,
            chain_key=tables_key(chain_key),
            salt=random,
            segment_size=size,
            segments=_FILES,
        )
        MutableJournal.open(directory, chain_key=chain_key, random=random, disk=disk).close()

    @classmethod
    def open(
        cls, directory: Path, *, chain_key: bytes, random: Callable[[int], bytes], disk: Disk | None = None
    ) -> Self:
        """Recovers the tables. Raises `NoJournal`, `JournalLocked`, `JournalDamage` (nothing is changed then),
        `JournalOutOfService`.
        """
        disk, key = disk or OsDisk(), tables_key(chain_key)
        with opening(disk, directory) as held:
            prove_beginning(disk, directory, key)
            tail = recover(disk, directory, key)
            with closed_unless_taken(tail.active):
                state, whole = replay(disk, tail.segments[-1])
                journal = cls(disk, directory, key=key, random=random, tail=tail, state=state)
            held.callback(journal._release)
            journal._settle(tail, whole)
            journal._held = held.pop_all()
            return journal

    def commit(self, changes: Sequence[Change]) -> None:
        """Makes one operation of `changes`: durable, and then seen, or neither. None of them is no operation.

        Raises `BadChange` and `TablesFull` (nothing was written), `JournalOutOfService` (in doubt: the next opening
        finds the state before or after it).
        """
        self._check_service()
        after = self.state.after(changes)
        if after.weight > self._limit:
            raise TablesFull(self._directory, after.weight, self._limit)
        if not changes:
            return
        payloads = encode_operation(changes)
        with self._in_service():
            size = sum(OVERHEAD + len(payload) for _, payload in payloads)
            if len(payloads) > MAX_UNDURABLE or size > self._active.left:
                self._begin(after, Cause.FULL)
            else:
                self._append(payloads, after)

    @property
    def worth_compacting(self) -> bool:
        """Whether an operation as large as all tables together no longer fits: it always does after `compact`."""
        return self._active.left < self.state.weight

    def compact(self) -> None:
        """For idle time: begins a generation that holds the state alone. Raises `JournalOutOfService`."""
        self._check_service()
        with self._in_service():
            self._begin(self.state, Cause.FULL)

    def close(self) -> None:
        """Lets the files and the lock go; again, does nothing."""
        if not self._closed:
            self._closed = True
            self._out_of_service = "it is closed"
            self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _in_service(self) -> Iterator[None]:
        """What fails in here, or is interrupted, ends the writing: the file may hold more than memory shows."""
        try:
            yield
        except OSError as error:
            self._out_of_service = str(error)
            raise JournalOutOfService(self._directory, str(error)) from error
        except BaseException as error:
            self._out_of_service = f"an operation was interrupted by {error!r}"
            raise

    def _settle(self, tail: Tail, whole: bool) -> None:
        """Makes what recovery left fit for operations. Raises `OSError`."""
        header = tail.active.segment.header
        self._give_back()
        if tail.report.io_error:
            self._note(tail.report.io_error)
            self._begin(self.state, Cause.IO_ERROR)
        elif not whole:  # nothing may follow an operation cut short in its own file
            self._begin(self.state, Cause.FULL)
        elif self._last < header.first_sequence:  # just made: with a frame, it is no empty journal of records
            self._append([SNAPSHOT], self.state)

    def _append(self, payloads: Sequence[Payload], after: TableState) -> None:
        frames, last, tag = self._frames(payloads, self._active.seed, riding=True)
        try:
            self._active.write(frames)
            self._active.sync()
        except OSError as error:
            self._note(f"{self._active.segment.file.name}: {error}")
            self._begin(after, Cause.IO_ERROR)
        else:
            self._now_durable(after, last, tag)

    def _begin(self, state: TableState, cause: Cause) -> None:
        """The next generation, which begins with `state`. Raises `OSError`."""
        before = self._active
        salt = self._random(8)
        frames, last, tag = self._frames(state.snapshot(), salt_seed(salt), riding=False)
        size = before.segment.header.segment_size
        assert len(frames) <= size - HEADER_SIZE, "a state weighs at most half of this"
        if not self._spares:
            raise OSError(errno.ENOSPC, "no file is left for the next generation")
        spare = self._spares.pop(0)
        self._fill(spare, frames, size)
        old = before.segment.header
        header = SegmentHeader(
            terminal=old.terminal,
            cause=cause,
            epoch=0,
            incarnation=old.incarnation,
            number=old.number + 1,
            segment_size=size,
            first_sequence=self._last + 1,
            salt=salt,
            previous_tag=self._tag,
            segments=old.segments,
        )
        self._active = begin_segment(self._disk, self._directory, spare, header)
        self._active.end += len(frames)
        before.close()
        self._now_durable(state, last, tag)
        self._behind.append((before.segment.file, cause is not Cause.IO_ERROR))
        self._give_back()

    def _fill(self, spare: Path, frames: bytes, size: int) -> None:
        """Every byte of the spare file but its header, on the medium. Raises `OSError`."""
        self._disk.sync_directory(self._directory)  # its old name must not come back over what is written now
        image = bytes(HEADER_SIZE) + frames + bytes(size - HEADER_SIZE - len(frames))
        descriptor = self._disk.open(spare, os.O_RDWR)
        try:
            if self._disk.pwrite(descriptor, image, 0) != size:
                raise OSError(errno.EIO, f"{spare.name} was written in part")
            self._disk.fsync(descriptor)
        finally:
            self._disk.close(descriptor)

    def _frames(self, payloads: Sequence[Payload], seed: int, *, riding: bool) -> tuple[bytes, int, bytes]:
        """The bytes of frames after the last durable one; the last one's sequence and tag.

        `riding`: each but the first is written while those before it are not durable. A snapshot has its name only
        when all of it is durable.
        """
        sequence, tag, frames = self._last, self._tag, []
        for undurable, (kind, payload) in enumerate(payloads):
            sequence += 1
            tag = chain_tag(self._key, tag, kind, sequence, payload)
            frames.append(encode_frame(seed, kind, undurable if riding else 0, sequence, payload, tag=tag))
        return b"".join(frames), sequence, tag

    def _now_durable(self, state: TableState, last: int, tag: bytes) -> None:
        self.state, self._last, self._tag = state, last, tag
        self.version += 1
        name = RecordName(TerminalNumber(self._active.segment.header.terminal), 0, last)
        raw = DurableMark(name, tag).encode()
        try:
            if self._disk.pwrite(self._mark, raw, 0) != len(raw):
                self._note(f"{DURABLE}: written in part")
        except OSError as error:
            self._note(f"{DURABLE}: {error}")

    def _give_back(self) -> None:
        """Generations that no longer count become spare room, oldest first: a hole in the numbers would be damage.

        One that failed is not written again by this process; one that will not go is tried again next time.
        """
        while self._behind:
            file, sound = self._behind[0]
            free = next(f for n in count(1) if not (f := pool_file(self._directory, n)).exists())
            try:
                self._disk.rename(file, free)
            except OSError as error:
                self._note(f"{file.name}: {error}")
                return
            del self._behind[0]
            if sound:
                self._spares.append(free)

    def _check_service(self) -> None:
        if self._out_of_service:
            raise JournalOutOfService(self._directory, self._out_of_service)

    def _note(self, fault: str) -> None:
        del self.faults[:-15]
        self.faults.append(fault)

    def _release(self) -> None:
        self._active.close()
        self._disk.close(self._mark)


def tables_key(chain_key: bytes) -> bytes:
    """The 32-byte key of the tables' chain tags: keyed BLAKE2s of "onecard tables" under the terminal's chain key."""
    assert len(chain_key) == CHAIN_KEY_SIZE
    return hashlib.blake2s(b"onecard tables", key=chain_key).digest()

"""The journal: append-only, one writer, power-cut-safe.

Rules, each proved by a test of its name:
- a durable record is on the medium when `append` returns; the others ride along with the next flush;
- a sequence names one record for ever: never restarted; a torn number comes back only under a new epoch (I-04, P-R7);
- every opening appends BOOT, durable, before anything else: epoch + 1 and a random incarnation;
- a descriptor that failed is never written or synced again: its records that are not durable go to a fresh segment
  whose header says where the old one ends; if the next pool files fail too, this process writes nothing more (F14);
- room for the outcomes of what was begun is kept back: a full journal refuses new work, not the word on old work.

Sequences, epochs: unsigned, from 1. Payloads are opaque here, except BOOT's. Random bytes come from the caller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from onecard.identity import RecordName, TerminalNumber
from onecard.journal.boot import BootInfo, Life
from onecard.journal.care import Care
from onecard.journal.disk import Disk, OsDisk
from onecard.journal.errors import JournalFull, JournalOutOfService
from onecard.journal.frame import (
    CHAIN_KEY_SIZE,
    MAX_PAYLOAD,
    MAX_UNDURABLE,
    OVERHEAD,
    Frame,
    chain_tag,
    encode_frame,
)
from onecard.journal.gaps import Missing
from onecard.journal.header import HEADER_SIZE, Cause
from onecard.journal.index import Index
from onecard.journal.mark import DurableMark
from onecard.journal.opening import closed_unless_taken, opening
from onecard.journal.pool import DURABLE, Pool, make_journal
from onecard.journal.recovery import Recovery, Tail, keep_aside, recover
from onecard.journal.room import CLOSING_KINDS, Room, kept_back, room_of
from onecard.journal.succession import begin_next
from onecard.journal.walk import Entry, walk
from onecard.records import Boot, RecordKind, encode_record

SEGMENT_SIZE = 1 << 20
SEGMENTS = 64
"""64 MiB: the pool of DESIGN §11."""

_FAULTS_KEPT = 16


class Journal:
    """The writer. Make it with `Journal.open`; close it, or use it in a `with`."""

    def __init__(
        self, disk: Disk, directory: Path, chain_key: bytes, random: Callable[[int], bytes], tail: Tail
    ) -> None:
        """For `open`, which holds the lock and has recovered the tail."""
        header = tail.active.segment.header
        self.terminal = TerminalNumber(header.terminal)
        self.recovery: Recovery = tail.report
        self.faults: list[str] = []
        self._disk = disk
        self._directory = directory
        self._key = chain_key
        self._random = random
        self._life = tail.life
        self._durable_life = tail.durable_life  # in force at the last durable record
        self._active = tail.active
        self._pool = Pool(disk, directory)
        self._index = Index(disk, tail.segments, tail.offsets, tail.boots)
        self.care = Care(disk, directory, chain_key, (self._index, self._pool), self._note)
        self._pending = tail.unproved  # written and not yet durable
        self._durable, self._durable_tag = tail.durable, tail.durable_tag
        self._last, self._tag = tail.durable, tail.durable_tag
        if self._pending:
            self._last, self._tag = self._pending[-1].sequence, self._pending[-1].tag
        self._out_of_service = ""
        capacity = header.segment_size - HEADER_SIZE
        self._kept_back = kept_back(capacity)
        self._idle_limit = min(16 << 10, capacity // 8)
        self._held = ExitStack()  # of `open`: what `close` lets go, the lock last
        self._closed = False
        self._mark = disk.open(directory / DURABLE, os.O_RDWR | os.O_CREAT)

    @staticmethod
    def create(
        directory: Path,
        *,
        terminal: int,
        chain_key: bytes,
        salt: Callable[[int], bytes],
        segment_size: int = SEGMENT_SIZE,
        segments: int = SEGMENTS,
        disk: Disk | None = None,
    ) -> None:
        """An empty journal; `salt(n)` gives n random bytes. Raises `JournalExists`, `JournalOutOfService`."""
        make_journal(
            disk or OsDisk(),
            directory,
            terminal=terminal,
            chain_key=chain_key,
            salt=salt,
            segment_size=segment_size,
            segments=segments,
        )

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        chain_key: bytes,
        boot: BootInfo,
        random: Callable[[int], bytes],
        disk: Disk | None = None,
        salvage: bool = False,
    ) -> Self:
        """Recovers the journal and begins a new epoch in it; its BOOT record is durable on return.

        With `salvage` a newest segment damaged in its middle is kept, a copy beside it, and records go on in a fresh
        one: `recovery.missing` and BOOT tell what is lost, the caller appends the GAP records.

        Raises `NoJournal`, `JournalLocked`, `JournalDamage` (nothing is changed then), `JournalOutOfService`,
        `JournalFull` when not even BOOT fits.
        """
        assert len(chain_key) == CHAIN_KEY_SIZE
        disk = disk or OsDisk()
        with opening(disk, directory) as held:
            tail = recover(disk, directory, chain_key, salvage=salvage)
            with closed_unless_taken(tail.active):
                journal = cls(disk, directory, chain_key, random, tail)
            held.callback(journal._release)
            journal._boot(boot)
            journal._held = held.pop_all()
            return journal

    @property
    def epoch(self) -> int:
        """Of this opening."""
        return self._life.epoch

    @property
    def first_sequence(self) -> int:
        """Of the oldest record kept."""
        return self._index.first_sequence

    @property
    def next_sequence(self) -> int:
        """What the next record will be numbered."""
        return self._last + 1

    @property
    def durable_sequence(self) -> int:
        """The last record known to be on the medium."""
        return self._durable

    @property
    def undurable(self) -> int:
        """How many records ride along: written, not yet known to be on the medium."""
        return len(self._pending)

    @property
    def head(self) -> tuple[int, bytes]:
        """Sequence and chain tag of the last record."""
        return self._last, self._tag

    @property
    def room(self) -> Room:
        """What is left for new work."""
        return room_of(self._active.segment.header, self._active.left, len(self._pool))

    def append(self, kind: int, payload: bytes, *, durable: bool) -> RecordName:
        """Adds a record; with `durable`, returns only when it and all before it are on the medium.

        `kind` 2 … 255 (BOOT is the journal's own), payload at most 4096 bytes. Raises `JournalFull` (nothing was
        written) and `JournalOutOfService` (the record may or may not be found at the next start: in doubt).
        """
        assert kind != RecordKind.BOOT
        self._append(kind, payload, durable)
        return RecordName(self.terminal, self.epoch, self._last)

    def flush(self) -> None:
        """Makes every record durable. Raises `JournalOutOfService`."""
        self._check_service()
        if not self._pending:
            return
        try:
            self._active.sync()
        except OSError as error:
            self._carry_over(error)
        else:
            self._now_durable()

    def prepare(self) -> None:
        """For idle time: begins the next segment early when this one is nearly full, so that no tap has to."""
        self._check_service()
        if self._active.left < self._idle_limit and len(self._pool) > 0:
            self._rotate()

    def entry(self, sequence: int) -> Entry:
        """One record, read from its place. Raises `KeyError` when there is none, `JournalDamage`."""
        if not self.first_sequence <= sequence <= self._last:
            raise KeyError(sequence)
        return self._index.entry(sequence)

    def entries(self, first: int = 1, *, missing: Callable[[Missing], None] | None = None) -> Iterator[Entry]:
        """The records from `first` on, up to the last at the time of the call.

        Raises `JournalDamage`; with `missing`, a hole is told to it instead and what is whole behind it follows.
        """
        return walk(self._disk, self._directory, key=None, first=first, last=self._last, missing=missing)

    def close(self) -> None:
        """Flushes and lets the files and the lock go; again, does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._out_of_service:
                self.flush()
        finally:
            self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _boot(self, info: BootInfo) -> None:
        missing = self.recovery.missing
        if self.recovery.io_error:
            self._carry_over(OSError(self.recovery.io_error))
        elif missing:
            self._note(keep_aside(self._disk, self._active.segment))
            self._succeed(Cause.DAMAGE)
        self._life = Life(self.epoch + 1, info.incarnation)
        boot = Boot(
            epoch=self.epoch,
            incarnation=info.incarnation,
            at=info.at,
            clock=info.clock,
            software=info.software,
            recovered_from=self.recovery.last_sequence,
            torn_bytes=self.recovery.torn_bytes,
            gap_first=missing[0].first if missing else 0,
            gap_last=missing[-1].last if missing else 0,
        )
        self._append(*encode_record(boot), durable=True)
        self._index.begin_epoch(self._last, self.epoch)

    def _append(self, kind: int, payload: bytes, durable: bool) -> None:
        assert 0 < kind <= 0xFF
        assert len(payload) <= MAX_PAYLOAD
        self._check_service()
        self._make_room(kind, OVERHEAD + len(payload))
        active = self._active
        offset, undurable, sequence = active.end, len(self._pending), self._last + 1
        tag = chain_tag(self._key, self._tag, kind, sequence, payload)
        frame = encode_frame(active.seed, kind, undurable, sequence, payload, tag=tag)
        try:
            self._pending.append(Frame(offset, kind, undurable, sequence, payload, tag))
            self._last, self._tag = sequence, tag
            active.write(frame)
            if durable:
                active.sync()
            self._index.add(sequence, offset)
            if durable:
                self._now_durable()
        except OSError as error:
            self._carry_over(error)
        except BaseException as error:
            self._interrupted(error)
            raise

    def _make_room(self, kind: int, size: int) -> None:
        if len(self._pending) > MAX_UNDURABLE:
            self.flush()
        keep = 0 if kind in CLOSING_KINDS else self._kept_back
        while True:
            left = self._active.left
            if len(self._pool) == 0 and left - size < keep:
                raise JournalFull(self._directory, left)
            if size <= left:
                return
            self._rotate()

    def _rotate(self) -> None:
        """The active segment ends here: its records durable first, because the next header vouches for them."""
        full = self._active
        self.flush()
        if self._active is full:  # else the flush failed and was carried over: that began a segment
            self._succeed(Cause.FULL)

    def _carry_over(self, error: OSError) -> None:
        """What is not durable goes from the failed segment to a fresh one, durable. Raises `JournalOutOfService`."""
        self._note(f"{self._active.segment.file.name}: {error}")
        self._succeed(Cause.IO_ERROR)
        at = HEADER_SIZE
        for pending in self._pending:
            self._index.add(pending.sequence, at)
            at += OVERHEAD + len(pending.payload)
        self._now_durable()

    def _succeed(self, cause: Cause) -> None:
        """A fresh segment after the last durable record takes the place of the active one, with what is pending."""
        before = self._active
        header = replace(
            before.segment.header,
            cause=cause,
            epoch=self._durable_life.epoch,
            incarnation=self._durable_life.incarnation,
            number=before.segment.header.number + 1,
            first_sequence=self._durable + 1,
            previous_tag=self._durable_tag,
        )
        try:
            self._active = begin_next(
                self._disk,
                self._directory,
                self._pool,
                header,
                carried=self._pending,
                random=self._random,
                note=self._note,
            )
        except OSError as error:
            self._fail(error)
        except BaseException as interruption:
            self._interrupted(interruption)
            raise
        before.close()
        self._index.begin(self._active.segment)

    def _now_durable(self) -> None:
        self._durable, self._durable_tag = self._last, self._tag
        self._durable_life = self._life
        self._pending.clear()
        name = RecordName(self.terminal, self.epoch, self._durable)
        raw = DurableMark(name, self._durable_tag).encode()
        try:
            taken = self._disk.pwrite(self._mark, raw, 0)
        except OSError as error:
            self._note(f"{DURABLE}: {error}")
        else:
            if taken != len(raw):
                self._note(f"{DURABLE}: {taken} of {len(raw)} bytes were written")

    def _fail(self, error: OSError) -> None:
        """Nothing more is written by this process; what is durable can still be read."""
        self._out_of_service = str(error)
        self._last, self._tag = self._durable, self._durable_tag
        self._check_service()

    def _interrupted(self, error: BaseException) -> None:
        """A signal's exception came in mid-write: what is half done is not built on."""
        self._out_of_service = f"a record was interrupted by {error!r}"

    def _check_service(self) -> None:
        if self._out_of_service:
            raise JournalOutOfService(self._directory, self._out_of_service)

    def _note(self, fault: str) -> None:
        del self.faults[: -_FAULTS_KEPT + 1]
        self.faults.append(fault)

    def _release(self) -> None:
        self._index.close()
        self._active.close()
        self._disk.close(self._mark)

"""What a start of the terminal costs behind a million records: from nothing to a session that can sell.

A data directory as enrolment and a year of selling leave it: a hundred thousand purses, an open shift, an
acknowledgement each thousand records, the newest segment nearly full. The whole of `firmware.boot.start` is timed, up
to the first durable record, in a process that has its modules; the reader's own opening is not in it. The records are
those of the bench's other parts in shape and size.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from firmware.books import Books
from firmware.boot import start
from firmware.checkpoint import checkpoint_key
from firmware.config import TerminalConfig, read_config
from firmware.purse_memory import PurseMemory
from firmware.shelf import Shelf
from firmware.upkeep import CHECKPOINT_RECORDS
from onecard.journal import Journal
from onecard.journal.segment import read_segments
from onecard.kinds import ClockQuality, Outcome, Purpose
from onecard.records import Ack, Intent, OutcomeRecord, Record, Seal, Shift, decode_record, encode_record
from tools.bench.enrolled import TERMINAL, absent_devices, enrol
from tools.bench.journal_records import KEY, UnsyncedDisk, open_journal, sale, sync_files
from tools.bench.journal_times import real_time

_RECORDS = 1_000_000
_PURSES = 100_000
_STARTS = 9
_AT = 1_900_000_000
_ACK_EACH = 1000
_FULL = 11_500  # records of a segment that is nearly full, as it is at the worst


def measure() -> dict[str, float]:
    """p50 in milliseconds up to the first durable record: `start_1m_ms` with the checkpoint of an orderly stop,
    `start_1m_late_checkpoint_ms` with one as old as it gets before idle time writes the next."""
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        world = _World(Path(place))
        world.make()
        with real_time():
            bare = [world.opening() for _ in range(_STARTS)]
            fresh = [world.start() for _ in range(_STARTS)]
            world.forget_newest()
            late = [world.start() for _ in range(_STARTS)]
    spans = [f"{min(times):.1f} … {max(times):.1f} ms" for times in (bare, fresh, late)]
    print(
        f"{_RECORDS} records of {_PURSES} purses: the journal alone opens in {spans[0]}; a start takes {spans[1]} to"
        f" its first durable record, {spans[2]} with a checkpoint {CHECKPOINT_RECORDS - 1} records old"
    )
    return {"start_1m_ms": statistics.median(fresh), "start_1m_late_checkpoint_ms": statistics.median(late)}


@dataclass
class _World:
    """A data directory."""

    place: Path

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def config(self) -> TerminalConfig:
        segments = _RECORDS * 110 // (1 << 20) + 8
        return read_config(absent_devices(segments, 1024), str(self.place / "terminal.toml"))

    def make(self) -> None:
        """The terminal's keys, its journal, and the two checkpoints."""
        identity = enrol(self.data)
        directory, disk = self.data / "journal", UnsyncedDisk()
        segments = self.config.segments
        Journal.create(directory, terminal=TERMINAL, chain_key=KEY, salt=os.urandom, segments=segments, disk=disk)
        books = Books(PurseMemory(TERMINAL, identity.keys))
        shelf = Shelf(self.data / "checkpoints", TERMINAL, checkpoint_key(KEY))
        with open_journal(directory, disk) as journal:
            boot = journal.entry(1)
            books.memory.note(1, decode_record(boot.kind, boot.payload))
            books.note(1, decode_record(boot.kind, boot.payload))
            end, late = _RECORDS, _RECORDS
            while journal.next_sequence <= end:
                if journal.next_sequence == _RECORDS - CHECKPOINT_RECORDS:
                    newest = read_segments(disk, directory)[-1].header.first_sequence
                    end = max(_RECORDS, newest + _FULL)
                    late = end - CHECKPOINT_RECORDS + 1
                record = _record(journal)
                sequence = journal.append(*encode_record(record), durable=False).sequence
                books.memory.note(sequence, record)
                books.note(sequence, record)
                if sequence in (late, end):
                    shelf.put(books, journal.head[1])
        sync_files(directory)

    def forget_newest(self) -> None:
        """What is left is the checkpoint before it."""
        max((self.data / "checkpoints").iterdir()).unlink()

    def opening(self) -> float:
        """Milliseconds of opening the journal alone, up to the first durable record."""
        begun = time.perf_counter()
        with open_journal(self.data / "journal") as journal:
            journal.append(*encode_record(Seal(_AT)), durable=True)
            return 1000 * (time.perf_counter() - begun)

    def start(self) -> float:
        """Milliseconds of a start, up to the first durable record."""
        config = self.config
        begun = time.perf_counter()
        station = start(config)
        station.log.write(Seal(_AT), durable=True)
        taken = 1000 * (time.perf_counter() - begun)
        assert station.shelf.refused == {}
        assert station.books.shift.is_open
        station.close()
        return taken


def _record(journal: Journal) -> Record:
    """The next record of a busy year."""
    sequence = journal.next_sequence
    if sequence == 2:
        return Shift(_AT, ClockQuality.TRUSTED, 1, 9000, 100_000_000_001, 1, 0, 0, 0, 0, 0)
    if sequence % _ACK_EACH == 0:
        return Ack(_AT, 1, sequence - 1, sequence - 1, journal.head[1], 0, 0)
    if sequence % 2:
        return OutcomeRecord(sequence - 1, Outcome.PAID, _AT)
    number = sequence // 2
    uid = (number * 2_654_435_761 % _PURSES).to_bytes(4, "big")
    return _sale(number, uid)


def _sale(number: int, uid: bytes) -> Intent:
    counter = number // _PURSES + 3
    return replace(sale(number), uid=uid, counter=counter, debited=3500 * counter, purpose=Purpose.SALE)

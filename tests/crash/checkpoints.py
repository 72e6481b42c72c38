"""The process under proof: a terminal that writes checkpoints, and gives a segment back once two of them hold it.

    python -m tests.crash.checkpoints DIRECTORY [MUTANT]

The firmware's own logbook, upkeep and shelf on a journal of 16 KiB segments. A day has a sale, refusals that ride
along, a checkpoint while they still do, and idle time that gives the oldest segment back; half-way the terminal starts
anew. The last sale stays in doubt. What it says is what `taps` says; journal and checkpoints lie in DIRECTORY.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import firmware.shelf
import onecard.durable_file
from firmware.books import Books
from firmware.checkpoint import checkpoint_key
from firmware.kept_tables import KeptTables
from firmware.logbook import Logbook
from firmware.packed_shelf import PackedShelf, packed_key
from firmware.packed_tables import PackedTables
from firmware.recall import recall
from firmware.shelf import Shelf
from firmware.upkeep import RETENTION_SECONDS, SEAL_SECONDS, Upkeep
from firmware.wall_clock import WallClock
from onecard.identity import RecordName
from onecard.journal import BootInfo, Journal
from onecard.keys import KeyRing
from onecard.kinds import ClockQuality, DeclineReason, Outcome
from onecard.records import Ack, Decline, OutcomeRecord
from tests.crash.taps import AT, KEY, SEGMENT_SIZE, TERMINAL, intent, say

KEYS = KeyRing({})
DAYS = 5
_REFUSALS = 100
_REFUSED = Decline(
    AT, ClockQuality.KEPT, 1, 20_000, 7, next(iter(DeclineReason)), bytes(4), 26, 1, 4_500, bytes(range(48))
)  # fmt: skip


class _Telling(Journal):
    """Says each record before and after it is written, each flush, and what is given up."""

    def append(self, kind: int, payload: bytes, *, durable: bool) -> RecordName:
        say("begin", int(kind), payload.hex())
        name = super().append(kind, payload, durable=durable)
        say("done", name.sequence, name.epoch, int(durable))
        return name

    def flush(self) -> None:
        super().flush()
        say("flushed", self.durable_sequence)


def shelf_in(directory: Path) -> Shelf:
    """The shelf of the terminal under proof."""
    return Shelf(directory, TERMINAL, checkpoint_key(KEY))


def main(directory: Path, mutant: str) -> None:
    """Five days. Raises `JournalError`, `NotKept` when the disk does not let it."""
    if mutant:
        setattr(*MUTANTS[mutant])
    seeds = random.Random(1)
    Journal.create(
        directory / "journal",
        terminal=TERMINAL,
        chain_key=KEY,
        salt=seeds.randbytes,
        segment_size=SEGMENT_SIZE,
        segments=4,
    )
    say("created")
    for days in (range(DAYS // 2), range(DAYS // 2, DAYS)):
        say("opening")
        boot = BootInfo(seeds.randbytes(8), AT, ClockQuality.KEPT, "crash 1")
        journal = _Telling.open(directory / "journal", chain_key=KEY, boot=boot, random=seeds.randbytes)
        say("opened", journal.epoch, journal.next_sequence - 1)
        with journal:
            shelf = shelf_in(directory / "checkpoints")
            recalled = recall(journal, shelf, shelf.newest(), KEYS)
            assert recalled is not None
            for day in days:
                _day(journal, shelf, recalled[0], day)


def _day(journal: Journal, shelf: Shelf, books: Books, day: int) -> None:
    clock = WallClock(lambda: AT + 2.0 * RETENTION_SECONDS, lambda: 0.0)
    log = Logbook(journal, books.memory, clock, books.listener(lambda: journal.next_sequence))
    packed = PackedTables(PackedShelf(shelf.directory.with_name("packed"), TERMINAL, packed_key(KEY)))
    upkeep = Upkeep(journal, log, books, tables=KeptTables(None, TERMINAL, []), packed=packed, shelf=shelf)
    sale = log.write(intent(day), durable=True)
    if day < DAYS - 1:
        log.write(OutcomeRecord(sale, Outcome.PAID if day % 2 else Outcome.ABANDONED, AT), durable=True)
    for number in range(_REFUSALS):
        log.write(replace(_REFUSED, card_number=number), durable=False)
    log.write(Ack(AT, 1, sale, sale, journal.entry(sale).tag, 0, 0), durable=False)
    upkeep.checkpoint()
    assert not upkeep.trouble
    upkeep.turn(0.0)
    for step in range(6):  # a scrub, a release, a recycling
        upkeep.chores(SEAL_SECONDS * (step + 2))


def _older_first(shelf: Shelf, books: Books, tag: bytes) -> None:
    for file in shelf.directory.glob("[0-9]*"):
        file.unlink()
    _put(shelf, books, tag)


_put = Shelf.put

MUTANTS: Mapping[str, tuple[object, str, object]] = {
    "told before durable": (Upkeep, "flush", lambda _: None),
    "named before synced": (firmware.shelf, "replace_file", partial(onecard.durable_file.replace_file, durable=False)),
    "names never synced": (onecard.durable_file, "sync_directory", lambda _: None),
    "oldest gone first": (Shelf, "put", _older_first),
}
"""A rule taken away: whose attribute is replaced by what."""


if __name__ == "__main__":
    main(Path(sys.argv[1]), " ".join(sys.argv[2:]))

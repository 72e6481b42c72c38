"""Records and journals that the journal's benches measure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onecard.journal import BootInfo, Journal
from onecard.journal.disk import OsDisk
from onecard.kinds import ClockQuality, Outcome, Purpose
from onecard.records import Intent, OutcomeRecord, encode_record

KEY = bytes(range(32))
PAIRS = 100
"""Taps that were made beforehand."""

_AT = 1_900_000_000


class UnsyncedDisk(OsDisk):
    """Syncs nothing: for making a long history, which is synced once, afterwards."""

    def fdatasync(self, descriptor: int) -> None:
        """Nothing."""

    def fsync(self, descriptor: int) -> None:
        """Nothing."""


def taps() -> list[tuple[int, bytes]]:
    """The two durable records of each of `PAIRS` paid taps in turn, INTENT and PAID, encoded."""
    return [record for number in range(PAIRS) for record in (encode_record(sale(number)), _paid(number))]


def make_journal(directory: Path, records: int) -> None:
    """A journal of the default 64 MiB, or what `records` need and eight segments more, that holds so many."""
    segments = max(8 if records < 10_000 else 64, records * 110 // (1 << 20) + 8)
    disk = UnsyncedDisk()
    Journal.create(directory, terminal=1, chain_key=KEY, salt=os.urandom, segments=segments, disk=disk)
    made = taps()
    with open_journal(directory, disk) as journal:
        for number in range(records):
            kind, payload = made[number % len(made)]
            journal.append(kind, payload, durable=False)
    sync_files(directory)


def sync_files(directory: Path) -> None:
    """Brings what an `UnsyncedDisk` wrote onto the medium."""
    for file in directory.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


@contextmanager
def open_journal(directory: Path, disk: OsDisk | None = None) -> Iterator[Journal]:
    """As the terminal opens it."""
    boot = BootInfo(os.urandom(8), _AT, ClockQuality.TRUSTED, "bench")
    with Journal.open(directory, chain_key=KEY, boot=boot, random=os.urandom, disk=disk) as journal:
        yield journal


def _paid(number: int) -> tuple[int, bytes]:
    return encode_record(OutcomeRecord(number + 1, Outcome.PAID, _AT + number))


def sale(number: int) -> Intent:
    """The INTENT of tap `number`."""
    return Intent(
        at=_AT + number,
        clock=ClockQuality.TRUSTED,
        shift=number,
        business_day=9000,
        operator=100_000_000_001,
        uid=os.urandom(4),
        card_number=200_000_000_004,
        purse=1,
        purpose=Purpose.SALE,
        amount=3500,
        counter=1000 + number,
        debited=3_500_000,
        base_slot=number % 3,
        ring=os.urandom(48),
        copy=0,
        load_sequence=12,
        loaded=5_000_000,
        pays=0,
        list_price=5000,
        tier=2,
        film_class=1,
        time_slot=3,
        tickets=1,
        tariff_version=4,
    )

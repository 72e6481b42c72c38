"""What a durable record costs, beside the physical limit: the same bytes, written and synced on a zero-filled file.

Both are timed in one process on one file system, block by block in turn, records made beforehand; a ratio near 1 means
the journal adds nothing to the flush. The disk here is whatever the temporary directory lies on: on a fast virtual one
the ratio overstates the journal's own share, on an SD card it vanishes.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from onecard.journal import BootInfo, Journal
from onecard.journal.frame import OVERHEAD
from onecard.kinds import ClockQuality, Outcome, Purpose
from onecard.records import Intent, OutcomeRecord, encode_record

_BLOCKS, _BLOCK = 40, 50


def measure() -> dict[str, float]:
    """`journal_insert_vs_bare`: the ratio of the p50 times."""
    records = [_sale(number) for number in range(_BLOCK)]
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        directory = Path(place) / "journal"
        key = bytes(32)
        Journal.create(directory, terminal=1, chain_key=key, salt=os.urandom, segments=4)
        info = BootInfo(os.urandom(8), 0, ClockQuality.UNKNOWN, "bench")
        bare = os.open(Path(place) / "bare", os.O_RDWR | os.O_CREAT)
        os.pwrite(bare, bytes(1 << 20), 0)
        os.fsync(bare)
        with Journal.open(directory, chain_key=key, boot=info, random=os.urandom) as journal:
            journal_times, bare_times = _interleave(journal, bare, records)
        os.close(bare)
    return {"journal_insert_vs_bare": statistics.median(journal_times) / statistics.median(bare_times)}


def _interleave(journal: Journal, bare: int, records: list[tuple[int, bytes]]) -> tuple[list[float], list[float]]:
    journal_times: list[float] = []
    bare_times: list[float] = []
    at = 0

    def insert(kind: int, payload: bytes) -> None:
        journal.append(kind, payload, durable=True)

    def write(_: int, payload: bytes) -> None:
        nonlocal at
        at += os.pwrite(bare, b"\1" * OVERHEAD + payload, at)
        os.fdatasync(bare)

    for block in range(_BLOCKS):
        journal.prepare()
        if block % 2:
            _time(insert, records, journal_times)
            _time(write, records, bare_times)
        else:
            _time(write, records, bare_times)
            _time(insert, records, journal_times)
    return journal_times, bare_times


def _time(call: Callable[[int, bytes], None], records: list[tuple[int, bytes]], times: list[float]) -> None:
    for kind, payload in records:
        start = time.perf_counter()
        call(kind, payload)
        times.append(time.perf_counter() - start)


def _sale(number: int) -> tuple[int, bytes]:
    """The two records of a sale in turn: INTENT, OUTCOME."""
    if number % 2:
        return encode_record(OutcomeRecord(number, Outcome.PAID, 1_900_000_000))
    return encode_record(
        Intent(
            at=1_900_000_000,
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
    )

"""What a durable record costs in time, beside the physical limit and beside databases at their best durable settings.

All engines are timed in one process on one file system, in blocks, in an order shuffled anew each round, with records
made beforehand. The table printed shows p50, p90 and p99 of each and the ratio to the bare line: the same bytes
written and synced on a zero-filled file, which is what the disk itself costs. The disk is whatever the temporary
directory lies on (`TMPDIR`); on a fast virtual one the ratio overstates our own share, on an SD card it vanishes.
Ratios of time are to be read with the counts of tools/bench/journal_device.py.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.bench import journal_rivals as rivals
from tools.bench.journal_records import make_journal, taps

_ROUNDS, _BLOCK = 24, 25
_SLOW_BLOCK = 1  # inserts of TinyDB's own storage a round: each rewrites megabytes
_SHORT, _LONG, _JSON = 100, 1_000_000, 10_000

_OURS, _OURS_LONG = f"journal, {_SHORT} records", f"journal, {_LONG} records"
_BARE = "bare, zero-filled file"
_WAL, _TINYDB = "SQLite WAL, FULL", f"TinyDB JSONStorage, {_JSON} records"


def measure() -> dict[str, float]:
    """Ratios of p50 times, ours ÷ the other: `journal_insert_vs_bare`, `journal_insert_vs_sqlite_wal`,
    `journal_insert_vs_tinydb_json_10k` (TinyDB's own storage with 10,000 documents), `journal_insert_1m_vs_100` (our
    own at a million records ÷ at a hundred). Below 1 is faster than the other.
    """
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        times = _interleave(Path(place))
        _print(times, Path(place))
    p50 = {name: statistics.median(each) for name, each in times.items()}
    return {
        "journal_insert_vs_bare": p50[_OURS] / p50[_BARE],
        "journal_insert_vs_sqlite_wal": p50[_OURS] / p50[_WAL],
        "journal_insert_vs_tinydb_json_10k": p50[_OURS] / p50[_TINYDB],
        "journal_insert_1m_vs_100": p50[_OURS_LONG] / p50[_OURS],
    }


def _interleave(place: Path) -> dict[str, list[float]]:
    short, long = place / "short", place / "long"
    make_journal(short, _SHORT)
    make_journal(long, _LONG)
    engines = {
        _OURS: partial(rivals.journal, short),
        _OURS_LONG: partial(rivals.journal, long),
        _BARE: partial(rivals.bare, place),
        "bare, growing file": partial(rivals.bare, place, zero_filled=False),
        _WAL: partial(rivals.sqlite, place, "WAL", "FULL"),
        "SQLite DELETE, EXTRA": partial(rivals.sqlite, place, "DELETE", "EXTRA"),
        "LMDB, sync": partial(rivals.lmdb_sync, place),
        _TINYDB: partial(rivals.tinydb_json, place, _JSON),
    }
    records = taps()
    rng = random.Random(0)  # noqa: S311 - an order, not a secret
    times: dict[str, list[float]] = {name: [] for name in engines}
    with ExitStack() as opened:
        inserts = {name: opened.enter_context(engine()) for name, engine in engines.items()}
        for number in range(_ROUNDS):
            for name in rng.sample(list(inserts), len(inserts)):
                block = _SLOW_BLOCK if name == _TINYDB else _BLOCK
                at = number * block % (len(records) - block)
                _time(inserts[name], records[at : at + block], times[name])
    return times


def _time(insert: rivals.Insert, records: list[tuple[int, bytes]], times: list[float]) -> None:
    for kind, payload in records:
        start = time.perf_counter()
        insert(kind, payload)
        times.append(time.perf_counter() - start)


def _print(times: dict[str, list[float]], place: Path) -> None:
    bare = statistics.median(times[_BARE])
    load = os.getloadavg()[0]
    title = (
        f"a durable record, on {_file_system(place)}; one write and flush there: {bare * 1e6:.0f} µs; load {load:.1f}"
    )
    table = Table("engine", "n", "p50 µs", "p90", "p99", "÷ bare", title=title)
    for name, each in sorted(times.items(), key=lambda pair: statistics.median(pair[1])):
        cuts = statistics.quantiles(each, n=100, method="inclusive")
        figures = (f"{cuts[percent - 1] * 1e6:.0f}" for percent in (50, 90, 99))
        table.add_row(name, str(len(each)), *figures, f"{cuts[49] / bare:.2f}")
    Console().print(table)


def _file_system(place: Path) -> str:
    """Kind, device and whether a jbd2 journal runs, of the file system under `place`."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    under = [(len(at), kind, device) for device, at, kind, *_ in mounts if place.resolve().is_relative_to(at)]
    _, kind, device = max(under)
    journals = Path("/proc/fs/jbd2")
    jbd2 = journals.exists() and any(path.name.startswith(Path(device).name + "-") for path in journals.iterdir())
    return f"{kind} ({device}, {'with' if jbd2 else 'without'} a jbd2 journal)"

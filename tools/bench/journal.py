"""What a durable record costs in time, beside the physical limit and beside databases at their best durable settings.

All engines are timed in one process on one file system, interleaved, with records made beforehand. The table printed
shows p50, p90 and p99 of each and the ratio to the bare line: the same bytes written and synced on a zero-filled file,
which is what the disk itself costs. The disk is whatever the temporary directory lies on (`TMPDIR`); on a fast virtual
one the ratio overstates our own share, on an SD card it vanishes. Ratios of time are to be read with the counts of
tools/bench/journal_device.py.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from tools.bench import journal_rivals as rivals
from tools.bench.journal_records import make_journal
from tools.bench.journal_times import Engine, interleave, p50, print_times

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
        times = interleave(_engines(Path(place)), {_TINYDB})
        print_times(times, _BARE, Path(place))
    ours = p50(times[_OURS])
    return {
        "journal_insert_vs_bare": ours / p50(times[_BARE]),
        "journal_insert_vs_sqlite_wal": ours / p50(times[_WAL]),
        "journal_insert_vs_tinydb_json_10k": ours / p50(times[_TINYDB]),
        "journal_insert_1m_vs_100": p50(times[_OURS_LONG]) / ours,
    }


def _engines(place: Path) -> dict[str, Engine]:
    short, long = place / "short", place / "long"
    make_journal(short, _SHORT)
    make_journal(long, _LONG)
    return {
        _OURS: partial(rivals.journal, short),
        _OURS_LONG: partial(rivals.journal, long),
        _BARE: partial(rivals.bare, place),
        "bare, growing file": partial(rivals.bare, place, zero_filled=False),
        _WAL: partial(rivals.sqlite, place, "WAL", "FULL"),
        "SQLite DELETE, EXTRA": partial(rivals.sqlite, place, "DELETE", "EXTRA"),
        "LMDB, sync": partial(rivals.lmdb_sync, place),
        _TINYDB: partial(rivals.tinydb_json, place, _JSON),
    }

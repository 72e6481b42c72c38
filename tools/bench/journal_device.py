"""What a durable record costs the device: flushes, writes and bytes, counted under a journaled ext4.

Counts do not depend on the speed of a disk. The device is the recording disk of tools/blockdisk, so this needs root,
FUSE and loop devices. Run by itself (`python -m tools.bench.journal_device`, inside the sandbox) it prints JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.bench import journal_rivals as rivals
from tools.bench.journal_records import make_journal, taps
from tools.blockdisk.disk import MIB, recording_disk
from tools.blockdisk.log import Event, Flush, Mark, Write
from tools.blockdisk.sandbox import run_sandboxed, scratch

_RECORDS = 1000
_SIZE = 64 * MIB
_OURS = "journal"
_TIMEOUT = 120  # seconds


def measure() -> dict[str, float]:
    """`journal_flushes_per_record`, `journal_block_writes_per_record`: of `_RECORDS` durable records of taps in turn
    (a paid tap has two), default segments, on ext4 with jbd2. Bytes and rivals are printed beside them.
    """
    counts: dict[str, list[float]] = json.loads(run_sandboxed(__name__, timeout=_TIMEOUT))
    table = Table("engine", "writes", "bytes", "flushes", title=f"a durable record at the device, n = {_RECORDS}, ext4")
    for name, (writes, size, flushes) in sorted(counts.items(), key=lambda pair: pair[1]):
        table.add_row(name, f"{writes:.2f}", f"{size:,.0f}", f"{flushes:.2f}")
    Console().print(table)
    writes, _, flushes = counts[_OURS]
    return {"journal_flushes_per_record": flushes, "journal_block_writes_per_record": writes}


def main() -> None:
    """Every engine on a disk of its own, its counts a record: writes, bytes, flushes."""
    engines: dict[str, Callable[[Path], AbstractContextManager[rivals.Insert]]] = {
        _OURS: _journal,
        "bare, zero-filled file": rivals.bare,
        "bare, growing file": partial(rivals.bare, zero_filled=False),
        "SQLite WAL, FULL": partial(rivals.sqlite, journal_mode="WAL", synchronous="FULL"),
        "SQLite DELETE, EXTRA": partial(rivals.sqlite, journal_mode="DELETE", synchronous="EXTRA"),
        "LMDB, sync": rivals.lmdb_sync,
        "TinyDB JSONStorage": partial(rivals.tinydb_json, records=1),
    }
    print(json.dumps({name: _count(engine) for name, engine in engines.items()}))


def _journal(files: Path) -> AbstractContextManager[rivals.Insert]:
    make_journal(files / "journal", 0)
    return rivals.journal(files / "journal")


def _count(engine: Callable[[Path], AbstractContextManager[rivals.Insert]]) -> tuple[float, float, float]:
    records = taps()
    with scratch() as folder, recording_disk(folder, _SIZE) as disk:
        with engine(disk.files) as insert:
            disk.marks.write_text("begin", encoding="ascii")
            for number in range(_RECORDS):
                insert(*records[number % len(records)])
            disk.marks.write_text("end", encoding="ascii")
        return _sums(disk.events())


def _sums(events: list[Event]) -> tuple[float, float, float]:
    begin, end = (place for place, event in enumerate(events) if isinstance(event, Mark))
    asked = events[begin:end]
    writes = [event for event in asked if isinstance(event, Write)]
    flushes = sum(isinstance(event, Flush) for event in asked)
    return len(writes) / _RECORDS, sum(len(write.content) for write in writes) / _RECORDS, flushes / _RECORDS


if __name__ == "__main__":
    main()

"""What a long journal costs: opening, memory, disk, proving. A million records of taps; a real till for the disk bytes.

Run by itself (`python -m tools.bench.journal_size DIRECTORY`) it prints the bytes of memory that a process takes for
the journal in DIRECTORY with every record's place known.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hardware.pn532.opening import open_reader
from hardware.virtual.process import VirtualReader
from onecard.journal.check import check_journal
from onecard.journal.frame import OVERHEAD
from onecard.records import RecordKind
from tools.bench.journal_records import KEY, make_journal, open_journal, taps
from tools.bench.journal_times import real_time
from tools.bench.till import Issuer, Till

_RECORDS = 1_000_000
_OPENINGS = 9
_TAPS = 60
_STEP = 1000  # every how many-th record is asked for, so that every segment's index is there
_UID = bytes.fromhex("d610b626")


def measure() -> dict[str, float]:
    """`journal_open_1m_ms` (p50 of opening with the first durable record, a million before it),
    `journal_ram_bytes_per_record` (growth of a process's resident memory, all places known),
    `journal_disk_bytes_per_record` (mean over INTENT and PAID of real taps, frame included).
    """
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        directory = Path(place) / "journal"
        make_journal(directory, _RECORDS)
        memory = int(subprocess.check_output([sys.executable, "-m", __name__, str(directory)]))
        with real_time():
            openings = [_open(directory) for _ in range(_OPENINGS)]
            start = time.perf_counter()
            report = check_journal(directory, KEY)
            proving = time.perf_counter() - start
        assert report.damage == []
        disk = _disk_bytes(Path(place))
    print(
        f"a million records: first tap {min(openings):.1f} … {max(openings):.1f} ms after opening; "
        f"proving all costs {proving / report.records * 1e6:.2f} µs a record"
    )
    return {
        "journal_open_1m_ms": statistics.median(openings),
        "journal_ram_bytes_per_record": memory / report.records,
        "journal_disk_bytes_per_record": disk,
    }


def main(directory: Path) -> None:
    """Prints how many bytes this process grew by."""
    gc.collect()
    before = _resident()
    with open_journal(directory) as journal:
        for sequence in range(1, journal.next_sequence, _STEP):
            journal.entry(sequence)
        gc.collect()
        print(_resident() - before)


def _resident() -> int:
    """Of this process, in bytes (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _open(directory: Path) -> float:
    """Milliseconds until the first record of this opening is durable."""
    record = taps()[0]
    start = time.perf_counter()
    with open_journal(directory) as journal:
        journal.append(*record, durable=True)
        return 1000 * (time.perf_counter() - start)


def _disk_bytes(place: Path) -> float:
    issuer = Issuer()
    card = issuer.card(place / "card", _UID, loaded=10_000_000)
    with VirtualReader(place / "reader", cards=[card]) as process, open_reader(str(process.link), 921_600) as reader:
        till = Till(reader, place / "till", issuer, terminal=1)
        for _ in range(_TAPS):
            till.pay(3500)
        kinds = (RecordKind.INTENT, RecordKind.OUTCOME)
        sizes = [OVERHEAD + len(entry.payload) for entry in till.journal.entries() if entry.kind in kinds]
    assert len(sizes) == 2 * _TAPS
    return statistics.mean(sizes)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""What the certificates of a hundred thousand purses cost a start of the terminal: its time, and what it then holds.

Each start is a process of its own that makes its first record durable and tells what memory it has resident. First the
certificates lie in the inbox, as the daemon leaves what the server sent a new terminal; then they are kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from firmware.boot import Station, start
from firmware.config import read_config
from onecard.downlink import Header, Table, pack_downlink
from onecard.inbox_names import chunk_name
from onecard.journal import Journal
from onecard.keys import sign
from onecard.records import Seal
from tools.bench.enrolled import SEAL_PUBLIC, SERVER_SEED, TERMINAL, absent_devices, enrol
from tools.bench.journal_records import KEY
from tools.bench.till import Issuer

_CERTIFICATES = 100_000
_IN_A_CHUNK = 500
_STARTS = 5
_AT = 1_900_000_000


def measure() -> dict[str, float]:
    """The least of five starts: `start_100k_certificates_kept_ms` up to the first durable record, `…_mib` resident
    then; `start_100k_certificates_inbox_…` where nothing is kept yet, `start_no_certificates_…` where there are none.
    """
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        data = Path(place) / "data"
        _make(data)
        figures |= _least("start_no_certificates", Path(place))
        for chunk, envelope in _chunks():
            (data / "inbox" / chunk).write_bytes(envelope)
        figures |= _least("start_100k_certificates_inbox", Path(place))
        _keep(Path(place))
        figures |= _least("start_100k_certificates_kept", Path(place))
    return figures


def _least(name: str, place: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tools.bench.certificates", str(place)]
    told = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(_STARTS)]
    return {f"{name}_{unit}": min(one[unit] for one in told) for unit in ("ms", "mib")}


def _keep(place: Path) -> None:
    """What the terminal does in idle time, and the daemon after it."""
    station, _ = _start(place)
    assert station.packed.keep(station.clock.monotonic())
    station.close()
    for chunk in (place / "data/inbox/certificates").iterdir():
        chunk.unlink()


def _make(data: Path) -> None:
    """An enrolled terminal with an empty journal, and the inbox as the daemon makes it."""
    enrol(data)
    (data / "inbox/certificates").mkdir()
    Journal.create(
        data / "journal", terminal=TERMINAL, chain_key=KEY, salt=os.urandom, segments=8, segment_size=1 << 18
    )


def _chunks() -> Iterator[tuple[str, bytes]]:
    """Name and envelope of each chunk in which the server sends them."""
    issuer = Issuer()
    for base in range(0, _CERTIFICATES, _IN_A_CHUNK):
        version = base + _IN_A_CHUNK
        header = Header(TERMINAL, Table.CERTIFICATES, base, version, _AT, 0)
        images = [issuer.certificate(_uid(place + 1), 1, 10_000) for place in range(base, version)]
        yield (
            chunk_name(Table.CERTIFICATES, version),
            pack_downlink(header, images, SEAL_PUBLIC, 1, lambda message: sign(SERVER_SEED, b"", message)),
        )


def _uid(place: int) -> bytes:
    return (place * 2_654_435_761 % (1 << 32)).to_bytes(4, "big")


def _start(place: Path) -> tuple[Station, float]:
    """A started terminal and the milliseconds up to its first durable record."""
    config = read_config(absent_devices(8, 256), str(place / "terminal.toml"))
    begun = time.perf_counter()
    station = start(config)
    station.log.write(Seal(_AT), durable=True)
    return station, 1000 * (time.perf_counter() - begun)


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    started, taken = _start(Path(sys.argv[1]))
    print(json.dumps({"ms": taken, "mib": _resident_mib()}))
    started.close()

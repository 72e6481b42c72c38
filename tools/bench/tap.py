"""What a tap costs: host commands, modelled milliseconds, our own processor time.

A known purse on a MIFARE Classic card, debited through the shipped driver on a virtual PN532. The modelled time is
that of the UART, the RF frames and the EEPROM (hardware/virtual/timing.py says what it leaves out); the processor time
is this process's own, without the virtual reader's.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from firmware.results import Paid
from hardware.pn532.opening import open_reader
from hardware.virtual.process import VirtualReader
from tools.bench.till import Issuer, Till

_UID = bytes.fromhex("d610b626")
_TAPS = 200


def measure() -> dict[str, float]:
    """`tap_commands_classic`, `tap_model_ms_classic_115200`, `tap_model_ms_classic_921600`, `tap_cpu_ms`."""
    commands, slow, cpu = _taps(115200)
    _, fast, _ = _taps(921600)
    return {
        "tap_commands_classic": commands,
        "tap_model_ms_classic_115200": slow,
        "tap_model_ms_classic_921600": fast,
        "tap_cpu_ms": cpu,
    }


def _taps(baud: int) -> tuple[float, float, float]:
    """Host commands, modelled ms and median CPU ms of one debit of a known purse."""
    issuer = Issuer()
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        folder = Path(place)
        card = issuer.card(folder / "card", _UID, loaded=10_000_000)
        with VirtualReader(folder / "reader", cards=[card]) as process, open_reader(str(process.link), baud) as reader:
            till = Till(reader, folder / "journal", issuer, terminal=1)
            _pay(till)
            process.command("stats")
            before = reader.commands
            times = [_pay(till) for _ in range(_TAPS)]
            stats = process.command("stats")
            modelled = stats["modelled_ms"]
            assert isinstance(modelled, float | int)
            return (reader.commands - before) / _TAPS, modelled / _TAPS, 1000 * statistics.median(times)


def _pay(till: Till) -> float:
    begun = time.process_time()
    result = till.pay(100)
    assert isinstance(result, Paid), result
    return time.process_time() - begun

"""What a tap costs: host commands, modelled milliseconds, our own processor time; and libfreefare's beside it.

A debit through the shipped driver on a virtual PN532, at first sight of a purse and when it is known, on a MIFARE
Classic and on a DESFire of two generations, each tap a presentation of its own. Counts are the reader's own for
both hosts. The modelled time is that of the UART, the RF frames and the EEPROM (hardware/virtual/timing.py says what it
leaves out); the processor time is this process's own, without the virtual reader's, and includes the journal's.

A figure of "desfire" is that of the generation that costs more.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from firmware.results import Paid
from hardware.pn532.opening import open_reader
from hardware.virtual.process import VirtualReader
from tools.bench.tap_cards import Card, Cost, cost_of, lay_down, make_card
from tools.bench.tap_rival import RIVAL_BAUDS, rival_tap
from tools.bench.till import Issuer, Till

BAUDS = (115200, 921600)
_TAPS = 200


@dataclass(frozen=True, slots=True)
class OurTaps:
    """One card at one reader: what its first tap cost, the dearest of those after it, their median CPU ms."""

    first: Cost
    known: Cost
    cpu_ms: float


def measure() -> dict[str, float]:
    """`tap_commands_F`, `tap_model_ms_F_BAUD` of a known card, `tap_first_…` at first sight, `…_libfreefare_F`, our
    commands as a share of libfreefare's `tap_commands_F_vs_libfreefare`; `tap_cpu_ms` and `tap_cpu_ms_desfire`."""
    figures: dict[str, float] = {}
    for family, cards in (("classic", [Card.CLASSIC]), ("desfire", [Card.EV1, Card.EV2])):
        for baud in BAUDS:
            taps = [our_taps(card, baud, _TAPS) for card in cards]
            figures |= {
                f"tap_commands_{family}": max(each.known.commands for each in taps),
                f"tap_first_commands_{family}": max(each.first.commands for each in taps),
                f"tap_model_ms_{family}_{baud}": max(each.known.modelled_ms for each in taps),
                f"tap_first_model_ms_{family}_{baud}": max(each.first.modelled_ms for each in taps),
                "tap_cpu_ms" if family == "classic" else "tap_cpu_ms_desfire": max(each.cpu_ms for each in taps),
            }
        for baud in RIVAL_BAUDS:
            rival = rival_tap(cards[0], baud)
            figures[f"tap_model_ms_libfreefare_{family}_{baud}"] = rival.modelled_ms
        figures |= {
            f"tap_commands_libfreefare_{family}": rival.commands,
            f"tap_commands_{family}_vs_libfreefare": figures[f"tap_commands_{family}"] / rival.commands,
        }
    return figures


def our_taps(card: Card, baud: int, known: int) -> OurTaps:
    """A card's first tap, then that many more."""
    issuer = Issuer()
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
        folder = Path(place)
        path = make_card(issuer, folder / "card", card)
        with VirtualReader(folder / "reader") as process, open_reader(str(process.link), baud) as reader:
            till = Till(reader, folder / "journal", issuer, terminal=1)
            taps = [_pay(till, process, path) for _ in range(1 + known)]
    costs = [cost for cost, _ in taps]
    dearest = Cost(max(each.commands for each in costs[1:]), max(each.modelled_ms for each in costs[1:]))
    return OurTaps(costs[0], dearest, 1000 * statistics.median(seconds for _, seconds in taps[1:]))


def _pay(till: Till, reader: VirtualReader, card: Path) -> tuple[Cost, float]:
    """What one debit cost, and the seconds of processor time."""
    lay_down(reader, card)
    cost_of(reader)
    begun = time.process_time()
    result = till.pay(100)
    seconds = time.process_time() - begun
    assert isinstance(result, Paid), result
    return cost_of(reader), seconds

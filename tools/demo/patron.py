"""What patrons and cashiers do at a till; each visit ends with a final word on its sale."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tools.demo.day import Clumsy, Cut, Kill, Mishap, Tear, Visit
from tools.demo.processes import wait_for
from tools.demo.till import DemoTill

_STALL = {Kill.BEFORE_WRITE: "stall before 0", Kill.AFTER_WRITE: "stall after 0"}
_NO_TEAR = "tear before command 1000000000"
_STALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a patron tells of a visit: the mishap, if it came about, and whether the screen said paid. A card that is
    declined is never written, so nothing can be torn in the middle of that."""

    happened: Mishap
    paid: bool


def sign_on(till: DemoTill, cashier_card: Path) -> None:
    """A cashier opens a shift."""
    till.await_state("signed off")
    till.place(cashier_card)
    till.await_state("welcome")
    till.clear()
    till.await_state("ready" if till.shows else "armed")


def visit(till: DemoTill, card: Path, what: Visit, other_card: Path | None = None) -> Seen:
    """One sale from the price to the end: paid, declined or abandoned."""
    _ask_price(till)
    before = till.screen.results
    happened: Mishap = None
    match what.mishap:
        case None:
            till.place(card)
            till.await_result(before)
        case Clumsy():
            assert other_card is not None
            till.place(card, other_card)
            till.await_result(before)
            happened = what.mishap
        case Tear(mode):
            till.reader.command(f"tear {mode} 0")
            till.place(card)
            till.await_result(before)
            happened = what.mishap if not till.reader.command("stats")["cards"] else None
            till.reader.command(_NO_TEAR)
        case Kill():
            till.reader.command(_STALL[what.mishap])
            till.place(card)
            wait_for(
                "the card write",
                lambda: _stalled(till) or till.screen.results > before,
                _STALL_SECONDS,
                stopping=till.stopping,
            )
            if _stalled(till):
                till.kill_and_restart()
                happened = what.mishap
            else:
                till.reader.command("resume")
        case Cut(seconds):
            till.place(card)
            time.sleep(seconds)
            till.kill_and_restart()
            happened = what.mishap
    state = till.screen.state
    if state == "in doubt":
        state = _end_doubt(till, card, what)
    _leave(till)
    return Seen(happened, state == "paid")


def inquire(till: DemoTill, card: Path) -> None:
    """A balance inquiry: whatever waits for the card lands on it, and a null record settles what is below (P-R12)."""
    till.await_state("ready" if till.shows else "armed")
    till.press("B")
    till.await_state("inquiry")
    till.place(card)
    till.await_state("inquiry shown")
    _leave(till)


def _ask_price(till: DemoTill) -> None:
    if not till.shows:
        till.await_state("armed")
        return
    till.await_state("ready")
    till.press("1")
    till.await_state("film chosen")
    till.press("1")
    till.await_state("tickets chosen")
    till.press("#")
    till.await_state("armed")


def _end_doubt(till: DemoTill, card: Path, what: Visit) -> str:
    """The patron taps again until it is settled, or has walked away; the state it came to."""
    if not what.stays:
        till.clear()
        return till.await_state("abandoned", "ready", "armed")
    till.clear()
    till.place(card)
    return till.await_state("paid", "already paid", "abandoned", "refused")


def _leave(till: DemoTill) -> None:
    till.clear()
    home = "ready" if till.shows else "armed"
    if till.shows and till.await_state("ready", "armed") == "armed":
        till.press("*")  # a refused card leaves the sale open for another one; this patron has no other
    till.await_state(home)


def _stalled(till: DemoTill) -> bool:
    return till.reader.command("stats")["stalled"] is True

"""I-03: the balance shown is the newest valid certificate less the newest valid ring record."""

from __future__ import annotations

from firmware.results import Paid, Shown
from tests.tears.history import History
from tests.tears.stage import Result


def violation(history: History, result: Result | None) -> str | None:
    """A balance that is shown is the card's: after an acknowledged write, of every reading; after a look, of one."""
    if not isinstance(result, Paid | Shown):
        return None
    balances = {
        sighting.in_force.loaded - sighting.ring.newest.debited
        for sighting in history.sightings
        if sighting.in_force is not None and sighting.ring.newest is not None
    }
    if isinstance(result, Paid) and balances != {result.balance}:
        return f"I-03: {result.balance} was shown at a sale, the card holds {balances}"
    if result.balance not in balances:
        return f"I-03: {result.balance} was shown, the card holds {balances}"
    return None

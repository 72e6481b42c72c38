"""docs/purse.md I7: no honest card is refused as behind, forked, foreign, unreadable or without a certificate."""

from __future__ import annotations

from firmware.results import Declined
from onecard.kinds import DeclineReason
from tests.tears.invariants.purse_i6 import WEAK_TEARS_MAX
from tests.tears.stage import Result
from tests.tears.world import World

_ONLY_MOVED = DeclineReason.CARD_MOVED


def violation(world: World, result: Result | None, *, is_cut: bool) -> str | None:
    """A card that lies still is never declined; one that was pulled away has moved, and nothing worse."""
    if not isinstance(result, Declined):
        return None
    if result.reason is _ONLY_MOVED and is_cut:
        return None
    if result.reason is DeclineReason.UNREADABLE_RING and world.weak_tears > WEAK_TEARS_MAX:
        return None
    return f"purse I7: an honest card was declined: {result.reason.name}"

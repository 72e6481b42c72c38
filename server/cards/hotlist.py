"""The hotlist: cards to refuse, versioned; the newest entry of a card counts."""

from __future__ import annotations

from onecard import cbor
from server.cards.models import HotlistEntry

REFUSED = 1


def hotlist_version() -> int:
    """One more than the number of the newest entry: the empty list is version 1, which a terminal must have seen
    before it may say that a card is not on it."""
    newest = HotlistEntry.objects.order_by("-version").values_list("version", flat=True).first()
    return 1 + (newest or 0)


def hotlist() -> list[cbor.Value]:
    """The whole list as a downlink body: `[card number, state]` of every card refused now."""
    newest = dict(HotlistEntry.objects.order_by("version").values_list("card_id", "refused"))
    return [[number, REFUSED] for number, refused in sorted(newest.items()) if refused]

"""The hotlist: cards to refuse, versioned; the newest entry of a card counts."""

from __future__ import annotations

from onecard import cbor
from server.cards.models import HotlistEntry

REFUSED = 1


def hotlist_version() -> int:
    """The version of the newest entry, 0 for none."""
    return HotlistEntry.objects.order_by("-version").values_list("version", flat=True).first() or 0


def hotlist() -> list[cbor.Value]:
    """The whole list as a downlink body: `[card number, state]` of every card refused now."""
    newest = dict(HotlistEntry.objects.order_by("version").values_list("card_id", "refused"))
    return [[number, REFUSED] for number, refused in sorted(newest.items()) if refused]

"""The hotlist: cards to refuse, versioned; the newest entry of a card counts."""

from __future__ import annotations

from collections.abc import Iterable

from onecard.hotlist import number_bytes
from onecard.identity import CardNumber
from onecard.packed_table import TableChange
from server.cards.models import HotlistEntry


def hotlist_version() -> int:
    """One more than the number of the newest entry: the empty list is version 1, which a terminal must have seen
    before it may say that a card is not on it."""
    newest = HotlistEntry.objects.order_by("-version").values_list("version", flat=True).first()
    return 1 + (newest or 0)


def hotlist_after(base: int) -> TableChange:
    """What leads from version `base` to the newest, all of one moment; 0 asks for the whole list."""
    entries = HotlistEntry.objects.filter(version__gte=base).order_by("version")
    newest = {}
    version = max(base, 1)
    for entry, number, refused in entries.values_list("version", "card_id", "refused"):
        version = 1 + entry
        newest[number] = refused
    return TableChange(
        base,
        version,
        rows=_packed(number for number, refused in newest.items() if refused),
        removed=_packed(number for number, refused in newest.items() if not refused) if base else b"",
    )


def _packed(numbers: Iterable[int]) -> bytes:
    return b"".join(number_bytes(CardNumber(number)) for number in sorted(numbers))

"""What lies on the desk's reader: blank, one of ours, or somebody else's. Only reads."""

from __future__ import annotations

from dataclasses import dataclass

from firmware.card_sight import Presentation, Refused, Sight
from firmware.desk.card_work import CardWork
from firmware.results import NoCard
from hardware.cards.selection import family_of
from hardware.reader import CardGone, Reader
from onecard.desk import Found
from onecard.kinds import DeclineReason
from onecard.purse.ring import ring_bytes


@dataclass(frozen=True, slots=True)
class Lying:
    """One card. `family`: the wire number, 0 for none of ours; `ring`: 48 bytes, or none when it does not open."""

    uid: bytes
    family: int
    found: Found
    ring: bytes


@dataclass(frozen=True, slots=True)
class Unsteady:
    """Two cards, or one that moved."""


def look(reader: Reader, sight: Sight, work: CardWork, already_refused: bytes) -> Lying | NoCard | Unsteady:
    """See what lies there; a card with the UID `already_refused` is not examined further.

    Raises `hardware.reader.ReaderError`.
    """
    seen = sight.select(0)
    if isinstance(seen, NoCard):
        return seen
    shown = seen if isinstance(seen, Presentation) else seen.shown
    if shown is not None:
        return Lying(shown.card.uid, shown.card.family.value, Found.OURS, ring_bytes(shown.ring, shown.images))
    if isinstance(seen, Refused) and seen.reason is DeclineReason.FOREIGN_CARD:
        try:
            return _closed_card(reader, work, already_refused)
        except CardGone:
            return Unsteady()
    return Unsteady()


def _closed_card(reader: Reader, work: CardWork, already_refused: bytes) -> Lying | Unsteady:
    """A card whose purse does not open: blank, half done, or of other keys."""
    targets = reader.poll()
    if len(targets) != 1:
        return Unsteady()
    target = targets[0]
    family = family_of(target)
    if family is None or target.uid == already_refused:
        return Lying(target.uid, family.value if family else 0, Found.UNKNOWN, b"")
    found = Found.BLANK if work.is_blank(target) else Found.UNKNOWN
    return Lying(target.uid, family.value, found, b"")

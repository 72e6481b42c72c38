"""PURSE I3: in every possible reading of the card the newest record is the durable head, or stands on it."""

from __future__ import annotations

from tools.fleet.checkers.scene import Decode, readings
from tools.fleet.report import Figure, Violation
from tools.fleet.truth import CardTruth


def check(card: CardTruth, decode: Decode) -> Violation | None:
    """After each presentation."""
    head = card.durable
    for read in readings(card, decode):
        if read is None:
            if head != card.genesis and not card.purse.weak_slots:
                return _lost(card, "no record can be read")
            continue
        if read.counter < head.counter or (read.counter == head.counter and read.identity != head):
            return _lost(card, f"a reading shows {read.identity}")
        if card.purse.weak_slots and head not in card.chain(read.identity):
            return _lost(card, f"a reading shows {read.identity}, which does not stand on it")
    return None


def _lost(card: CardTruth, found: str) -> Violation:
    return Violation("purse I3", f"{found}, and {card.durable} was acknowledged", card.uid, Figure.OTHER)

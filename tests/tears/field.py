"""A field in which a card can be laid without a file."""

from __future__ import annotations

from pathlib import Path

from hardware.virtual.air import Card
from hardware.virtual.field import Field
from hardware.virtual.picc import Picc
from hardware.virtual.schedule import Schedule


class BareField(Field):
    """`hardware.virtual.field.Field` over cards in memory."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule, seed=0)

    def lay(self, card: Card) -> None:
        """The card comes into the field."""
        card.presented()
        self._cards[Path(card.uid.hex())] = Picc(card)

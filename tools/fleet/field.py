"""A reader with cards before it: `hardware.reader.Reader` whose cards are met at the card port."""

from __future__ import annotations

from contextlib import AbstractContextManager

from firmware import card_sight
from hardware.cards.desfire.opening import Openings
from hardware.cards.port import CardFamily, PurseCard, PurseKeys
from hardware.cards.selection import select_purse
from hardware.reader import Reader, Target
from tools.fleet.card import Presented
from tools.fleet.swap import swapped

_CLASSIC = Target(1, bytes.fromhex("0004"), 0x08, b"", b"")
_DESFIRE = Target(1, bytes.fromhex("0344"), 0x20, b"", b"")


class Field:
    """At most one card, or a second one beside it."""

    name = "fleet"

    def __init__(self) -> None:
        self.commands = 0
        self._card: Presented | None = None
        self._beside = False

    def lay(self, card: Presented, *, beside: bool = False) -> None:
        """A card is presented; `beside`: another one lies there too."""
        self._card = card
        self._beside = beside

    def take(self) -> None:
        """Nothing lies there any more."""
        if self._card is not None:
            self._card.leave()
        self._card = None
        self._beside = False

    def poll(self) -> tuple[Target, ...]:
        self.commands += 1
        card = self._card
        if card is None:
            return ()
        kind = _CLASSIC if card.family is CardFamily.CLASSIC else _DESFIRE
        target = Target(1, kind.atqa, kind.sak, card.uid, b"")
        return (target, target) if self._beside else (target,)

    def exchange(self, data: bytes, timeout: float) -> bytes:
        raise AssertionError("cards here are met at the card port")

    def release(self) -> None:
        pass

    @property
    def selected(self) -> Presented:
        """The card that the last `poll` listed."""
        assert self._card is not None
        return self._card


def at_the_card_port() -> AbstractContextManager[None]:
    """Within it, the product's `Sight` meets the cards of a `Field` without the commands below the card port."""

    def select(reader: Reader, target: Target, keys: PurseKeys, purse: int, openings: Openings) -> PurseCard:
        if isinstance(reader, Field):
            return reader.selected
        return select_purse(reader, target, keys, purse, openings)

    return swapped(card_sight, "select_purse", select)

"""The radio field of one reader and the cards that lie in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hardware.virtual import card_file
from hardware.virtual.air import Card
from hardware.virtual.classic_card import ClassicCard
from hardware.virtual.desfire.memory import Memory
from hardware.virtual.eeprom import Eeprom
from hardware.virtual.iso_dep_card import IsoDepCard
from hardware.virtual.picc import Picc
from hardware.virtual.schedule import Schedule
from onecard.errors import OnecardError

MAX_CARDS = 8


class FieldError(OnecardError):
    """A card cannot be placed or removed as asked."""


class Field:
    """Cards by file. The field is on from the start; `power` takes it away from the cards and gives it back."""

    def __init__(self, schedule: Schedule, seed: int) -> None:
        self.on = True
        self._schedule = schedule
        self._seed = seed
        self._cards: dict[Path, Picc] = {}
        self._writes_gone = 0

    def __iter__(self) -> Iterator[Picc]:
        return iter(list(self._cards.values()))

    def __contains__(self, picc: Picc) -> bool:
        return picc in self._cards.values()

    @property
    def files(self) -> list[Path]:
        return list(self._cards)

    @property
    def writes(self) -> int:
        """EEPROM writes begun since the field exists, on all cards."""
        return self._writes_gone + sum(picc.card.writes for picc in self)

    def place(self, path: Path) -> Picc:
        """Lay the card in `path` in the field. Raises CardFileError, FieldError."""
        path = path.resolve()
        if path in self._cards:
            raise FieldError(f"{path} already lies in the field; `remove {path}` first to lay it down anew")
        if len(self._cards) >= MAX_CARDS:
            raise FieldError(f"{MAX_CARDS} cards lie in the field; `remove` some first")
        image = card_file.load(path)
        if any(picc.card.uid == image.uid for picc in self):
            raise FieldError(f"a card with UID {image.uid.hex()} already lies in the field; `remove` it first")
        picc = Picc(self._card(path, image))
        picc.card.presented()
        self._cards[path] = picc
        return picc

    def _card(self, path: Path, image: card_file.Image) -> Card:
        def store(now: card_file.Image) -> None:
            card_file.save(path, now)

        if isinstance(image, card_file.ClassicImage):
            return ClassicCard(Eeprom(image, store, self._schedule, self._seed))
        return IsoDepCard(Memory(image, store, self._schedule, self._seed))

    def remove(self, path: Path) -> None:
        """Take one card away. Raises FieldError."""
        path = path.resolve()
        if path not in self._cards:
            raise FieldError(f"{path} does not lie in the field; `stats` lists what does")
        self.take(self._cards[path])

    def take(self, picc: Picc) -> None:
        """This card leaves; nothing happens if it is already gone."""
        for path, other in list(self._cards.items()):
            if other is picc:
                self._writes_gone += picc.card.writes
                picc.power_up()
                del self._cards[path]

    def clear(self) -> None:
        """All cards leave."""
        for picc in self:
            self.take(picc)

    def power(self, on: bool) -> None:
        """Switch the field; without it every card forgets its state."""
        self.on = on
        if not on:
            for picc in self:
                picc.power_up()

    def request(self, wake: bool) -> list[Picc]:
        """REQA, or WUPA if `wake`: the cards that answer, in the order anticollision finds them (1 bits first)."""
        if not self.on:
            return []
        answering = [picc for picc in self if picc.request(wake)]
        return sorted(answering, key=lambda picc: [~byte >> bit & 1 for byte in picc.card.uid for bit in range(8)])

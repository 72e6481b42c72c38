"""The keys of a terminal's keypad, and the port that gives them."""

from __future__ import annotations

from enum import Enum, unique
from typing import Protocol


@unique
class Key(Enum):
    """A key; its value is the one ASCII byte that a keypad sends for it."""

    DIGIT_0 = "0"
    DIGIT_1 = "1"
    DIGIT_2 = "2"
    DIGIT_3 = "3"
    DIGIT_4 = "4"
    DIGIT_5 = "5"
    DIGIT_6 = "6"
    DIGIT_7 = "7"
    DIGIT_8 = "8"
    DIGIT_9 = "9"
    POINT = "."
    OK = "#"
    CANCEL = "*"
    MENU = "A"
    BALANCE = "B"
    TOTALS = "C"
    SHIFT = "D"

    @property
    def digit(self) -> int | None:
        """0 … 9, None for the other keys."""
        return int(self.value) if self.value.isdigit() else None


class Keypad(Protocol):
    """Keys pressed by a person."""

    @property
    def connected(self) -> bool:
        """Whether keys can arrive now."""
        ...

    def pressed(self) -> list[Key]:
        """The keys pressed since the last call, oldest first, at once. Raises nothing: a keypad that is not there
        presses no keys."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when a key was pressed, or after `seconds`."""
        ...

"""One screen as plain data: what it says, and in which role; a display decides how that looks.

A 320×240 LCD, a 128×64 OLED and a text file each have their own layout of the same frame. Roles, not sizes: a renderer
gives each role a size, a colour and a place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Protocol


@unique
class Tone(Enum):
    """The mood of a frame: its colour, and later its sound."""

    CALM = "calm"
    """Nothing happened; something may be done."""
    GOOD = "good"
    """Done: paid, signed on, shown."""
    BAD = "bad"
    """Refused: nothing was charged."""
    DOUBT = "doubt"
    """Not known yet: the same card again."""
    STOPPED = "stopped"
    """The terminal does not sell."""


@unique
class Role(Enum):
    """What a row is for."""

    TITLE = "title"
    AMOUNT = "amount"
    BALANCE = "balance"
    REASON = "reason"
    MESSAGE = "message"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text in its role."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What a display shows.

    `state` names the session's state and `results` counts the finished presentations since the start: people do not
    see them, scripts read them (a result may linger on the screen after the session has gone on).
    """

    state: str
    results: int
    tone: Tone
    rows: tuple[Row, ...]

    def looks_like(self, other: Frame) -> bool:
        """Whether people would see no difference."""
        return (self.tone, self.rows) == (other.tone, other.rows)


class Display(Protocol):
    """A screen. `show` is called for every turn of the terminal; it must cost nothing when the frame did not change."""

    @property
    def chinese(self) -> bool:
        """Whether it can draw Chinese."""
        ...

    def show(self, frame: Frame) -> None:
        """Show the frame. Raises nothing: a broken screen never stops a sale."""
        ...

"""What is to go wrong, and when: tears and stalls ordered for a later write or host command.

Positions count from the moment of the order. One tear and one stall can wait at a time; a new order replaces the old.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hardware.virtual.tear import Cut, TearMode


@dataclass(frozen=True, slots=True)
class AfterWrites:
    """The write that follows `writes` whole EEPROM writes."""

    writes: int


@dataclass(frozen=True, slots=True)
class AtCommand:
    """The `number`-th host command from now, counting from 1."""

    number: int


class StallPoint(Enum):
    """Where around a write the chip falls silent."""

    BEFORE = "before"
    AFTER = "after"


class CardTornError(Exception):
    """Inside the virtual reader only: the card left the field in this write. Its memory is already as torn."""


class ChipStalledError(Exception):
    """Inside the virtual reader only: the chip falls silent in front of this write. Whoever remembers anything of the
    command goes back to where it was before it."""


class Schedule:
    """Counts writes and host commands, and says at each whether something is to go wrong."""

    def __init__(self) -> None:
        self._tear: tuple[Cut, AfterWrites | AtCommand] | None = None
        self._due: Cut | None = None
        self._stall: tuple[StallPoint, int] | None = None
        self._silent = False

    def order_tear(self, cut: Cut, position: AfterWrites | AtCommand) -> None:
        """Tear the write at `position`; at a command without a write the card leaves there."""
        self._tear, self._due = (cut, position), None

    def order_stall(self, point: StallPoint, after_writes: int) -> None:
        """Fall silent around the write that follows `after_writes` whole ones."""
        self._stall = (point, after_writes)

    def drop_stall(self) -> None:
        """The stall is over, or is no longer wanted."""
        self._stall, self._silent = None, False

    @property
    def silent_after_write(self) -> bool:
        """The write behind which the chip was to fall silent is done."""
        return self._silent

    def command_begins(self) -> bool:
        """A host command starts. True: the card leaves the field before it is executed."""
        self._due = None
        match self._tear:
            case (cut, AtCommand(number=1)):
                self._tear = None
                if cut == Cut(TearMode.BEFORE):
                    return True
                self._due = cut
            case (cut, AtCommand(number=number)):
                self._tear = cut, AtCommand(number - 1)
        return False

    def command_ends(self) -> bool:
        """True: the tear of this command met no write, so the card leaves and its answer is lost."""
        due, self._due = self._due, None
        return due is not None

    def write_begins(self) -> Cut | None:
        """How this write is cut, None for not at all. Raises ChipStalledError."""
        match self._stall:
            case (StallPoint.BEFORE, 0):
                raise ChipStalledError
        if self._due is not None:
            due, self._due = self._due, None
            return due
        match self._tear:
            case (cut, AfterWrites(writes=0)):
                self._tear = None
                return cut
            case (cut, AfterWrites(writes=writes)):
                self._tear = cut, AfterWrites(writes - 1)
        return None

    def write_ends(self) -> None:
        """A whole write is done."""
        match self._stall:
            case (StallPoint.AFTER, 0):
                self._silent = True
            case (point, writes):
                self._stall = point, writes - 1

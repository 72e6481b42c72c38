"""The lines a virtual reader understands on its standard input.

    place FILE                        lay the card in FILE in the field
    remove [FILE]                     take it away; without FILE all cards
    tear MODE AFTER_WRITES            the write after AFTER_WRITES whole ones is torn and its card leaves the field
    tear MODE command N [byte B]      at the N-th host command from now (1 is the next); B bytes of what it writes are
                                      new: of a block, or of the data for a standard file of a DESFire
    stall before|after AFTER_WRITES   around the write after AFTER_WRITES whole ones the chip falls silent
    resume                            end a stall; the withheld answer goes out if the host still has the port open
    stats                             what happened since the last stats

MODE is before, erased, half, weak or after (see `tear`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hardware.virtual.schedule import AfterWrites, AtCommand, StallPoint
from hardware.virtual.tear import Cut, TearMode
from onecard.errors import OnecardError

MAX_LINE_SIZE = 4096
_MAX_COUNT = 10**9
_MAX_KEPT = 8192


class OrderError(OnecardError):
    """A line is not an order; the message says how the order is written."""


@dataclass(frozen=True, slots=True)
class Place:
    path: Path


@dataclass(frozen=True, slots=True)
class Remove:
    """`path` None: all cards."""

    path: Path | None


@dataclass(frozen=True, slots=True)
class Tear:
    cut: Cut
    position: AfterWrites | AtCommand


@dataclass(frozen=True, slots=True)
class Stall:
    point: StallPoint
    after_writes: int


@dataclass(frozen=True, slots=True)
class Resume:
    pass


@dataclass(frozen=True, slots=True)
class Stats:
    pass


Order = Place | Remove | Tear | Stall | Resume | Stats


def parse(line: str) -> Order:
    """One line without its end. A file name may hold spaces. Raises OrderError."""
    word, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    match word, rest.split():
        case "place", [_, *_]:
            return Place(Path(rest))
        case "remove", words:
            return Remove(Path(rest) if words else None)
        case "tear", [mode, writes]:
            return Tear(Cut(_mode(mode)), AfterWrites(_count(writes, 0)))
        case "tear", [mode, "command", number]:
            return Tear(Cut(_mode(mode)), AtCommand(_count(number, 1)))
        case "tear", [mode, "command", number, "byte", kept]:
            return Tear(Cut(_mode(mode), _count(kept, 0, _MAX_KEPT)), AtCommand(_count(number, 1)))
        case "stall", [("before" | "after") as point, writes]:
            return Stall(StallPoint(point), _count(writes, 0))
        case "resume", []:
            return Resume()
        case "stats", []:
            return Stats()
    raise OrderError(
        f"{line.strip()[:80]!r} is not an order; write `place FILE`, `remove [FILE]`, `tear MODE AFTER_WRITES`, "
        "`tear MODE command N [byte B]`, `stall before|after AFTER_WRITES`, `resume` or `stats`"
    )


def _mode(word: str) -> TearMode:
    try:
        return TearMode(word)
    except ValueError:
        modes = ", ".join(mode.value for mode in TearMode)
        raise OrderError(f"{word!r} is no tear mode; write one of {modes}") from None


def _count(word: str, least: int, most: int = _MAX_COUNT) -> int:
    if not (word.isascii() and word.isdigit()) or not least <= int(word[:12]) <= most:
        raise OrderError(f"{word!r} is not a whole number from {least} to {most}; write one")
    return int(word)

"""A day at the cinemas, drawn from a seed: who taps where, and what goes wrong.

Pure: the same seed and number of taps give the same day. Every kind of mishap is in it at least once when the day is
long enough to hold them all; a shorter day takes them in this order.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum, unique

_STAYS = 0.6
"""How often a patron whose tap failed taps again."""
TEAR_MODES = ("before", "erased", "half", "weak", "after")


@unique
class Kill(Enum):
    """Where a terminal is killed in the middle of a tap."""

    BEFORE_WRITE = "between_intent_and_card_write"
    AFTER_WRITE = "between_card_write_and_paid"


@dataclass(frozen=True, slots=True)
class Tear:
    """The card is pulled away while its record is being written."""

    mode: str


@dataclass(frozen=True, slots=True)
class Cut:
    """The terminal is killed so long after the card was laid down, whatever it does then."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Clumsy:
    """Two cards are put on the reader together."""


Mishap = Tear | Kill | Cut | Clumsy | None


@dataclass(frozen=True, slots=True)
class Visit:
    """One patron at one till: which terminal and card, what goes wrong, and whether the patron stays to tap again."""

    terminal: int
    card: int
    mishap: Mishap
    stays: bool


@dataclass(frozen=True, slots=True)
class Day:
    """All visits in order; the line is cut for the visits in [cut_from, cut_to)."""

    visits: tuple[Visit, ...]
    cut_from: int
    cut_to: int


def draw_day(seed: int, taps: int, terminals: int, cards: int) -> Day:
    """The day of a seed."""
    draw = random.Random(seed)  # noqa: S311 - a day, not a secret
    certain: list[tuple[Mishap, bool]] = [(Tear(mode), stays) for stays in (True, False) for mode in TEAR_MODES]
    certain += [(kill, stays) for stays in (True, False) for kill in Kill]
    certain += [(Clumsy(), True)]
    share = max(1, taps // 3)
    mishaps: list[tuple[Mishap, bool]] = certain[:share]
    while len(mishaps) < share // 2:
        mishaps.append((draw.choice([*map(Tear, TEAR_MODES), *Kill]), draw.random() < _STAYS))
    rest: list[tuple[Mishap, bool]] = [(None, True)] * (taps - len(mishaps))
    drawn = (mishaps + rest)[:taps]
    draw.shuffle(drawn)
    visits = tuple(Visit(draw.randrange(terminals), draw.randrange(cards), mishap, stays) for mishap, stays in drawn)
    return Day(visits, cut_from=taps // 3, cut_to=taps // 2)

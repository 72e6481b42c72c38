"""The limits a terminal keeps now: the centre's, or stricter ones of its own, lowered while its tables are old. Pure.

Rules
- The centre's settings hold; a terminal that was never told follows the defaults.
- The terminal's own file may only be stricter: what it names lowers, and never raises what the centre says. Before the
  centre has said anything it holds as it stands.
- Tables past their good-until mean that somebody keeps news away (F17): what a card may spend here, and what may be
  unsent, fall to a third; after as long again to a tenth. They rise by themselves when the centre is heard again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from onecard.money import Fen
from onecard.settings import DEFAULTS, Settings

DIVISORS = (1, 3, 10)
"""Of the money limits: while the tables are good, past that, and after as long again."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """A table's age: UTC seconds at which the centre had nothing newer, and for how long that is good; 0 for ever."""

    as_of: int
    good_seconds: int

    def stage(self, now: int) -> int:
        """How old it is: the place in `DIVISORS`. `now` is the latest time known (P-R26)."""
        if not self.good_seconds:
            return 0
        return max(0, min((now - self.as_of - 1) // self.good_seconds, len(DIVISORS) - 1))


def stage_of(tables: Iterable[Freshness], now: int) -> int:
    """The stage of the oldest of them."""
    return max((table.stage(now) for table in tables), default=0)


def limits_in_force(told: Settings | None, own: Mapping[str, int], stage: int) -> Settings:
    """What holds now; `told` are the centre's settings, `own` those that the terminal's file names."""
    merged = {field.name: _merged(field.name, told, own) for field in fields(Settings)}
    limits = Settings(**merged)  # type: ignore[arg-type]
    divisor = DIVISORS[stage]
    return replace(limits, card_cap=Fen(limits.card_cap // divisor), unsent_cap=_lowered(limits.unsent_cap, divisor))


def _merged(name: str, told: Settings | None, own: Mapping[str, int]) -> int:
    base: int = getattr(DEFAULTS if told is None else told, name)
    if name not in own:
        return base
    return own[name] if told is None else min(own[name], base)


def _lowered(cap: Fen, divisor: int) -> Fen:
    """Never 0 by itself: a cap of 0 would stop a terminal that has sold nothing."""
    return Fen(cap // divisor or min(cap, 1))

"""A stormy day, drawn from a seed: the visits and what befalls the patrons, and beside them what is killed and cut.

Pure: the same seed and numbers give the same storm. Everything it knows is in it at least once. What a blow hits is
drawn; at which moment of a tap or an upload it hits is the machine's own chance.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum, unique

from tools.demo.day import TEAR_MODES, Cut, Day, Kill, Mishap, Tear, Visit

_LONGEST_CUT_SECONDS = 0.12  # a tap takes less
_LONGEST_REST_SECONDS = 1.5
_TAPS_A_BLOW = 12
_TAPS_A_LOAD = 10
_MISHAPS = 0.25
_STAYS = 0.6


@unique
class Target(Enum):
    """What a blow hits. All are killed by SIGKILL but the line, which is cut."""

    SERVER = "server"
    """Every process of the server at once, as by a power cut."""
    WEB = "web"
    WEB_WORKER = "web_worker"
    KEYS = "key_process"
    POSTER = "poster"
    DAEMON = "daemon"
    DESK = "desk"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Blow:
    """After so many taps this is killed or cut, and comes back `rest_seconds` later. `till` is whose daemon it is."""

    after: int
    target: Target
    till: int
    rest_seconds: float


@dataclass(frozen=True, slots=True)
class PayIn:
    """After so many taps this patron goes to the desk and pays in."""

    after: int
    card: int


@dataclass(frozen=True, slots=True)
class Storm:
    """The day with all its blows and loads, each in order."""

    day: Day
    blows: tuple[Blow, ...]
    loads: tuple[PayIn, ...]


def draw_storm(seed: int, taps: int, tills: int, patrons: int) -> Storm:
    """The storm of a seed. The patrons pay in in turn, but the last one, whose card is free."""
    draw = random.Random(seed)  # noqa: S311 - a day, not a secret
    mishaps: list[tuple[Mishap, bool]] = [
        *((kill, True) for kill in Kill),
        *((Cut(draw.uniform(0, _LONGEST_CUT_SECONDS)), True) for _ in range(2)),
        *((Tear(mode), draw.random() < _STAYS) for mode in TEAR_MODES),
    ]
    while len(mishaps) < taps:
        happens: Mishap = None
        if draw.random() < _MISHAPS:
            cut = Cut(draw.uniform(0, _LONGEST_CUT_SECONDS))
            happens = draw.choice([*map(Tear, TEAR_MODES), *Kill, cut, cut])
        mishaps.append((happens, draw.random() < _STAYS))
    del mishaps[taps:]
    draw.shuffle(mishaps)
    visits = tuple(Visit(draw.randrange(tills), draw.randrange(patrons), what, stays) for what, stays in mishaps)
    targets = list(Target) + [draw.choice(list(Target)) for _ in range(taps // _TAPS_A_BLOW - len(Target))]
    blows = (
        Blow(draw.randrange(taps), target, draw.randrange(tills), draw.uniform(0, _LONGEST_REST_SECONDS))
        for target in targets
    )
    pay_ins = sorted(draw.randrange(taps) for _ in range(1 + taps // _TAPS_A_LOAD))
    loads = tuple(PayIn(after, turn % (patrons - 1)) for turn, after in enumerate(pay_ins))
    return Storm(
        Day(visits, cut_from=taps + 1, cut_to=taps + 1),
        tuple(sorted(blows, key=lambda blow: blow.after)),
        loads,
    )

"""The desk's work on a card, cut anywhere and begun again at the same desk or at another: the search of its states.

One run is the product's own `firmware.desk.card_work.CardWork` at a reader. It is cut in each of its host commands: the
card leaves, or the desk is killed. From each card left the same script is run at two desks; a search may cut again.
What a card of that script may be is the matter of `Work.violation`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from typing import NamedTuple, Protocol

from firmware.desk.card_work import WASTE, CardWork
from hardware.cards.personalisation_errors import CardInUse
from hardware.reader import CardError
from hardware.virtual.schedule import Schedule
from tests.tears.chip import VirtualChip, reader_on
from tests.tears.choices import Choices, every
from tests.tears.cuts import AFTER, BEFORE, CardLeaves, PowerCutError, PowerFails, StepCut, Tear
from tests.tears.family import Grain, Laid
from tests.tears.field import BareField

DESKS = (1, 2)


class Ending(Enum):
    """How a run at the desk ends."""

    FINISHED = auto()
    WASTE = auto()
    IN_USE = auto()
    CUT = auto()


class Half(NamedTuple):
    """A card between two runs; `torn`: a write that cannot be begun again was torn in it."""

    card: Hashable
    torn: bool = False


class Work(Protocol):
    """What the desk is to do, and with which family of cards."""

    def lay(self, card: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        """The card, to be laid in a field."""
        ...

    def do(self, at: CardWork) -> None:
        """One run. Raises as `CardWork`."""
        ...

    def tears(self, command: bytes, grain: Grain) -> Iterator[Tear]:
        """The ways to cut one host command, or none if it is not to be cut."""
        ...

    def tears_for_ever(self, command: bytes, tear: Tear) -> bool:
        """Whether that cut of that command may leave what no desk can mend."""
        ...

    def violation(self, half: Half) -> str | None:
        """What a card that any cut left may not be, nor come to."""
        ...


class Run(NamedTuple):
    """A run: the card after it, how it ended, and the host commands by moment."""

    card: Hashable
    ending: Ending
    sent: dict[int, bytes]


@dataclass
class Found:
    """What a search found."""

    states: int = 0
    cuts: int = 0
    violation: str | None = None
    trace: list[str] = field(default_factory=list)


def run(work: Work, card: Hashable, choices: Choices, cut: StepCut | None = None, desk: int = DESKS[0]) -> Run:
    """One run at a desk; what it raises beside a `CardError` is a finding."""
    schedule = Schedule()
    laid = work.lay(card, schedule, choices, cut.tear if cut else None)
    area = BareField(schedule)
    area.lay(laid.card)
    chip = VirtualChip(area, schedule, choices, cut)
    ending = Ending.FINISHED
    try:
        work.do(CardWork(reader_on(chip), _random_of(desk)))
    except CardInUse:
        ending = Ending.IN_USE
    except WASTE:
        ending = Ending.WASTE
    except (CardError, PowerCutError):
        ending = Ending.CUT
    return Run(laid.image(), ending, chip.sent)


def runs(work: Work, card: Hashable, desks: Iterable[int] = DESKS) -> Iterator[Run]:
    """The uncut runs from a card, at each of the desks, in every course that chance allows."""
    for desk in desks:
        for _, ran in every(lambda choices, desk=desk: run(work, card, choices, desk=desk)):  # type: ignore[misc]
            yield ran


def search(work: Work, start: Hashable, grains: tuple[Grain, ...]) -> Found:
    """Cut a run from `start`, then a run from each card left, as often as there are grains; each time at the next
    desk."""
    found = Found(states=1, violation=work.violation(Half(start)))
    if found.violation is not None:
        return found
    seen = {Half(start)}
    frontier: list[tuple[Half, tuple[str, ...]]] = [(Half(start), ())]
    for round_, grain in enumerate(grains):
        reached: list[tuple[Half, tuple[str, ...]]] = []
        for half, trace in frontier:
            for label, after in _cut_runs(work, half, grain, DESKS[round_ % len(DESKS)], found):
                if after in seen:
                    continue
                seen.add(after)
                found.states += 1
                wrong = work.violation(after)
                if wrong is not None:
                    found.violation, found.trace = wrong, [*trace, label]
                    return found
                reached.append((after, (*trace, label)))
        frontier = reached
    return found


def _cut_runs(work: Work, half: Half, grain: Grain, desk: int, found: Found) -> Iterator[tuple[str, Half]]:
    for choices, ran in every(lambda choices: run(work, half.card, choices, desk=desk)):
        yield "uncut", Half(ran.card, half.torn)
        for moment, command in ran.sent.items():
            tears = tuple(work.tears(command, grain))
            if moment < choices.new_from or not tears:
                continue
            killed = (PowerFails(moment, tear) for tear in (BEFORE, AFTER))
            for cut in (*(CardLeaves(moment, tear) for tear in tears), *killed):
                found.cuts += 1
                again: Callable[[Choices], Run] = lambda choices, cut=cut: run(work, half.card, choices, cut, desk)  # type: ignore[misc] # noqa: E731
                for _, torn in every(again, choices.before(moment)):
                    yield f"{cut}", Half(torn.card, half.torn or work.tears_for_ever(command, cut.tear))


def _random_of(desk: int) -> Callable[[int], bytes]:
    """A desk's own random numbers, the same in each run."""
    drawn = count()
    return lambda size: hashlib.sha256(f"{desk} {next(drawn)}".encode()).digest()[:size]

"""The exhaustive search: every state that cuts of one operation, and of what follows it, can leave.

A search is a row of levels. On each level every state of the level before is restored, and each of the level's steps is
run from it: uncut, and cut in every moment as finely as the level's `Grain` says. The invariants are checked on every
state as it comes up; convergence (I8) too, for it is a property of the state, not of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hardware.virtual.tear import TearMode
from onecard.purse.record import RECORD_SIZE
from tests.tears.choices import Choices, every
from tests.tears.cuts import BEFORE, CardLeaves, PowerFails, StepCut
from tests.tears.family import Grain
from tests.tears.history import History, record_of
from tests.tears.invariants import i_01, i_02, i_03, i_08, i_10, purse_i3, purse_i5, purse_i6, purse_i7, purse_i8
from tests.tears.stage import Ran, Stage, Step
from tests.tears.world import World

_ON_A_STATE = (i_01, i_02, i_08, i_10, purse_i3, purse_i5, purse_i6)


@dataclass(frozen=True)
class Level:
    """Steps to take from every state, and how finely they are cut: by the card's leaving, and by the power's failing;
    None for not at all. With `alike`, of states that mean the same only the first is gone on from."""

    steps: Sequence[Step]
    card: Grain | None = None
    power: Grain | None = None
    alike: bool = False


@dataclass
class Findings:
    """What a search found. `states` are distinct by cards' bytes, weak bits, journals' money and what was shown;
    `meanings` are the same with garbage as garbage. `trace` leads to the violation."""

    states: int = 0
    meanings: int = 0
    runs: int = 0
    cuts: int = 0
    violation: str | None = None
    trace: list[str] = field(default_factory=list)


def explore(stage: Stage, start: World, levels: Iterable[Level]) -> Findings:
    """Search all levels, or up to the first violation."""
    return _Search(stage).run(start, levels)


class _Search:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._found = Findings()
        self._came_from: dict[int, tuple[int, str]] = {}
        self._meanings: set[int] = set()

    def run(self, start: World, levels: Iterable[Level]) -> Findings:
        frontier = [start]
        self._came_from[hash(start.key)] = 0, ""
        for level in levels:
            reached: list[World] = []
            for world in frontier:
                for label, is_cut, ran in self._runs(world, level):
                    self._found.runs += 1
                    self._found.cuts += is_cut
                    wrong = self._wrong(world, ran, is_cut=is_cut)
                    key = hash(ran.world.key)
                    if wrong is None and key not in self._came_from:
                        self._came_from[key] = hash(world.key), label
                        self._found.states += 1
                        goes_on = self._means_new(ran.world) or not level.alike
                        wrong = self._violation(ran.world, converges=goes_on)
                        if goes_on:
                            reached.append(ran.world)
                    if wrong is not None:
                        self._found.violation = wrong
                        self._found.trace = [*self._trace(world), label]
                        return self._found
            frontier = reached
        return self._found

    def _runs(self, world: World, level: Level) -> Iterator[tuple[str, bool, Ran]]:
        for step in level.steps:
            for choices, ran in every(lambda choices, step=step: self._stage.run(world, step, choices)):  # type: ignore[misc]
                yield _label(step, None, choices), False, ran
                for cut in self._cuts(level, ran):
                    if cut.moment < choices.new_from:
                        continue
                    for taken, torn in self._cut_runs(world, step, cut, choices):
                        yield _label(step, cut, taken), True, torn

    def _cut_runs(self, world: World, step: Step, cut: StepCut, choices: Choices) -> Iterator[tuple[Choices, Ran]]:
        def run(again: Choices) -> Ran:
            ran = self._stage.run(world, step, again, cut)
            weak = cut.tear.loosened or cut.tear.mode is TearMode.WEAK
            return ran._replace(world=ran.world._replace(weak_tears=world.weak_tears + weak))

        return every(run, choices.before(cut.moment))

    def _cuts(self, level: Level, ran: Ran) -> Iterator[StepCut]:
        """Every cut of the uncut run `ran`."""
        for moment, command in ran.sent.items():
            if level.card is not None:
                yield from (CardLeaves(moment, tear) for tear in self._stage.family.tears(command, level.card))
            if level.power is not None:
                yield from (PowerFails(moment, tear) for tear in self._stage.family.tears(command, level.power))
        if level.power is not None:
            yield from (PowerFails(moment, BEFORE) for moment in ran.appended)

    def _wrong(self, before: World, ran: Ran, *, is_cut: bool) -> str | None:
        """What the step itself did wrong."""
        history = History(self._stage.family, ran.world)
        return purse_i7.violation(before, ran.result, is_cut=is_cut) or i_03.violation(history, ran.result)

    def _violation(self, world: World, *, converges: bool) -> str | None:
        """What is wrong with a state."""
        history = History(self._stage.family, world)
        wrong = self._stage.family.violation(world.card)
        wrong = wrong or next(filter(None, (check.violation(history) for check in _ON_A_STATE)), None)
        return wrong or (purse_i8.violation(self._stage, world) if converges else None)

    def _means_new(self, world: World) -> bool:
        """Whether no state before had this meaning."""
        meaning = hash((self._stage.family.meaning(world.card, _namer(world.certificates)), *world.key[1:]))
        self._meanings.add(meaning)
        is_new = len(self._meanings) > self._found.meanings
        self._found.meanings = len(self._meanings)
        return is_new

    def _trace(self, world: World) -> list[str]:
        steps: list[str] = []
        key = hash(world.key)
        while (came := self._came_from[key])[0]:
            key, label = came
            steps.append(label)
        return steps[::-1]


def _label(step: Step, cut: StepCut | None, choices: Choices) -> str:
    taken = [choice.taken for choice in choices.made]
    how = f", {cut}" if cut is not None else ""
    return f"{step.doing.name} at {step.terminal}{how}{f', chance {taken}' if any(taken) else ''}"


@lru_cache(maxsize=1 << 8)
def _namer(certificates: tuple[bytes, ...]) -> Callable[[bytes], Hashable]:
    """Names a block as any reader takes it: a record, a piece of a certificate, or nothing."""
    pieces = {image[at : at + RECORD_SIZE] for image in certificates for at in range(0, len(image), RECORD_SIZE)}

    def name(piece: bytes) -> Hashable:
        return piece if piece in pieces else record_of(piece)

    return name

"""Exhaustive search of a state space, stratum by stratum.

A state is (told, body). What was *told* only grows: journals, what the server received. The *body* goes back and forth:
the card. Every step either keeps `told` or raises its rank, so the stratum of lowest rank still open can never be
entered again: it is searched to its end and forgotten. So memory is that of the open strata, and whatever follows from
`told` alone (history, resolution, plans) is worked out once for all the bodies that share it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Generic, Protocol, TypeVar

Told = TypeVar("Told", bound=Hashable)
Told_co = TypeVar("Told_co", bound=Hashable, covariant=True)
Body = TypeVar("Body", bound=Hashable)


class Moment(Protocol[Told_co, Body]):
    """All states that share one `told`."""

    def following(self, body: Body) -> Iterable[tuple[str, Told_co, Sequence[Body]]]:
        """Every step from (told, body): what is done, and the states it can lead to."""
        ...

    def violation(self, body: Body) -> str | None:
        """The first invariant that (told, body) breaks."""
        ...


class Space(Protocol[Told, Body]):
    """What is to be searched."""

    @property
    def first(self) -> tuple[Told, Body]:
        """The state from which all others are reached."""
        ...

    def rank(self, told: Told) -> int:
        """Rises with every step that changes `told`."""
        ...

    def at(self, told: Told) -> Moment[Told, Body]:
        """The states that share `told`."""
        ...


@dataclass(slots=True)
class Findings:
    """What a search found; `trace`, when asked for, leads from the first state to the violation."""

    states: int = 0
    transitions: int = 0
    violation: str | None = None
    trace: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.states:,} states, {self.transitions:,} transitions, {self.violation or 'every invariant holds'}"


@dataclass(slots=True)
class _Origins(Generic[Told, Body]):
    """From which state each state was first reached, and how."""

    steps: dict[tuple[Told, Body], tuple[tuple[Told, Body], str]] = field(default_factory=dict)

    def trace(self, state: tuple[Told, Body], first: tuple[Told, Body]) -> list[str]:
        labels = [f"state: {state[1]}"]
        while state != first:
            state, label = self.steps[state]
            labels.append(label)
        return labels[::-1]


def search(space: Space[Told, Body], *, traced: bool = False, enough: int | None = None) -> Findings:
    """Visit every state, or `enough` of them, those of lowest rank first; stop at the first violation."""
    told, body = first = space.first
    strata: dict[int, dict[Told, set[Body]]] = {space.rank(told): {told: {body}}}
    origins: _Origins[Told, Body] = _Origins()
    found = Findings()
    while strata:
        rank = min(strata)
        stratum = strata.pop(rank)
        while stratum:
            told, known = stratum.popitem()
            moment, waiting = space.at(told), list(known)
            while waiting:
                body = waiting.pop()
                found.states += 1
                if found.states == enough:
                    return found
                found.violation = moment.violation(body)
                if found.violation is not None:
                    found.trace = origins.trace((told, body), first) if traced else []
                    return found
                for label, later, bodies in moment.following(body):
                    found.transitions += len(bodies)
                    if later == told:
                        reached, new = known, [after for after in set(bodies) if after not in known]
                        waiting += new
                    else:
                        later_rank = space.rank(later)
                        assert later_rank > rank, "what was told is not taken back"
                        reached = strata.setdefault(later_rank, {}).setdefault(later, set())
                        new = [after for after in bodies if after not in reached] if traced else []
                    reached.update(bodies)
                    if traced:
                        origins.steps.update({(later, after): ((told, body), label) for after in new})
    return found


def walk(space: Space[Told, Body], chance: Random, *, steps: int, length: int) -> Findings:
    """Take `steps` steps at random, beginning anew after `length` or at an end; stop at a violation."""
    found = Findings()
    while found.transitions < steps:
        told, body = space.first
        moment = space.at(told)
        for _ in range(min(length, steps - found.transitions)):
            following = list(moment.following(body))
            if not following:
                break
            _, later, bodies = chance.choice(following)
            body = chance.choice(bodies)
            found.transitions += 1
            found.states += 1
            if later != told:
                told, moment = later, space.at(later)
            found.violation = moment.violation(body)
            if found.violation is not None:
                return found
    return found

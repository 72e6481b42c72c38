"""What physics may choose, enumerated: how a weak block reads, how much of a journal's unsynced tail a cut leaves.

A run asks `Choices.take` wherever physics may choose; `every` repeats the run until each choice has been made each way
at each place it came up in. Nothing is drawn by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

_Ran = TypeVar("_Ran")


class Choice(NamedTuple):
    """One choice as it came up: what was taken of how many, and in which moment of the run."""

    taken: int
    options: int
    moment: int


class Choices:
    """The choices of one run: those of `script` first, then the first option wherever another one comes up."""

    def __init__(self, script: tuple[int, ...] = ()) -> None:
        self.script = script
        self.made: list[Choice] = []
        self.moment = 0
        """Host commands and appends to the journal begun so far."""

    def take(self, options: int) -> int:
        """One of 0 … options - 1."""
        place = len(self.made)
        taken = self.script[place] if place < len(self.script) else 0
        assert taken < options, "the same run came to another choice"
        self.made.append(Choice(taken, options, self.moment))
        return taken

    @property
    def new_from(self) -> int:
        """The first moment whose course no run before this one has had."""
        return self.made[len(self.script) - 1].moment + 1 if self.script else 0

    def before(self, moment: int) -> tuple[int, ...]:
        """What was taken before that moment."""
        return tuple(choice.taken for choice in self.made if choice.moment < moment)


def every(run: Callable[[Choices], _Ran], given: tuple[int, ...] = ()) -> Iterator[tuple[Choices, _Ran]]:
    """Each course that the choices allow after those `given`, with what came of it."""
    waiting = [given]
    while waiting:
        choices = Choices(waiting.pop())
        yield choices, run(choices)
        taken = tuple(choice.taken for choice in choices.made)
        for place in range(len(choices.script), len(choices.made)):
            waiting += [(*taken[:place], other) for other in range(1, choices.made[place].options)]

"""The schedule: one heap of (virtual time, tie, event). What is due at one time happens as it was set down."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TypeAlias

Event: TypeAlias = Callable[[], None]


class Schedule:
    """Virtual time in milliseconds since 1970-01-01 UTC, and what happens when."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._ties = 0
        self._heap: list[tuple[int, int, Event]] = []

    @property
    def seconds(self) -> float:
        """Virtual time in UTC seconds."""
        return self.now / 1000

    def at(self, due: int, event: Event) -> None:
        """Let `event` happen at `due`, or at once when that has passed."""
        self._ties += 1
        heapq.heappush(self._heap, (max(due, self.now), self._ties, event))

    def after(self, milliseconds: int, event: Event) -> None:
        """Let `event` happen so much later."""
        self.at(self.now + milliseconds, event)

    def step(self) -> bool:
        """Let the next event happen; False when there is none."""
        if not self._heap:
            return False
        self.now, _, event = heapq.heappop(self._heap)
        event()
        return True

    def clear(self) -> None:
        """Nothing more is due."""
        self._heap.clear()

"""The terminal's clock: the system's, never going back, with a word on how far to believe it (P-R26).

- UNKNOWN: the system's clock is behind what is known to have passed (a board without a battery after a power cut), or
  the server just contradicted it. Then the time is counted on from the latest time known.
- KEPT: nothing contradicts it. TRUSTED: the server's time, heard since the start, agrees with it.
"""

from __future__ import annotations

from collections.abc import Callable

from onecard.clock import Instant
from onecard.kinds import ClockQuality

AGREEMENT_SECONDS = 600
"""How far the server's time, which travels with an acknowledgement, may be from ours."""
_BACKWARD_SECONDS = 60
"""How far behind the latest time known the system's clock may be and still count as running: a small correction."""
EARLIEST = 946_771_200
"""2000-01-02 UTC: day numbers begin with the day before, and no terminal is older. A new one whose clock was never set
counts from here, UNKNOWN, until it hears of a later time."""


class WallClock:
    """`onecard.clock.Clock` over the system's two clocks."""

    def __init__(self, system: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """`system` gives UTC seconds, `monotonic` seconds that never go back."""
        self._system = system
        self._monotonic = monotonic
        self._floor = EARLIEST
        self._floor_at = monotonic()
        self._heard = ClockQuality.KEPT

    def now(self) -> Instant:
        """The time, never before one given earlier."""
        system = int(self._system())
        counted = self._floor + int(self._monotonic() - self._floor_at)
        lost = self._heard is ClockQuality.UNKNOWN or system < counted - _BACKWARD_SECONDS
        at = counted if lost else max(system, self._floor)
        if at > self._floor:
            self._floor, self._floor_at = at, self._monotonic()
        return Instant(at, ClockQuality.UNKNOWN if lost else self._heard)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._monotonic()

    def at_least(self, at: int) -> None:
        """It is known to be `at` or later: the time of a journal record, or of an old word of the server."""
        if at > self._floor:
            self._floor, self._floor_at = at, self._monotonic()

    def heard(self, server_at: int) -> None:
        """The server said just now that it is `server_at`."""
        self.at_least(server_at)
        agrees = abs(self._system() - server_at) <= AGREEMENT_SECONDS
        self._heard = ClockQuality.TRUSTED if agrees else ClockQuality.UNKNOWN

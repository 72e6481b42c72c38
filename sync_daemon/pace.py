"""How often the daemon speaks, and how patiently it tries again. Pure; all times are seconds.

Back-off is exponential with jitter: after the n-th failure in a row the wait lies between half and the whole of
first × 2^(n−1), capped. So a fleet that lost its server together does not come back to it together.
"""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST_GATHERING = 5
_DOUBLINGS = 30  # beyond any cap; keeps the power of two small after weeks without a server


@dataclass(frozen=True, slots=True)
class Pace:
    """The settings of [sync] in daemon.toml."""

    idle_seconds: float
    heartbeat_seconds: float
    retry_first_seconds: float
    retry_cap_seconds: float

    def retry_seconds(self, failures: int, random: float) -> float:
        """How long to wait after the `failures`-th failure in a row (from 1); `random` lies in [0, 1)."""
        assert failures >= 1
        assert 0 <= random < 1
        whole = min(self.retry_cap_seconds, self.retry_first_seconds * (1 << min(failures - 1, _DOUBLINGS)))
        return whole / 2 + random * whole / 2

    def gathered_at(self, first_at: float, moved_at: float) -> float:
        """When to send records that began to wait at `first_at`, the newest of them since `moved_at`.

        A tap's intent and outcome travel together; a till that is never still is not waited for.
        """
        return min(moved_at + self.idle_seconds, first_at + _LONGEST_GATHERING * self.idle_seconds)

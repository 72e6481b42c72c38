"""The clock port. Time comes in through it; nothing in the core reads one.

Wall time is a claim with a quality: it dates and prices, it never orders events or decides money.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from onecard.kinds import ClockQuality

LOCAL_ZONE = ZoneInfo("Asia/Shanghai")
"""Where times are shown and business days turn; everything is stored in UTC."""


@dataclass(frozen=True, slots=True)
class Instant:
    """A wall time: whole seconds since 1970-01-01 UTC, and how far to believe it."""

    at: int
    quality: ClockQuality

    def local(self) -> datetime:
        """The time as a person at the cinema reads it."""
        return datetime.fromtimestamp(self.at, UTC).astimezone(LOCAL_ZONE)


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> Instant:
        """The wall time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean something."""
        ...


CUT_OFF_HOUR = 6
"""Local hour at which the business day turns where nothing else is set, at terminals and at the server alike."""


def business_day(instant: Instant, cut_off_hour: int) -> date:
    """The trading date: before the local `cut_off_hour` (0 … 23) it is still yesterday's."""
    assert 0 <= cut_off_hour < 24
    local = instant.local()
    return local.date() - timedelta(days=1) if local.hour < cut_off_hour else local.date()

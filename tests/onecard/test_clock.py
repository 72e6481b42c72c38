"""Times are stored in UTC, shown in the cinema's zone; the business day turns at a local hour."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from onecard.clock import Instant, business_day
from onecard.kinds import ClockQuality


def _instant(*utc: int) -> Instant:
    return Instant(int(datetime(*utc, tzinfo=UTC).timestamp()), ClockQuality.TRUSTED)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize("hour", [-1, 24])
def test_a_cut_off_is_an_hour_of_the_day(hour: int) -> None:
    with pytest.raises(AssertionError):
        business_day(_instant(2026, 1, 1), hour)


def test_the_zone_is_not_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert _instant(2026, 1, 1, 16, 0).local().isoformat() == "2026-01-02T00:00:00+08:00"


@pytest.mark.parametrize(
    ("utc", "cut_off", "day"),
    [
        ((2026, 3, 1, 21, 59, 59), 6, date(2026, 3, 1)),  # 05:59:59 local on the 2nd: still the 1st
        ((2026, 3, 1, 22, 0, 0), 6, date(2026, 3, 2)),  # 06:00 local: the 2nd
        ((2026, 3, 1, 15, 59, 59), 6, date(2026, 3, 1)),  # a second before local midnight
        ((2026, 3, 1, 16, 0, 0), 6, date(2026, 3, 1)),  # local midnight: the late show is yesterday's
        ((2026, 3, 1, 16, 0, 0), 0, date(2026, 3, 2)),  # no late show: the day turns at midnight
        ((2026, 2, 28, 17, 0, 0), 4, date(2026, 2, 28)),  # 01:00 on 1 March
        ((2025, 12, 31, 19, 0, 0), 4, date(2025, 12, 31)),  # 03:00 on New Year
    ],
)
def test_before_the_cut_off_it_is_still_yesterday(utc: tuple[int, ...], cut_off: int, day: date) -> None:
    assert business_day(_instant(*utc), cut_off) == day

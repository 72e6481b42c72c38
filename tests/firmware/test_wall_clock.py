"""The clock never goes back and says how far to believe it (P-R26)."""

from __future__ import annotations

from firmware.wall_clock import AGREEMENT_SECONDS, WallClock
from onecard.clock import business_day
from onecard.identity import day_number
from onecard.kinds import ClockQuality

_NOON = 1_795_000_000


class _System:
    """A system's two clocks, moved by hand."""

    def __init__(self) -> None:
        self.wall = float(_NOON)
        self.running = 100.0

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.running += seconds

    def clock(self) -> WallClock:
        return WallClock(lambda: self.wall, lambda: self.running)


def test_a_clock_behind_the_journal_is_not_believed_and_counts_on_from_it() -> None:
    system = _System()
    clock = system.clock()
    clock.at_least(_NOON + 5000)
    assert clock.now().quality is ClockQuality.UNKNOWN
    system.pass_time(30)
    assert clock.now().at == _NOON + 5030


def test_time_never_goes_back_when_the_system_is_set_back() -> None:
    system = _System()
    clock = system.clock()
    first = clock.now()
    system.wall -= 30
    second = clock.now()
    assert second.at >= first.at
    assert second.quality is ClockQuality.KEPT
    system.wall -= 1000
    assert clock.now().at >= second.at
    assert clock.now().quality is ClockQuality.UNKNOWN


def test_the_server_makes_the_clock_trusted_or_unknown() -> None:
    system = _System()
    clock = system.clock()
    assert clock.now().quality is ClockQuality.KEPT
    clock.heard(_NOON - AGREEMENT_SECONDS)
    assert clock.now().quality is ClockQuality.TRUSTED
    clock.heard(_NOON - AGREEMENT_SECONDS - 1)
    assert clock.now().quality is ClockQuality.UNKNOWN


def test_a_lost_clock_takes_the_servers_time_as_its_floor() -> None:
    system = _System()
    system.wall = 0.0
    clock = system.clock()
    clock.heard(_NOON)
    assert clock.now().at == _NOON
    assert clock.now().quality is ClockQuality.UNKNOWN
    system.wall = _NOON + 1
    clock.heard(_NOON + 1)
    assert clock.now().quality is ClockQuality.TRUSTED


def test_an_old_word_of_the_server_is_only_a_floor() -> None:
    system = _System()
    clock = system.clock()
    clock.at_least(_NOON - 86_400)
    assert clock.now().at == _NOON
    assert clock.now().quality is ClockQuality.KEPT


def test_a_clock_that_was_never_set_has_a_day_with_a_number() -> None:
    """A new terminal without a battery says 1970: a shift can be opened all the same."""
    clock = WallClock(lambda: 3.0, lambda: 100.0)
    assert clock.now().quality is ClockQuality.UNKNOWN
    assert day_number(business_day(clock.now(), cut_off_hour=23)) >= 0

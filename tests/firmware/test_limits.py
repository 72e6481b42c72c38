"""Whose limits hold, and how they fall while news is kept away (F17, P-R22)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firmware.limits import DIVISORS, Freshness, limits_in_force, stage_of
from onecard.money import Fen
from onecard.settings import DEFAULTS

_DAY = 86_400
_STRICT = replace(DEFAULTS, card_cap=Fen(10_000), in_doubt_seconds=60)


def test_a_terminal_s_own_file_never_raises_what_the_centre_says() -> None:
    assert limits_in_force(_STRICT, {"card_cap": 50_000, "in_doubt_seconds": 600}, 0) == _STRICT


def test_a_terminal_s_own_file_may_be_stricter() -> None:
    assert limits_in_force(_STRICT, {"card_cap": 2_000}, 0) == replace(_STRICT, card_cap=Fen(2_000))


def test_before_the_centre_has_said_anything_the_file_holds_and_defaults_fill_it() -> None:
    assert limits_in_force(None, {}, 0) == DEFAULTS
    assert limits_in_force(None, {"card_cap": 50_000}, 0) == replace(DEFAULTS, card_cap=Fen(50_000))


@pytest.mark.parametrize(
    ("age", "stage"), [(-_DAY, 0), (0, 0), (_DAY, 0), (_DAY + 1, 1), (2 * _DAY, 1), (2 * _DAY + 1, 2), (900 * _DAY, 2)]
)
def test_a_table_is_good_until_it_is_not_and_grows_older_once_more(age: int, stage: int) -> None:
    assert Freshness(1_000_000_000, _DAY).stage(1_000_000_000 + age) == stage


def test_a_table_without_an_end_is_never_old() -> None:
    assert Freshness(1, 0).stage(1 << 36) == 0


def test_the_oldest_table_counts() -> None:
    assert stage_of([Freshness(0, _DAY), Freshness(2 * _DAY, _DAY)], 2 * _DAY) == 1
    assert stage_of([], 1 << 36) == 0


def test_both_money_limits_fall_and_nothing_else() -> None:
    for stage, divisor in enumerate(DIVISORS):
        lowered = limits_in_force(None, {}, stage)
        assert (lowered.card_cap, lowered.unsent_cap) == (30_000 // divisor, 2_000_000 // divisor)
        assert replace(lowered, card_cap=DEFAULTS.card_cap, unsent_cap=DEFAULTS.unsent_cap) == DEFAULTS


def test_a_stricter_limit_of_the_terminal_s_own_falls_too() -> None:
    assert limits_in_force(_STRICT, {"card_cap": 3_000}, 1).card_cap == 1_000


def test_no_lowering_by_itself_stops_a_terminal_that_has_sold_nothing() -> None:
    assert limits_in_force(None, {"unsent_cap": 2}, 2).unsent_cap == 1

"""Money: one rounding rule, shares that sum to the whole, amounts as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.money import BadAmount, Fen, parse_yuan, scale, shares, yuan

_WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "+5",
        "5.",
        ".5",
        "5.123",
        "1,000",
        "5 0",
        "1e3",
        "0x10",
        "５",
        "--5",
        "5.-1",
        "1234567890",
        "¥5",
        "5.00.0",
    ],
)
def test_what_is_no_amount_is_refused_with_the_cure(text: str) -> None:
    with pytest.raises(BadAmount, match=r"45\.50") as refusal:
        parse_yuan(text)
    assert refusal.value.text == text


def test_scaling_nothing_below_zero() -> None:
    with pytest.raises(AssertionError):
        scale(Fen(-1), 500)
    with pytest.raises(AssertionError):
        scale(Fen(1), -500)


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_shares_need_a_whole_and_weights(total: int, weights: list[int]) -> None:
    with pytest.raises(AssertionError):
        shares(Fen(total), weights)


@pytest.mark.parametrize(
    ("amount", "per_mille", "scaled"),
    [
        (1, 500, 1),
        (1, 499, 0),
        (3, 500, 2),
        (4500, 500, 2250),
        (4500, 1000, 4500),
        (4501, 950, 4276),
        (10, 0, 0),
        (0, 7, 0),
    ],
)
def test_half_a_fen_goes_up(amount: int, per_mille: int, scaled: int) -> None:
    assert scale(Fen(amount), per_mille) == scaled


@given(st.integers(0, 1 << 40), st.integers(0, 1000))
def test_scaling_errs_by_at_most_half_a_fen_upwards(amount: int, per_mille: int) -> None:
    error = scale(Fen(amount), per_mille) * 1000 - amount * per_mille
    assert -500 < error <= 500


def test_the_largest_remainder_gets_the_fen_and_the_earlier_of_equals() -> None:
    assert shares(Fen(100), [1, 1, 1]) == [34, 33, 33]
    assert shares(Fen(10), [5, 3, 1]) == [6, 3, 1]
    assert shares(Fen(7), [0, 1, 0]) == [0, 7, 0]
    assert shares(Fen(0), [3, 4]) == [0, 0]


@given(st.integers(0, 1 << 40), _WEIGHTS)
def test_shares_sum_to_the_whole_and_stray_less_than_a_fen(total: int, weights: list[int]) -> None:
    parts = shares(Fen(total), weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


@pytest.mark.parametrize(
    ("text", "fen"),
    [("45", 4500), ("45.5", 4550), (" 45.50 ", 4550), ("0.05", 5), ("-0.05", -5), ("999999999.99", 99999999999)],
)
def test_yuan_as_typed(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@given(st.integers(-(10**11) + 1, 10**11 - 1))
def test_an_amount_shown_can_be_typed_again(fen: int) -> None:
    assert parse_yuan(yuan(fen)) == fen

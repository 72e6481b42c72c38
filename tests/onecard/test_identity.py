"""Identity: check digits, UIDs, record names, day numbers."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.identity import (
    BadCardNumber,
    BadUid,
    RecordName,
    TerminalNumber,
    card_number,
    card_number_text,
    check_digit,
    check_uid,
    day_date,
    day_number,
    is_card_number,
    parse_card_number,
)

_SERIALS = st.integers(1, 10**11 - 1)


@pytest.mark.parametrize(
    "text", ["", "1234", "000000000018x", "00000000001８", "0000000000018", "-00000000018", "1e1111111111"]
)
def test_a_card_number_has_twelve_digits(text: str) -> None:
    with pytest.raises(BadCardNumber, match="12 digits"):
        parse_card_number(text)


@given(_SERIALS, st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(serial: int, place: int, change: int) -> None:
    text = card_number_text(card_number(serial))
    wrong = text[:place] + str((int(text[place]) + change) % 10) + text[place + 1 :]
    with pytest.raises(BadCardNumber, match="check digit"):
        parse_card_number(wrong)


@given(_SERIALS, st.integers(0, 10))
def test_exchanged_neighbours_are_noticed_but_for_09_and_90(serial: int, place: int) -> None:
    text = card_number_text(card_number(serial))
    one, other = text[place], text[place + 1]
    exchanged = text[:place] + other + one + text[place + 2 :]
    assert is_card_number(int(exchanged)) == (one == other or {one, other} == {"0", "9"})


def test_number_zero_names_nobody() -> None:
    """Records write 0 where a card or an operator is unknown."""
    assert not is_card_number(0)
    with pytest.raises(BadCardNumber):
        parse_card_number("000000000000")
    with pytest.raises(AssertionError):
        card_number(0)


@pytest.mark.parametrize("number", [-1, -18, 10**12, 10**12 + 18])
def test_numbers_out_of_range_are_no_card_numbers(number: int) -> None:
    assert not is_card_number(number)


def test_check_digits_of_published_numbers(vectors: Callable[[str], dict[str, Any]]) -> None:
    for row in vectors("luhn")["check_digits"]:
        assert check_digit(row["body"]) == row["digit"], row


@given(_SERIALS)
def test_a_card_number_is_read_back_from_its_text(serial: int) -> None:
    number = card_number(serial)
    text = card_number_text(number)
    assert len(text) == 12
    assert parse_card_number(f" {text[:4]} {text[4:8]} {text[8:]}") == number


@pytest.mark.parametrize("size", [0, 1, 3, 5, 6, 8, 10])
def test_uids_have_four_or_seven_bytes(size: int) -> None:
    with pytest.raises(BadUid):
        check_uid(bytes(size))
    assert check_uid(bytes(4)) == bytes(4)
    assert check_uid(bytes(7)) == bytes(7)


def test_record_names_order_by_sequence_within_a_life() -> None:
    first, later = RecordName(TerminalNumber(7), 2, 9), RecordName(TerminalNumber(7), 2, 10)
    assert first < later < RecordName(TerminalNumber(7), 3, 1)
    assert str(first) == "7/2/9"


def test_day_numbers_count_from_2000() -> None:
    assert day_number(datetime.date(2000, 1, 1)) == 0
    assert day_number(datetime.date(2005, 3, 1)) == 1886
    assert day_date(day_number(datetime.date(2179, 6, 6))) == datetime.date(2179, 6, 6)
    assert day_number(datetime.date(2179, 6, 6)) == 65535

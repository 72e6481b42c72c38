"""What a terminal tells its daemon of itself: all of it, or nothing."""

from __future__ import annotations

import json

import pytest

from onecard.bundle import UNKNOWN
from onecard.condition import Condition, decode_condition, version_number, version_text

_TOLD = Condition(1_795_060_800, 730, 0, 1, 1_002_003, 2, 3, 5)


@pytest.mark.parametrize("place", range(len(_TOLD.encode())))
def test_a_half_file_says_nothing(place: int) -> None:
    half = _TOLD.encode()[:place]
    assert decode_condition(half) == (Condition() if half.strip() != _TOLD.encode().strip() else _TOLD)


@pytest.mark.parametrize(
    "changed",
    [{"reader_answers": "1"}, {"reader_answers": True}, {"syncs_wanted": 1.5}, {"more": 1}, {"on_mains": None}],
)
def test_another_software_s_file_says_nothing(changed: dict[str, object]) -> None:
    told = json.loads(_TOLD.encode()) | changed
    assert decode_condition(json.dumps(told).encode()) == Condition()
    assert decode_condition(b"[" * 100_000) == Condition()


def test_what_is_told_is_read() -> None:
    assert decode_condition(_TOLD.encode()) == _TOLD


def test_a_terminal_without_a_gauge_does_not_pretend_to_know_its_battery() -> None:
    told = decode_condition(Condition(hotlist_at=5).encode())
    assert (told.battery_per_mille, told.on_mains) == (UNKNOWN, UNKNOWN)


@pytest.mark.parametrize(("text", "number"), [("0.1.0", 1000), ("1.2.3", 1_002_003), ("12.345.678rc1", 12_345_678)])
def test_a_software_version_is_a_number(text: str, number: int) -> None:
    assert version_number(text) == number
    assert text.startswith(version_text(number))


@pytest.mark.parametrize("text", ["", "1.2", "dev", "1000.0.0"])
def test_a_version_of_another_shape_is_unknown(text: str) -> None:
    assert version_number(text) == UNKNOWN


@pytest.mark.parametrize("number", [-1, 10**9])
def test_an_absurd_number_is_no_version(number: int) -> None:
    assert version_text(number) == ""

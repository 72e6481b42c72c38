"""The centre's settings: strict, bounded, each wrong number refused by its name."""

from __future__ import annotations

from dataclasses import astuple, fields, replace

import pytest

from onecard import cbor
from onecard.settings import BOUNDS, DEFAULTS, BadSettings, Settings, decode_settings

_NAMES = [field.name for field in fields(Settings)]


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("past", ["below", "above"])
def test_a_number_out_of_its_bounds_is_refused_by_its_name(name: str, past: str) -> None:
    allowed = BOUNDS[name]
    wrong = replace(DEFAULTS, **{name: allowed.start - 1 if past == "below" else allowed.stop})
    with pytest.raises(BadSettings, match=name.replace("_", " ")):
        wrong.encode()
    with pytest.raises(BadSettings) as refused:
        decode_settings(cbor.encode([1, *astuple(wrong)]))
    assert refused.value.name == name


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80",
        cbor.encode([2, *astuple(DEFAULTS)]),
        cbor.encode([1, *astuple(DEFAULTS), 0]),
        cbor.encode([1, *astuple(DEFAULTS)[:-1]]),
        cbor.encode([1, "300.00", *astuple(DEFAULTS)[1:]]),
        DEFAULTS.encode() + b"\x00",
        DEFAULTS.encode()[:-1],
        bytes(1000),
    ],
    ids=["nothing", "empty", "schema 2", "one more", "one less", "text", "more bytes", "cut", "long"],
)
def test_what_is_not_five_numbers_of_schema_1_is_refused(raw: bytes) -> None:
    with pytest.raises(BadSettings):
        decode_settings(raw)


def test_the_defaults_are_those_of_the_design() -> None:
    assert astuple(DEFAULTS) == (30_000, 2_000_000, 3, 120, 7)
    assert decode_settings(DEFAULTS.encode()) == DEFAULTS


@pytest.mark.parametrize("name", _NAMES)
def test_both_ends_of_the_bounds_are_allowed(name: str) -> None:
    for value in (BOUNDS[name].start, BOUNDS[name].stop - 1):
        settings = replace(DEFAULTS, **{name: value})
        assert decode_settings(settings.encode()) == settings

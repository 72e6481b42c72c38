"""The word that the port is open: who must not open it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.port_word import OPEN_SECONDS, PortWord, open_seconds

_NOW = 5000.0
_OPEN = PortWord("this start", 5_600_000).encode()


def test_a_word_of_this_start_opens_the_port_until_its_moment() -> None:
    assert open_seconds(_OPEN, "this start", _NOW) == OPEN_SECONDS
    assert open_seconds(_OPEN, "this start", 5599.5) == 0.5
    assert open_seconds(_OPEN, "this start", 5600.0) == 0.0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        _OPEN[:-6],
        b"null",
        b'"open"',
        b"[1]",
        b"\xff\xfe",
        PortWord("another start", 5_600_000).encode(),
        PortWord("this start", 4_999_999).encode(),
        PortWord("this start", 5_600_001).encode(),
        PortWord("this start", 10**400).encode(),
        json.dumps({"boot": "this start", "until_ms": True}).encode(),
        json.dumps({"boot": "this start", "until_ms": 5_600_000.5}).encode(),
        json.dumps({"boot": "this start"}).encode(),
        _OPEN + b" " * 256,
        b"[" * 200,
    ],
    ids=lambda raw: raw[:24].decode(errors="replace"),
)
def test_nothing_else_opens_it(raw: bytes) -> None:
    assert open_seconds(raw, "this start", _NOW) == 0.0


def test_a_machine_that_does_not_name_its_starts_opens_no_port() -> None:
    assert open_seconds(PortWord("", 5_600_000).encode(), "", _NOW) == 0.0


@given(st.binary(max_size=300))
def test_no_bytes_open_it_for_longer_than_is_stated(raw: bytes) -> None:
    assert 0.0 <= open_seconds(raw, "this start", _NOW) <= OPEN_SECONDS

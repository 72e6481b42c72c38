"""How a host is named on the command line."""

from __future__ import annotations

import pytest

from tools.courier.roads import parse_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("onecard-17.local", ("onecard-17.local", 7411)),
        ("10.0.0.7:7000", ("10.0.0.7", 7000)),
        ("fe80::1", ("fe80::1", 7411)),
        ("[fe80::1]:7000", ("fe80::1", 7000)),
        ("[fe80::1]", ("fe80::1", 7411)),
    ],
)
def test_a_host_may_have_a_port(text: str, host: tuple[str, int]) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize("text", ["", ":7000", "host:", "host:0", "host:65536", "host:x"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no NAME"):
        parse_host(text)

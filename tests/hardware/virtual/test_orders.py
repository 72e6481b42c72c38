"""The lines a reader understands, and what it says to those it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.virtual.orders import Order, OrderError, Place, Remove, Resume, Stall, Stats, Tear, parse
from hardware.virtual.schedule import AfterWrites, AtCommand, StallPoint
from hardware.virtual.tear import Cut, TearMode


@pytest.mark.parametrize(
    "line",
    [
        "",
        "place",
        "eject",
        "tear",
        "tear weak",
        "tear soft 1",
        "tear weak -1",
        "tear weak 1.5",
        "tear weak command 0",
        "tear weak command",
        "tear weak command 1 byte 8193",
        "tear weak 1 byte 2",
        "stall 1",
        "stall during 1",
        "stats now",
        "resume 1",
        "tear weak ٣",
        "tear weak 99999999999999999999",
    ],
)
def test_what_is_no_order_is_told_how_to_write_one(line: str) -> None:
    with pytest.raises(OrderError, match="write"):
        parse(line)


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("place /a/card 1", Place(Path("/a/card 1"))),
        ("  remove  ", Remove(None)),
        ("remove /a", Remove(Path("/a"))),
        ("tear weak 0", Tear(Cut(TearMode.WEAK), AfterWrites(0))),
        ("tear half command 3", Tear(Cut(TearMode.HALF), AtCommand(3))),
        ("tear erased command 3 byte 16", Tear(Cut(TearMode.ERASED, 16), AtCommand(3))),
        ("stall before 0", Stall(StallPoint.BEFORE, 0)),
        ("stall after 2", Stall(StallPoint.AFTER, 2)),
        ("resume", Resume()),
        ("stats", Stats()),
    ],
)
def test_orders(line: str, order: Order) -> None:
    assert parse(line) == order


@given(st.text(max_size=60))
def test_any_text_is_an_order_or_a_named_error(line: str) -> None:
    try:
        parse(line)
    except OrderError as error:
        assert "write" in str(error)

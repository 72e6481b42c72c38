"""Lower bounds: equal, or a higher counter with at least as much debited (P-R8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.purse.bounds import Bound, accepted

_BOUND = Bound(10, 100)


@pytest.mark.parametrize(
    ("counter", "debited"),
    [
        (9, 100),  # rolled back
        (9, 200),  # a lower counter with more debited: another branch
        (10, 99),
        (10, 101),  # the same counter with another sum: a fork
        (11, 99),  # hole H14: the counter raised, the sum lowered
        (0, 0),
        (1 << 20, 0),
    ],
)
def test_what_a_durable_record_rules_out_is_behind(counter: int, debited: int) -> None:
    assert not _BOUND.accepts(counter, debited)


@pytest.mark.parametrize(("counter", "debited"), [(10, 100), (11, 100), (11, 101), (900, 5000)])
def test_the_bound_itself_and_what_can_follow_it_pass(counter: int, debited: int) -> None:
    assert _BOUND.accepts(counter, debited)


def test_every_bound_must_be_passed() -> None:
    assert accepted([], 0, 0)
    assert accepted([Bound(1, 5), Bound(2, 5)], 2, 5)
    assert not accepted([Bound(1, 5), Bound(2, 6)], 2, 5)
    assert not accepted(iter([Bound(2, 6), Bound(1, 5)]), 2, 5)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.data())
def test_an_honest_chain_passes_every_bound_of_its_past_and_fails_those_of_its_future(
    amounts: list[int], data: st.DataObject
) -> None:
    sums = [sum(amounts[: place + 1]) for place in range(len(amounts))]
    at = data.draw(st.integers(0, len(sums) - 1))
    past = [Bound(counter, debited) for counter, debited in enumerate(sums[: at + 1])]
    assert accepted(past, at, sums[at])
    assert not any(Bound(counter, sums[counter]).accepts(at, sums[at]) for counter in range(at + 1, len(sums)))

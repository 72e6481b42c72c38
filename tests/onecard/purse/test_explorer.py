"""The invariants of docs/purse.md over every reachable state of one ring, driven by the product's own planning."""

from __future__ import annotations

import pytest

from tests.onecard.purse.explorer import Findings, explore
from tests.onecard.purse.world import Mutation, Scope


def _holds(name: str, found: Findings) -> None:
    print(
        f"{name}: {found.states} states, {found.transitions} transitions, {found.unreadable} can read without a record"
    )
    assert found.violation is None, "\n".join([found.violation, *found.trace])


@pytest.mark.parametrize("mutation", list(Mutation), ids=lambda mutation: mutation.name.lower())
def test_each_rule_is_needed(mutation: Mutation) -> None:
    """Switched off in the explorer, it lets an invariant break: the checks see what the rule prevents."""
    by_plain_tears = mutation is Mutation.REWRITE_THE_LAST  # with weak cells a ring may become unreadable anyway
    found = explore(Scope(intents=3, mutation=mutation, weak_cells=not by_plain_tears))
    print(f"{mutation.name}: {found.states} states, {found.violation}", *found.trace, sep="\n  ")
    assert found.violation is not None


def test_invariants_hold_over_three_intents_at_two_terminals() -> None:
    found = explore(Scope(intents=3))
    _holds("3 intents, 2 terminals", found)
    assert found.states > 4_000, "the search has become smaller than what it proves"


def test_invariants_hold_over_three_intents_at_three_terminals() -> None:
    _holds("3 intents, 3 terminals", explore(Scope(intents=3, terminals=3)))


def test_plain_tears_never_leave_a_ring_without_a_record() -> None:
    """Without weak cells no reading is ever empty (hole H11), up to four intents."""
    found = explore(Scope(intents=4, weak_cells=False))
    _holds("4 intents, no weak cells", found)
    assert found.unreadable == 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("intents", "terminals", "weak_cells"), [(4, 2, True), (4, 3, True), (5, 2, False)])
def test_invariants_hold_in_a_larger_scope(intents: int, terminals: int, weak_cells: bool) -> None:
    found = explore(Scope(intents, terminals, weak_cells))
    _holds(f"{intents} intents, {terminals} terminals, weak cells {weak_cells}", found)

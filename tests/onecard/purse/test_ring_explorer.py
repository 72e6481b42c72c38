"""The invariants of docs/purse.md over every reachable state of one ring, driven by the product's own planning (M1)."""

from __future__ import annotations

import resource
from random import Random

import pytest

from tests.onecard.purse.explorers.physics import Physics
from tests.onecard.purse.explorers.ring_explorer import RingSpace
from tests.onecard.purse.explorers.ring_world import Scope
from tests.onecard.purse.explorers.search import Findings, search, walk


def _holds(name: str, found: Findings) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"M1 {name}: {found} ({memory} MB)")
    assert found.violation is None, "\n".join([found.violation, *found.trace])


def test_invariants_hold_over_three_intents_at_two_terminals() -> None:
    found = search(RingSpace(Scope(intents=3)))
    _holds("3 intents, 2 terminals", found)
    assert found.states == 6795, "the search has become another one than docs/purse.md tells of"


def test_invariants_hold_over_three_intents_at_three_terminals() -> None:
    _holds("3 intents, 3 terminals", search(RingSpace(Scope(intents=3, terminals=3))))


def test_invariants_hold_when_each_journal_entry_is_uploaded_on_its_own() -> None:
    _holds("2 intents, uploads in any order", search(RingSpace(Scope(intents=2, uploads=True))))


@pytest.mark.parametrize("physics", [Physics.PLAIN, Physics.ATOMIC], ids=lambda physics: physics.name.lower())
def test_tears_without_weak_cells_never_leave_a_ring_without_a_record(physics: Physics) -> None:
    """Hole H11, up to four intents; on DESFire, whose commit is whole or not, as on Classic."""
    space = RingSpace(Scope(intents=4, physics=physics, lean=True))
    _holds(f"4 intents, {physics!r}", search(space))
    assert space.unreadable == 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("scope", "at_least"),
    [
        pytest.param(Scope(intents=4), 0, id="4 intents"),
        pytest.param(Scope(intents=6, lean=True), 4_807_994, id="6 intents"),
        pytest.param(Scope(intents=5, terminals=3, lean=True), 1_994_806, id="5 intents, 3 terminals"),
        pytest.param(Scope(intents=3, uploads=True), 0, id="3 intents, uploads"),
        pytest.param(Scope(intents=4, uploads=True), 4_793_451, id="4 intents, uploads"),
        pytest.param(Scope(intents=6, physics=Physics.ATOMIC, lean=True), 0, id="6 intents, DESFire"),
    ],
)
def test_invariants_hold_in_a_larger_scope(scope: Scope, at_least: int) -> None:
    enough = at_least if scope.uploads and at_least else None  # all of it is several times that
    found = search(RingSpace(scope), enough=enough)
    _holds(str(scope), found)
    assert found.states >= at_least, "the search has become smaller than what docs/purse.md tells of"


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4))
def test_invariants_hold_on_random_walks_over_long_chains(seed: int) -> None:
    found = walk(RingSpace(Scope(intents=90, terminals=3)), Random(seed), steps=700_000, length=500)
    _holds(f"walks, 3 terminals, chains to 90 records, seed {seed}", found)

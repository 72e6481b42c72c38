"""I6 over every reachable state of one card to which certificates are delivered, by the product's own steps (M3)."""

from __future__ import annotations

import pytest

from tests.onecard.purse.explorers.delivery_explorer import DeliverySpace
from tests.onecard.purse.explorers.delivery_world import Scope
from tests.onecard.purse.explorers.physics import Physics
from tests.onecard.purse.explorers.search import search


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(Scope(records=2, certificates=2), id="classic"),
        pytest.param(Scope(records=2, certificates=2, stride=8), id="classic, L alike modulo 8"),
        pytest.param(Scope(records=2, certificates=2, physics=Physics.ATOMIC), id="desfire"),
        pytest.param(Scope(records=2, certificates=2, physics=Physics.ATOMIC, stride=8), id="desfire, L alike"),
    ],
)
def test_the_certificate_in_force_is_always_readable(scope: Scope) -> None:
    _holds(scope, 0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("scope", "at_least"),
    [
        pytest.param(Scope(records=5, certificates=2), 588_865, id="5 records, 2 certificates"),
        pytest.param(Scope(records=5, certificates=3), 622_460, id="5 records, 3 certificates"),
        pytest.param(Scope(records=4, certificates=3), 223_386, id="4 records, 3 certificates"),
        pytest.param(Scope(records=4, certificates=3, stride=8), 236_596, id="4 records, L alike modulo 8"),
        pytest.param(Scope(records=5, certificates=2, stride=8), 622_460, id="5 records, L alike modulo 8"),
        pytest.param(Scope(records=4, certificates=3, physics=Physics.ATOMIC, stride=8), 0, id="desfire"),
    ],
)
def test_the_certificate_in_force_is_always_readable_in_a_larger_scope(scope: Scope, at_least: int) -> None:
    _holds(scope, at_least)


def _holds(scope: Scope, at_least: int) -> None:
    found = search(DeliverySpace(scope))
    print(f"M3 {scope}: {found}")
    assert found.violation is None
    assert found.states >= at_least, "the search has become smaller than what docs/purse.md tells of"

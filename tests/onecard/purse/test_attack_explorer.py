"""The 21 attacks of docs/purse.md on the product's own decisions: what each gains, and that it is seen (M2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.onecard.purse.explorers.attack_explorer import AttackSpace
from tests.onecard.purse.explorers.attack_world import Scope
from tests.onecard.purse.explorers.attacks import ATTACKS, Attack
from tests.onecard.purse.explorers.search import search

_ATTACKS = [pytest.param(name, attack, id=name) for name, attack in ATTACKS.items()]


@pytest.mark.parametrize(("name", "attack"), _ATTACKS)
def test_an_attack_takes_what_is_stated_in_a_small_scope(name: str, attack: Attack) -> None:
    taken = _taken(name, attack, replace(attack.scope, records=attack.small))
    assert taken == attack.taken


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "attack"), _ATTACKS)
def test_an_attack_takes_no_more_than_is_stated(name: str, attack: Attack) -> None:
    assert _taken(name, attack, attack.scope) <= attack.most


def _taken(name: str, attack: Attack, scope: Scope) -> int:
    space = AttackSpace(scope)
    found = search(space)
    print(f"M2 {name} {attack.what}: {found}, {space.excess} taken beyond what was paid in")
    assert (found.violation is not None) is attack.breaks
    return space.excess

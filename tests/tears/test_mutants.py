"""A rule switched off must be seen to be missed, or the search proves nothing."""

from __future__ import annotations

import pytest

from hardware.virtual.desfire.contents import Generation
from tests.tears.classic import Classic
from tests.tears.desfire import Desfire
from tests.tears.explorer import Level, explore
from tests.tears.family import Family, Grain
from tests.tears.mutants import ATOMIC_MUTANTS, MUTANTS, Mutant
from tests.tears.operations import EVERYTHING


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_each_rule_is_needed_on_classic(mutant: Mutant) -> None:
    _is_caught(Classic(), mutant)


@pytest.mark.parametrize("mutant", ATOMIC_MUTANTS.values(), ids=ATOMIC_MUTANTS.keys())
def test_each_rule_is_needed_on_desfire(mutant: Mutant) -> None:
    _is_caught(Desfire(Generation.EV2), mutant)


def _is_caught(family: Family, mutant: Mutant) -> None:
    stage = mutant.make(family)
    levels = [
        Level(mutant.operation.steps, Grain.CLASSES, Grain.COMMANDS, alike=True),
        Level(EVERYTHING, Grain.CLASSES, alike=True),
    ]
    found = explore(stage, mutant.operation.begin(stage), levels)
    assert found.violation is not None, "the search does not miss the rule"
    assert found.violation.startswith(mutant.breaks), "\n".join([found.violation, *found.trace])

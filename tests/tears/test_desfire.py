"""Tears on DESFire, exhaustively: cut before and after every command of every operation and of its recovery."""

from __future__ import annotations

import pytest

from firmware.results import Abandoned, InDoubt, Paid
from hardware.virtual.desfire.contents import Generation
from tests.tears.choices import Choices
from tests.tears.cuts import BEFORE, CardLeaves
from tests.tears.desfire import Desfire
from tests.tears.family import Grain
from tests.tears.history import History
from tests.tears.invariants.purse_i8 import HERE
from tests.tears.operations import LOAD, OPERATIONS, Operation, known, loaded
from tests.tears.plans import bounded, hold, recoveries_of
from tests.tears.replacing import Rules, search
from tests.tears.stage import Doing, Stage, Step
from tests.tears.world import LOADED, PRICE, World

_LONG = {"first debit", "seal after a load", "delivery", "refund", "re-tap with a load"}

_each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
_each_generation = pytest.mark.parametrize("generation", Generation, ids=lambda generation: generation.value)


@_each_generation
@_each_operation
def test_every_cut_of_an_operation_and_of_its_recovery_is_survived(
    operation: Operation, generation: Generation
) -> None:
    is_cut = generation is Generation.EV2 and operation.name not in _LONG
    hold(Desfire(generation), operation, bounded(operation, recovery_is_cut=is_cut))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@_each_generation
@_each_operation
def test_every_cut_of_every_recovery_is_survived(operation: Operation, generation: Generation) -> None:
    hold(Desfire(generation), operation, recoveries_of(operation))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_old_and_new_card_never_spend_more_than_was_loaded() -> None:
    found = search(Desfire(Generation.EV2), Rules(), 5, Grain.COMMANDS)
    print(f"saw {found.states} states in {found.runs} steps: DESFire EV2, replacement, 5 steps")
    assert found.violation is None, "\n".join([found.violation, *found.trace])


def _lost_delivery(stage: Stage) -> World:
    """A load came with a sale, and the card left before the commit that was to bring both."""
    world = loaded(known(stage), HERE)
    sent = stage.run(world, Step(Doing.TAP, HERE), Choices()).sent
    commit = max(moment for moment, command in sent.items() if stage.family.commits(command))
    ran = stage.run(world, Step(Doing.TAP, HERE), Choices(), CardLeaves(commit, BEFORE))
    assert isinstance(ran.result, InDoubt)
    return ran.world


@_each_generation
def test_a_re_tap_stages_the_certificate_again_that_its_sale_names(generation: Generation) -> None:
    """Purse I6: the commit that was lost was to bring it."""
    stage = Stage(Desfire(generation))
    again = stage.run(_lost_delivery(stage), Step(Doing.TAP, HERE), Choices())
    assert isinstance(again.result, Paid)
    assert again.result.balance == LOADED + LOAD - 3 * PRICE
    (sighting,) = History(stage.family, again.world).sightings
    assert sighting.in_force is not None
    assert sighting.in_force.loaded == LOADED + LOAD


@pytest.mark.parametrize("inbox", ["empty", "newer"])
def test_a_re_tap_gives_up_when_the_certificate_its_sale_names_is_not_held(inbox: str) -> None:
    """It cannot be written any more, and the sale's record may name no other: no goods, and the card is as it was."""
    stage = Stage(Desfire(Generation.EV2))
    world = _lost_delivery(stage)
    world = stage.run(world, Step(Doing.RESTART, HERE), Choices()).world
    if inbox == "newer":
        world = loaded(world, HERE)
    else:
        world = world.with_terminal(HERE, world.terminals[HERE]._replace(delivered=(), learned=frozenset()))
    again = stage.run(world, Step(Doing.TAP, HERE), Choices())
    assert isinstance(again.result, Abandoned)
    assert again.world.card == world.card

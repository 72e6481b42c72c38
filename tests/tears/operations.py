"""The operations of a purse, each as the world it begins in and the steps it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.tears.choices import Choices
from tests.tears.cuts import AFTER, CardLeaves, StepCut, Tear
from tests.tears.invariants.purse_i8 import HERE, THERE
from tests.tears.stage import Doing, Stage, Step
from tests.tears.world import ISSUER, LOADED, PRICE, UID, Terminal, World

LOAD = 20_000


@dataclass(frozen=True)
class Operation:
    """What is cut: `steps` from the world that `begin` makes."""

    name: str
    begin: Callable[[Stage], World]
    steps: tuple[Step, ...]


def issued(stage: Stage) -> World:
    """A card from the desk, and two terminals that never saw it."""
    certificate = ISSUER.certificate(UID, 1, LOADED)
    card = stage.family.issued(ISSUER, UID, certificate)
    return World(card, (Terminal(1), Terminal(2)), frozenset(), (certificate,), LOADED)


def known(stage: Stage) -> World:
    """A card that both terminals know."""
    world = issued(stage)
    for place in (HERE, THERE):
        world = _done(stage, world, Doing.TAP, place)
    return world


def in_doubt(stage: Stage, tear: Tear = AFTER) -> World:
    """A known card whose debit was torn at the write of its record: the sale is in doubt."""
    world = known(stage)
    sent = stage.run(world, Step(Doing.TAP, HERE), Choices()).sent
    write = max(moment for moment, command in sent.items() if stage.family.commits(command))
    return _done(stage, world, Doing.TAP, HERE, CardLeaves(write, tear))


def overtaken(stage: Stage) -> World:
    """The sale in doubt stands on the card, and the patron has paid at the other terminal on top of it."""
    return _done(stage, in_doubt(stage), Doing.TAP, THERE)


def overtaken_by_load(stage: Stage) -> World:
    """The same, and with that payment a load came onto the card."""
    return _done(stage, loaded(in_doubt(stage), THERE), Doing.TAP, THERE)


def given_back(stage: Stage) -> World:
    """The sale in doubt was given up and turned out to stand; its refund waits at both terminals."""
    world = _done(stage, in_doubt(stage), Doing.ABANDON, HERE)
    return _done(stage, _done(stage, world, Doing.TAP, THERE), Doing.UPLOAD, HERE)


def loaded(world: World, *places: int) -> World:
    """The world with a load in the inbox of each of these terminals; each has a newer certificate than the one before
    it."""
    for place in places:
        cash = world.cash + LOAD
        image = ISSUER.certificate(UID, len(world.certificates) + 1, cash)
        waiting = world.terminals[place]
        world = world._replace(certificates=(*world.certificates, image), cash=cash)
        world = world.with_terminal(place, waiting._replace(delivered=(*waiting.delivered, image)))
    return world


def _done(stage: Stage, world: World, doing: Doing, place: int, cut: StepCut | None = None) -> World:
    return stage.run(world, Step(doing, place), Choices(), cut).world


_PAY_OR_LOOK = (Step(Doing.TAP, HERE), Step(Doing.INQUIRE, HERE))
OPERATIONS = (
    Operation("debit", known, (Step(Doing.TAP, HERE),)),
    Operation("first debit", issued, (Step(Doing.TAP, HERE),)),
    Operation("re-tap", in_doubt, (Step(Doing.TAP, HERE),)),
    Operation("seal", overtaken, (Step(Doing.TAP, HERE),)),
    Operation("seal after a load", overtaken_by_load, (Step(Doing.TAP, HERE),)),
    Operation("delivery", lambda stage: loaded(known(stage), HERE, THERE), _PAY_OR_LOOK),
    Operation("refund", given_back, (Step(Doing.TAP, HERE),)),
    Operation("re-tap with a load", lambda stage: loaded(in_doubt(stage), HERE, THERE), (Step(Doing.TAP, HERE),)),
)
EVERYTHING = tuple(
    Step(doing, place)
    for doing, place in (
        (Doing.TAP, HERE),
        (Doing.TAP, THERE),
        (Doing.INQUIRE, THERE),
        (Doing.SETTLE, THERE),
        (Doing.ABANDON, HERE),
        (Doing.RESTART, HERE),
        (Doing.UPLOAD, HERE),
    )
)
"""What may follow: the card again, the patron who walks to the other terminal, the cashier's word, the power, the
server."""
PAID_BEFORE = 2 * PRICE
"""What `known` has debited."""

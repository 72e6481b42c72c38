"""docs/purse.md I8, I-11: convergence. From any state one acknowledged null record at one live terminal and all uploads
settle everything: nothing is in doubt, server = card, refunds are the abandoned debits that stand; the refund reaches
the card with its next certificate, and the patron can pay where it happened."""

from __future__ import annotations

from firmware.results import Declined, Paid, Shown
from onecard.kinds import DeclineReason, Outcome
from onecard.purse.bounds import Bound
from onecard.purse.resolution import Resolution, State
from tests.tears.choices import Choices, every
from tests.tears.history import History, resolved
from tests.tears.invariants import i_03
from tests.tears.invariants.purse_i6 import WEAK_TEARS_MAX
from tests.tears.server import refunded
from tests.tears.stage import Doing, Ran, Stage, Step
from tests.tears.world import PRICE, World

HERE, THERE = 0, 1
"""Places of the terminal where it happened, and of the one the patron walks to."""


class _BrokenError(Exception):
    """The first thing that is not as it must be."""


class _DeskCaseError(Exception):
    """The ring reads without a record, after more weak tears than it stands."""


def violation(stage: Stage, world: World) -> str | None:
    """What is wrong with the end, in any course that the card's weak cells and the journals' tails allow."""

    def heal(choices: Choices) -> str | None:
        try:
            _heal(stage, world, choices)
        except _BrokenError as broken:
            return f"purse I8: {broken}"
        except _DeskCaseError:
            pass
        return None

    return next((found for _, found in every(heal) if found is not None), None)


def _heal(stage: Stage, world: World, choices: Choices) -> None:
    for place in range(len(world.terminals)):
        world = stage.run(world, Step(Doing.ABANDON, place), choices).world
    world = _uploaded(_still(stage, world, Step(Doing.SETTLE, THERE), choices).world)
    resolution = _agreed(stage, world)
    world = refunded(world, resolution)
    there = world.terminals[THERE]
    world = world.with_terminal(THERE, there._replace(delivered=(*there.delivered, world.certificates[-1])))
    shown = _still(stage, world, Step(Doing.INQUIRE, THERE), choices)
    world = _uploaded(shown.world)
    if _agreed(stage, world).refunds != resolution.refunds:
        raise _BrokenError("the refund's delivery is refunded")
    claims = History(stage.family, world).claims.values()
    paid = sum(claim.intent.amount for claim in claims if claim.word is Outcome.PAID)
    assert isinstance(shown.result, Shown)
    if shown.result.balance != world.cash - paid:
        raise _BrokenError(f"{shown.result.balance} is left of {world.cash}, of which {paid} were paid")
    sold = _still(stage, world, Step(Doing.TAP, HERE), choices)
    assert isinstance(sold.result, Paid)
    if sold.result.balance != shown.result.balance - PRICE:
        raise _BrokenError(f"{sold.result.balance} is left after a sale of {PRICE} from {shown.result.balance}")
    _agreed(stage, _uploaded(sold.world))


def _still(stage: Stage, world: World, step: Step, choices: Choices) -> Ran:
    """The step with a card that lies still: it must succeed."""
    ran = stage.run(world, step, choices)
    match ran.result:
        case Paid() | Shown():
            wrong = i_03.violation(History(stage.family, ran.world), ran.result)
            if wrong is not None:
                raise _BrokenError(wrong)
            return ran
        case Declined(reason=DeclineReason.UNREADABLE_RING) if world.weak_tears > WEAK_TEARS_MAX:
            raise _DeskCaseError
        case _:
            raise _BrokenError(f"{step.doing.name} with a card that lies still came to {ran.result}")


def _agreed(stage: Stage, world: World) -> Resolution:
    """What the server concludes: nothing open, its head the card's newest record in every reading."""
    resolution, history = resolved(world.terminals), History(stage.family, world)
    if State.OPEN in resolution.states.values():
        raise _BrokenError("something is in doubt for ever")
    if resolution.forks or resolution.unattributed:
        raise _BrokenError(f"forks {resolution.forks}, unattributed {resolution.unattributed}")
    for sighting in history.sightings:
        newest = sighting.ring.newest
        if newest is None or resolution.head != Bound(newest.counter, newest.debited):
            raise _BrokenError(f"the server has {resolution.head}, the card can read {newest}")
    due = {
        (claim.terminal, claim.sequence)
        for claim in history.claims.values()
        if claim.word is Outcome.ABANDONED
        and claim.intent.amount
        and resolution.states[claim.terminal, claim.sequence] is State.STANDS
    }
    if resolution.refunds != due:
        raise _BrokenError(f"refunds {set(resolution.refunds)}, due are {due}")
    return resolution


def _uploaded(world: World) -> World:
    """Everything journaled is durable and at the server."""
    return world._replace(
        terminals=tuple(terminal._replace(durable=len(terminal.entries)) for terminal in world.terminals)
    )

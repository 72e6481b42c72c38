"""The invariants of docs/purse.md, checked on one state of the explorer and on every reading its card can give."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from onecard.kinds import Outcome
from onecard.purse.bounds import Bound, accepted
from onecard.purse.plan import Behind, NotVisible, OpenIntent, append, retap
from onecard.purse.resolution import State
from onecard.purse.ring import SLOTS
from tests.onecard.purse.world import (
    DESK,
    NOBODY,
    REFERENCE,
    Block,
    History,
    Mutation,
    Scope,
    Told,
    View,
    World,
    blanked,
    history_of,
    newest_of,
    open_sale,
    put,
    ring_of,
    views,
)

_SEALER = 99


def violation_of(scope: Scope, world: World) -> tuple[str | None, bool]:
    """The first violated invariant, and whether the card can give a reading without a record."""
    history = history_of(world.intents)
    violation = _check_server(world, history)
    is_unreadable = False
    for view in views(world.blocks):
        newest = newest_of(history, view)
        if newest == NOBODY:
            is_unreadable = True
        elif violation is None:
            violation = _check_reading(scope, world, history, view, newest)
    return violation, is_unreadable


def _check_server(world: World, history: History) -> str | None:
    resolution, paid = history.resolution, 0
    for place, told in enumerate(world.intents, start=SLOTS):
        if told.sale == NOBODY and told.word == Outcome.PAID:
            paid |= 1 << place
    if history.durable not in history.chain:
        return "I2: durable records do not lie on one chain"
    if resolution.forks:
        return f"I7: an honest card looks forked at {resolution.forks}"
    believed = {record for record in resolution.durable if record.terminal != DESK}
    proved = {history.records[p].identity for p in range(SLOTS, len(history.records)) if history.durable >> p & 1}
    if believed != proved:
        return f"I2: the server believes {believed}, durable are {proved}"
    refunded = world.refunded | sum(1 << _place(world, name) for name in resolution.refunds)
    if refunded & paid:
        return "I4: refunded and goods given"
    if refunded & ~history.durable & ~world.refunded:
        return "I4: refunded and not durable"
    return None


def _place(world: World, name: tuple[int, int]) -> int:
    return next(p for p, told in enumerate(world.intents, start=SLOTS) if (told.terminal, told.sequence) == name)


def _check_reading(scope: Scope, world: World, history: History, view: View, newest: int) -> str | None:
    chain, head = history.chain[newest], history.resolution.head
    if history.durable & ~chain:
        return f"I3: reading {view} misses a durable debit"
    if world.refunded & ~chain:
        return f"I4: a refunded debit is missing from reading {view}"
    if world.voided & chain:
        return f"I4: a sale called void is charged in reading {view}"
    if world.unjournaled & chain:
        return f"I-01: reading {view} holds a debit without an intent"
    if any(record != NOBODY and not chain >> record & 1 for record in view):
        return f"I5: reading {view} is not of one chain"
    states = history.resolution.states
    for place, told in enumerate(world.intents, start=SLOTS):
        if states[told.terminal, told.sequence] is State.VOID and chain >> place & 1 and not world.unjournaled:
            return f"I4: {place} is void and charged in reading {view}"
    ring = ring_of(history, view)
    assert ring.newest is not None
    if not accepted([head], ring.newest.counter, ring.newest.debited):
        return f"I7: reading {view} of an honest card is behind {head}"
    return _check_retaps(scope, world, history, view, head) or _check_convergence(scope, world, history, view)


def _check_retaps(scope: Scope, world: World, history: History, view: View, head: Bound) -> str | None:
    """I7 for re-taps: whatever the server could tell a terminal, an honest card is not behind; at most it abandons."""
    for terminal in range(scope.terminals):
        sale = open_sale(world.intents, terminal)
        if sale is None:
            continue
        intent = OpenIntent(history.records[sale], history.records[world.intents[sale - SLOTS].base])
        ring = ring_of(history, view)
        informed = retap(ring, intent, [head])
        if scope.mutation is Mutation.BASE_BEHIND and not accepted([head], intent.base.counter, intent.base.debited):
            informed = Behind()
        if informed != retap(ring, intent, ()) and not isinstance(informed, NotVisible):
            return f"I7: knowing {head}, T{terminal} answers {informed} to an honest card that reads {view}"
    return None


def _check_convergence(scope: Scope, world: World, history: History, view: View) -> str | None:
    """I8, I-11: one clean null record at a live terminal and all uploads settle everything."""
    write = append(ring_of(history, view), 0, _SEALER, 0, REFERENCE)
    if scope.mutation is Mutation.NO_SCRUB:
        write = replace(write, blank=())
    seal = len(history.records)
    _, blocks = blanked(scope, world.blocks, write.blank)
    blocks = put(blocks, write.slot, Block(seal, weak=False))
    settled = _sealed(world.intents, view, newest_of(history, view))
    for later in views(blocks):
        if newest_of(settled, later) != seal:
            return f"I8: after a clean seal on {view} the card can read {later}"
    resolution = settled.resolution
    if State.OPEN in resolution.states.values():
        return f"I8: in doubt for ever after a seal on {view}"
    sealed = settled.records[seal]
    if resolution.head != (sealed.counter, sealed.debited) or (resolution.unattributed and not world.unjournaled):
        return f"I8: the server does not agree with the card after a seal on {view}"
    return None


@lru_cache(maxsize=1 << 16)
def _sealed(intents: tuple[Told, ...], view: View, newest: int) -> History:
    seen = tuple(sorted(record for record in view if record != NOBODY))
    return history_of((*intents, Told(_SEALER, 256, newest, seen, 0, Outcome.ACKED)))

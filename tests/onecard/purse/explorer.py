"""Exhaustive explorer of one debit ring: the product's planning and resolution against hostile physics.

Every state reachable with at most K intents is visited, breadth first. The terminals decide by `onecard.purse.plan`,
the server concludes by `onecard.purse.resolution`; only the physics (`world`), the power cuts and the checks
(`invariants`) are the explorer's. Tears, power cuts and re-taps are unlimited.

Rules can be switched off one at a time (`world.Mutation`); each must then be caught, or the checks prove nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from onecard.kinds import Outcome
from onecard.purse.plan import (
    Behind,
    NotVisible,
    OpenIntent,
    Retap,
    Rewrite,
    SealOpen,
    Write,
    append,
    retap,
    usable_sequence,
)
from onecard.purse.record import DebitRecord
from onecard.purse.ring import SLOTS, Ring, slot_of
from tests.onecard.purse.invariants import violation_of
from tests.onecard.purse.world import (
    ACKNOWLEDGED,
    NOBODY,
    PRICE,
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
    ring_of,
    views,
    written,
)


@dataclass(slots=True)
class Findings:
    """What a search found; `trace` leads from the first state to the violation."""

    states: int = 0
    transitions: int = 0
    unreadable: int = 0
    violation: str | None = None
    trace: list[str] = field(default_factory=list)


def explore(scope: Scope, states_max: int = 10**7) -> Findings:
    """Visit every state in scope, or stop at the first violation."""
    first = World(tuple(Block(place, weak=False) for place in range(SLOTS)), ())
    came_from: dict[World, tuple[World, str] | None] = {first: None}
    waiting = deque([first])
    found = Findings(states=1)
    while waiting:
        world = waiting.popleft()
        for label, following in _successors(scope, world):
            found.transitions += 1
            if following in came_from:
                continue
            came_from[following] = (world, label)
            found.states += 1
            assert found.states <= states_max, "the search is larger than it was meant to be"
            violation, is_unreadable = violation_of(scope, following)
            found.unreadable += is_unreadable
            if violation is None and is_unreadable and not scope.weak_cells:
                violation = "UNREADABLE: plain tears alone left a reading without a record"
            if violation is not None:
                found.violation, found.trace = violation, _trace(came_from, following)
                return found
            waiting.append(following)
    return found


def _trace(came_from: dict[World, tuple[World, str] | None], world: World) -> list[str]:
    steps: list[str] = []
    while (step := came_from[world]) is not None:
        world, label = step
        steps.append(label)
    return steps[::-1]


# Transitions.


def _successors(scope: Scope, world: World) -> Iterator[tuple[str, World]]:
    history = history_of(world.intents)
    used = len({told.terminal for told in world.intents})
    for terminal in range(min(scope.terminals, used + 1)):  # terminals are alike: the first to act is terminal 0
        sale = open_sale(world.intents, terminal)
        if sale is not None:
            yield f"T{terminal} abandons {sale}", _worded(world, sale, Outcome.ABANDONED)
        for view in views(world.blocks):
            newest = newest_of(history, view)
            if newest == NOBODY:
                continue
            here = _read(scope, world, history, newest)
            if here is not world:
                yield f"T{terminal} reads {view}, the server refunds", here
            if sale is not None:
                yield from _retapped(scope, here, history, terminal, sale, view)
            elif len(world.intents) < scope.intents:
                yield from _appended(scope, here, history, terminal, view, NOBODY)
    if scope.mutation is Mutation.REFUND_OPEN:
        for place, told in enumerate(world.intents, start=SLOTS):
            standing = history.durable >> place & 1 and told.sale == NOBODY and told.word in (0, Outcome.ABANDONED)
            if standing and not world.refunded >> place & 1:
                yield f"the server refunds {place}", world._replace(refunded=world.refunded | 1 << place)


def _read(scope: Scope, world: World, history: History, newest: int) -> World:
    if scope.mutation is not Mutation.REFUND_ON_READ:
        return world
    refunded = world.refunded
    for place, told in enumerate(world.intents, start=SLOTS):
        if told.sale == NOBODY and told.word == Outcome.ABANDONED and history.chain[newest] >> place & 1:
            refunded |= 1 << place
    return world if refunded == world.refunded else world._replace(refunded=refunded)


def _worded(world: World, place: int, word: Outcome) -> World:
    intents = list(world.intents)
    intents[place - SLOTS] = intents[place - SLOTS]._replace(word=word)
    return world._replace(intents=tuple(intents))


def _sequence(scope: Scope, history: History, intents: tuple[Told, ...], terminal: int, record: DebitRecord) -> int:
    """The next sequence, from one whose low byte is always 0: the worst that the journal can offer (P-R7)."""
    own = [
        (told, history.records[place]) for place, told in enumerate(intents, start=SLOTS) if told.terminal == terminal
    ]
    following = (max((told.sequence for told, _ in own), default=0) // 256 + 1) * 256
    if scope.mutation is Mutation.NO_NONCE:
        return following
    durable = max((r.counter for told, r in own if told.word in ACKNOWLEDGED), default=-1)
    unresolved = {r.identity for told, r in own if told.word != Outcome.UNSENT and r.counter > durable}
    return usable_sequence(following, record.counter, record.debited, unresolved)


def _appended(
    scope: Scope, world: World, history: History, terminal: int, view: View, sale: int
) -> Iterator[tuple[str, World]]:
    """A sale (`sale` is nobody), or the seal that pays `sale`: INTENT, blanks, write, final word."""
    ring, amount = ring_of(history, view), PRICE if sale == NOBODY else 0
    sequence = _sequence(scope, history, world.intents, terminal, append(ring, amount, terminal, 0, REFERENCE).record)
    write = append(ring, amount, terminal, sequence, REFERENCE)
    if scope.mutation is Mutation.NO_SCRUB:
        write = replace(write, blank=())
    seen = tuple(sorted(record for record in view if record != NOBODY))
    told = Told(terminal, sequence, newest_of(history, view), seen, sale, 0)
    place = SLOTS + len(world.intents)
    label = f"T{terminal} {'sells' if sale == NOBODY else f'seals {sale} by'} {place} on {view}"
    journaled = world._replace(intents=(*world.intents, told))
    if sale != NOBODY:  # a null record without an acknowledgement is closed at once, or at the next start
        journaled = _worded(journaled, place, Outcome.ABANDONED)
    for torn in blanked(scope, world.blocks, write.blank)[0]:
        yield f"{label}, torn while blanking", journaled._replace(blocks=torn)
        yield f"{label}, unsent", _worded(journaled._replace(blocks=torn), place, Outcome.UNSENT)
    for blocks, is_acked in written(scope, world.blocks, write, place):
        landed = journaled._replace(blocks=blocks)
        is_there = blocks[write.slot].record == place
        if scope.mutation is Mutation.WRITE_FIRST and not is_acked:
            lost = landed.unjournaled | (1 << place if is_there else 0)
            yield f"{label} -> {blocks}, power cut", _worded(landed, place, Outcome.UNSENT)._replace(unjournaled=lost)
            continue
        yield f"{label} -> {blocks}", landed
        if is_acked or (scope.mutation is Mutation.COMMIT_ON_READ and is_there):
            yield f"{label} -> {blocks} PAID", _paid(landed, place, sale)


def _paid(world: World, place: int, sale: int) -> World:
    if sale == NOBODY:
        return _worded(world, place, Outcome.PAID)
    return _worded(_worded(world, place, Outcome.ACKED), sale, Outcome.PAID)


def _retapped(
    scope: Scope, world: World, history: History, terminal: int, sale: int, view: View
) -> Iterator[tuple[str, World]]:
    ring, newest = ring_of(history, view), newest_of(history, view)
    told = world.intents[sale - SLOTS]
    intent = OpenIntent(history.records[sale], history.records[told.base])
    label = f"T{terminal} sees {view} again for {sale}"
    own_is_visible = any(record.identity == intent.record.identity for record in ring.readable)
    if scope.mutation is Mutation.PAID_ON_SEEN and own_is_visible:
        yield f"{label}: PAID", _worded(world, sale, Outcome.PAID)
        return
    if scope.mutation is Mutation.VOID_ON_READ and history.records[newest].identity == intent.base.identity:
        yield f"{label}: void", _worded(world, sale, Outcome.ABANDONED)._replace(voided=world.voided | 1 << sale)
        return
    if scope.mutation is Mutation.REFRESH and own_is_visible:
        yield from _rewritten(scope, world, label, Write((), history.records[newest]), newest, sale)
        return
    match _decision(scope, ring, intent):
        case Rewrite(write):
            if scope.mutation is Mutation.NO_RETAP_SCRUB:
                write = replace(write, blank=())
            yield from _rewritten(scope, world, label, write, sale, sale)
        case SealOpen():
            if len(world.intents) < scope.intents:
                yield from _appended(scope, world, history, terminal, view, sale)
        case NotVisible() | Behind():
            yield f"{label}: abandons", _worded(world, sale, Outcome.ABANDONED)


def _decision(scope: Scope, ring: Ring, intent: OpenIntent) -> Retap:
    decision = retap(ring, intent, ())
    if scope.mutation is Mutation.REWRITE_THE_LAST and isinstance(decision, SealOpen):
        newest = ring.newest
        assert newest is not None
        if newest.identity == intent.record.identity:
            blank = tuple(slot for slot in range(SLOTS) if slot != slot_of(newest.counter))
            return Rewrite(Write(blank, intent.record))
    return decision


def _rewritten(
    scope: Scope, world: World, label: str, write: Write, content: int, sale: int
) -> Iterator[tuple[str, World]]:
    for torn in blanked(scope, world.blocks, write.blank)[0]:
        yield f"{label}: torn while blanking", world._replace(blocks=torn)
    for blocks, is_acked in written(scope, world.blocks, write, content):
        yield f"{label}: writes {content} -> {blocks}", world._replace(blocks=blocks)
        if is_acked:
            yield (
                f"{label}: writes {content} -> {blocks} PAID",
                _worded(world._replace(blocks=blocks), sale, Outcome.PAID),
            )

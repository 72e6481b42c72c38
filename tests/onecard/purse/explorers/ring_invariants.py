"""The invariants of docs/purse.md on one state of M1 and on every reading its card can give."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from onecard.kinds import Outcome
from onecard.purse.bounds import Bound, accepted
from onecard.purse.plan import Behind, NotVisible, OpenIntent, append, retap
from onecard.purse.resolution import State, resolve
from onecard.purse.ring import SLOTS, Ring
from tests.onecard.purse.explorers.physics import Blocks, View
from tests.onecard.purse.explorers.ring_world import (
    DESK,
    GENESIS_PLACE,
    NOBODY,
    REFERENCE,
    History,
    Journals,
    Scope,
    Told,
    complete_history_of,
    evidence_of,
    open_sale,
    ring_of,
)
from tests.onecard.purse.explorers.switches import Switch

_SEALER = 99


class Seal(NamedTuple):
    """How a clean null record would be put on a reading."""

    counter: int
    slot: int
    blank: tuple[int, ...]


def check_server(scope: Scope, journals: Journals, history: History) -> str | None:
    """What the server concludes from what it has: I2, I4, I7."""
    resolution, paid = history.resolution, 0
    for place, told in enumerate(journals.intents, start=SLOTS):
        if told.sale == NOBODY and told.word == Outcome.PAID:
            paid |= 1 << place
    if history.durable not in history.chain:
        return "I2: durable records do not lie on one chain"
    if resolution.forks:
        return f"I7: an honest card looks forked at {resolution.forks}"
    believed = {record for record in resolution.durable if record.terminal != DESK}
    proved = {history.names[p] for p in range(SLOTS, len(history.names)) if history.durable >> p & 1}
    if not believed <= proved or (believed != proved and not scope.uploads):
        return f"I2: the server believes {believed}, durable are {proved}"
    due = sum(1 << _place(journals, name) for name in resolution.refunds)
    if (journals.refunded | due) & paid:
        return "I4: refunded and goods given"
    if due & ~history.durable:
        return "I4: refunded and not durable"
    if scope.uploads:
        in_the_end = complete_history_of(journals.intents).resolution.refunds
        if journals.refunded & ~sum(1 << _place(journals, name) for name in in_the_end):
            return "I4: refunded at once what is not due once everything is there"
    return None


def _place(journals: Journals, name: tuple[int, int]) -> int:
    return next(p for p, told in enumerate(journals.intents, start=SLOTS) if (told.terminal, told.sequence) == name)


def check_reading(scope: Scope, journals: Journals, history: History, view: View) -> str | Seal | None:
    """What is wrong when the card reads `view`, else how it would be sealed. None when it reads without a record."""
    ring = ring_of(history.records, view)
    if ring.newest is None:
        return None
    newest = view[ring.records.index(ring.newest)]
    chain, head = history.chain[newest], history.resolution.head
    if history.durable & ~chain:
        return f"I3: reading {view} misses a durable debit"
    if journals.refunded & ~chain:
        return f"I4: a refunded debit is missing from reading {view}"
    if journals.voided & chain:
        return f"I4: a sale called void is charged in reading {view}"
    if journals.unjournaled & chain:
        return f"I-01: reading {view} holds a debit without an intent"
    if any(record != NOBODY and not chain >> record & 1 for record in view):
        return f"I5: reading {view} is not of one chain"
    states = history.resolution.states
    for place, told in enumerate(journals.intents, start=SLOTS):
        is_void = states.get((told.terminal, told.sequence)) is State.VOID
        if is_void and chain >> place & 1 and not journals.unjournaled:
            return f"I4: {place} is void and charged in reading {view}"
    if not accepted([head], ring.newest.counter, ring.newest.debited):
        return f"I7: reading {view} of an honest card is behind {head}"
    return _check_retaps(scope, journals, history, ring, head) or _sealed(scope, journals, history, view, newest)


def _check_retaps(scope: Scope, journals: Journals, history: History, ring: Ring, head: Bound) -> str | None:
    """I7 for re-taps: whatever the server could tell a terminal, an honest card is not behind; at most it abandons."""
    for terminal in range(scope.terminals):
        sale = open_sale(journals.intents, terminal)
        if sale is None:
            continue
        intent = OpenIntent(history.records[sale], history.records[journals.intents[sale - SLOTS].base])
        informed = retap(ring, intent, [head])
        is_base_behind = not accepted([head], intent.base.counter, intent.base.debited)
        if scope.off is Switch.R5_BASE_BEHIND and is_base_behind:
            informed = Behind()
        if informed != retap(ring, intent, ()) and not isinstance(informed, NotVisible):
            return f"I7: knowing {head}, T{terminal} answers {informed} to an honest card that reads {ring}"
    return None


def _sealed(scope: Scope, journals: Journals, history: History, view: View, newest: int) -> str | Seal:
    """I8, I-11: one clean null record at a live terminal and all uploads settle everything. With `uploads` it is enough
    that the same journals are in a scope without."""
    write = append(ring_of(history.records, view), 0, _SEALER, 0, REFERENCE)
    if scope.off is Switch.R4_NOT_BLANKED:
        write = replace(write, blank=())
    seal = Seal(write.record.counter, write.slot, write.blank)
    if scope.uploads:
        return seal
    seen = tuple(sorted(record for record in view if record != NOBODY))
    sealed = Told(_SEALER, 256, newest, seen, 0, Outcome.ACKED)
    names = (*history.names, write.record.identity)
    evidence = evidence_of(names, len(history.names), sealed, sealed.word)
    resolution = resolve(names[GENESIS_PLACE], (*history.evidence, evidence))
    if State.OPEN in resolution.states.values():
        return f"I8: in doubt for ever after a seal on {view}"
    differs = resolution.head != (write.record.counter, write.record.debited)
    if differs or (resolution.unattributed and not journals.unjournaled):
        return f"I8: the server does not agree with the card after a seal on {view}"
    return seal


def check_seal(history: History, blocks: Blocks, view: View, seal: Seal) -> str | None:
    """I8: whatever the card reads after that null record was acknowledged, it is the newest."""
    for slot, block in enumerate(blocks):
        is_left = slot != seal.slot and slot not in seal.blank and block.content != NOBODY
        if is_left and history.records[block.content].counter >= seal.counter:
            return f"I8: after a clean seal on {view} the card can read record {block.content} as newest"
    return None

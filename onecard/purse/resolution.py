"""What the server may conclude about one purse from a *set* of evidence (P-R9 … R12). Pure.

Evidence is INTENTs with the ring they saw and the OUTCOMEs received for them. The result depends on the set alone:
order, delay and duplicates change nothing. Where a terminal gave one intent several words, an acknowledged write
outweighs the others: what was paid is never refunded.

- A record is *durable* when its writer journaled PAID or ACKED for it, or when a durable record stands on it: its
  base, and everything in the ring that an acknowledged intent saw (P-R9).
- An intent is *void* when a different durable record stands at its counter or at its base's counter, or its base is
  void (P-R10).
- An ABANDONED sale that is durable is *refunded*, once (P-R11), unless another intent claims the same record: a
  terminal that breaks P-R7 must not be refunded for a sale it was paid for (hole H10).
- Everything else is open; one acknowledged null record and all uploads settle it (P-R12, I-11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from itertools import pairwise

from onecard.kinds import Outcome
from onecard.purse.bounds import Bound
from onecard.purse.record import Identity

_ACKNOWLEDGED = frozenset({Outcome.PAID, Outcome.ACKED})
_NO_WORD = max(Outcome) + 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """One uploaded intent: what it would write, what it saw, what became of it (None: no outcome received yet)."""

    sequence: int
    record: Identity
    base: Identity
    seen: tuple[Identity, ...]
    amount: int
    outcome: Outcome | None


@unique
class State(Enum):
    """What is known of an intent's record."""

    STANDS = "stands"
    VOID = "void"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The conclusion about one purse.

    `states` is by (terminal, sequence). `head` is the highest durable counter and the highest durable debited; on an
    honest card one record has both. N never falls here, whatever was uploaded: a floor below a refunded record would
    let that refund be spent beside it (hole H15). `refunds` names the intents due a refund. `forks` lists counters at
    which two durable records stand (a clone or a roll-back), one that two intents claim (a terminal out of order),
    or one that states less than a record before it (P-R13).
    `unattributed` is what the head states as debited beyond the sum of the standing intents known here: exact, and
    the share of records not uploaded (yet).
    """

    states: Mapping[tuple[int, int], State]
    head: Bound
    refunds: frozenset[tuple[int, int]]
    forks: tuple[int, ...]
    unattributed: int
    durable: frozenset[Identity] = field(repr=False)


def resolve(genesis: Identity, evidence: Iterable[Evidence]) -> Resolution:
    """Resolve one purse whose first durable record, written at the desk, is `genesis`."""
    intents: dict[tuple[int, int], Evidence] = {}
    for item in sorted(evidence, key=_weight):
        intents.setdefault((item.record.terminal, item.sequence), item)
    unsent = {name for name, item in intents.items() if item.outcome is Outcome.UNSENT}
    claims: dict[Identity, list[Evidence]] = {}
    for name, item in intents.items():
        if name not in unsent:
            claims.setdefault(item.record, []).append(item)
    by_identity = {identity: claimants[0] for identity, claimants in claims.items()}
    durable = _durable(genesis, by_identity)
    at_counter: dict[int, set[Identity]] = {}
    for identity in durable:
        at_counter.setdefault(identity.counter, set()).add(identity)
    void = _void(by_identity, durable, at_counter)

    def state(name: tuple[int, int], item: Evidence) -> State:
        if name in unsent or item.record in void:
            return State.VOID
        if item.record not in durable:
            return State.OPEN
        return State.STANDS if by_identity[item.record] is item else State.VOID

    states = {name: state(name, item) for name, item in intents.items()}
    head = Bound(max(identity.counter for identity in durable), max(identity.debited for identity in durable))
    standing = sum(item.amount for name, item in intents.items() if states[name] is State.STANDS)
    refunds = frozenset(
        name
        for name, item in intents.items()
        if states[name] is State.STANDS
        and item.outcome is Outcome.ABANDONED
        and item.amount
        and len(claims[item.record]) == 1
    )
    forks = {counter for counter, found in at_counter.items() if len(found) > 1}
    forks |= {identity.counter for identity in durable if len(claims.get(identity, ())) > 1}
    rising = sorted(durable)
    forks |= {after.counter for before, after in pairwise(rising) if after.debited < before.debited}
    return Resolution(
        states=states,
        head=head,
        refunds=refunds,
        forks=tuple(sorted(forks)),
        unattributed=head.debited - genesis.debited - standing,
        durable=durable,
    )


def may_refund(head: Bound, taken: int) -> bool:
    """Whether anything may be refunded automatically from a purse: not when more was reported as taken from it, PAID or
    standing, than its head states. Somebody lies then, and a refund beyond N would be money (hole H15)."""
    return head.debited >= taken


def _weight(item: Evidence) -> tuple[int, int, Identity, Identity, tuple[Identity, ...], int]:
    """Strongest word first; the rest only makes the order one order."""
    word = _NO_WORD if item.outcome is None else item.outcome
    return word, item.sequence, item.record, item.base, item.seen, item.amount


def _durable(genesis: Identity, by_identity: Mapping[Identity, Evidence]) -> frozenset[Identity]:
    found = {genesis}
    waiting = [item.record for item in by_identity.values() if item.outcome in _ACKNOWLEDGED]
    for item in by_identity.values():
        if item.outcome in _ACKNOWLEDGED:
            waiting.extend(item.seen)
    while waiting:
        identity = waiting.pop()
        if identity in found:
            continue
        found.add(identity)
        if identity in by_identity:
            waiting.append(by_identity[identity].base)
    return frozenset(found)


def _void(
    by_identity: Mapping[Identity, Evidence],
    durable: frozenset[Identity],
    at_counter: Mapping[int, set[Identity]],
) -> set[Identity]:
    void: set[Identity] = set()

    def displaced(identity: Identity) -> bool:
        return identity.counter in at_counter and identity not in durable

    # A base has a lower counter than what stands on it, so one pass upwards settles chains of void bases.
    for identity in sorted(by_identity):
        base = by_identity[identity].base
        if identity not in durable and (displaced(identity) or displaced(base) or base in void):
            void.add(identity)
    return void

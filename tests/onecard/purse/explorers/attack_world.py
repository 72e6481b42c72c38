"""The world of M2: records that were ever on a card, what the server has and signed, and what each terminal knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from onecard.kinds import Outcome
from onecard.purse.bounds import Bound
from onecard.purse.record import DebitRecord, Identity, LoadReference
from onecard.purse.resolution import Evidence, Resolution, resolve
from onecard.purse.ring import Ring, slot_of
from tests.onecard.purse.explorers.switches import Switch

PRICE = 1
DESK, ROGUE, FORGER = 900, 800, 700
"""Who wrote a record: the desk, a stolen terminal that uploads what never was, a thief with the MAC key."""
REFERENCE = LoadReference.of(0, 1)
NO_CAP = 1 << 30
NOTHING = -1


@dataclass(frozen=True, slots=True)
class Scope:
    """One attack. `records` bounds how many are written; the other fields say what the holder and others can do."""

    records: int
    terminals: int = 2
    loaded: int = 2
    loads: int = 1
    restores: bool = True  # Classic: the holder presents any state the card ever had
    forges: bool = False  # he owns the debit MAC key
    forged_debited: int = 3  # the highest N that he writes
    false_refunds: int = 0  # pairs of records that a stolen terminal uploads without a card
    loses_answers: bool = True
    online: bool = False  # each tap between two syncs
    cut_off: bool = False  # terminal 1 never syncs
    card_cap: int = NO_CAP
    balance_cap: int = NO_CAP  # at the desk: no load when the server takes the balance to be that much
    excess_max: int = NO_CAP  # the most that he may take beyond what was paid in
    off: frozenset[Switch] = frozenset()


class Rec(NamedTuple):
    """A record that was written or uploaded. `base` is an index, NOTHING for the first and the forged; `pays` is the
    sale that a null record pays."""

    terminal: int
    counter: int
    debited: int
    base: int
    word: int
    pays: int = NOTHING


class Signed(NamedTuple):
    """A certificate: P, and the floor."""

    loaded: int
    floor: Bound


class Told(NamedTuple):
    """What only grows. `received` and `words` are bit sets of records whose intent and outcome the server has."""

    records: tuple[Rec, ...]
    certificates: tuple[Signed, ...]
    received: int
    words: int
    refunded: int
    loads: int


class Known(NamedTuple):
    """What one terminal knows: its own durable bound, its table row, the certificate it holds (an index), whether the
    list names the card, and what it took from the card since its last sync."""

    own: Bound
    row: Bound
    held: int
    hot: bool
    spent: int


class Body(NamedTuple):
    """The terminals, and the newest record on a card that cannot be restored."""

    terminals: tuple[Known, ...]
    current: int


def first(scope: Scope) -> tuple[Told, Body]:
    """A card from the desk with `loaded` on it."""
    genesis = Bound(0, 0)
    known = Known(genesis, genesis, 0, hot=False, spent=0)
    record = Rec(DESK, 0, 0, NOTHING, Outcome.ACKED)
    return Told((record,), (Signed(scope.loaded, genesis),), 0, 0, 0, 0), Body((known,) * scope.terminals, 0)


def identity(told: Told, place: int) -> Identity:
    """The record's name; its place among all stands for the sequence byte."""
    record = told.records[place]
    return Identity(record.counter, record.debited, record.terminal, place)


def debit_record(told: Told, place: int) -> DebitRecord:
    """The record as the product reads it."""
    record = told.records[place]
    return DebitRecord(record.counter, REFERENCE, record.debited, record.terminal, place)


def ring_of(told: Told, *places: int) -> Ring:
    """A ring that holds these records, of two in one slot the first named."""
    slots: list[DebitRecord | None] = [None, None, None]
    for place in places:
        record = debit_record(told, place)
        if slots[slot_of(record.counter)] is None:
            slots[slot_of(record.counter)] = record
    return Ring(tuple(slots))


def resolution_of(told: Told, received: int, words: int) -> tuple[Resolution, int]:
    """What the server concludes from what it received, and what it then books as taken from the purse."""
    evidence = [
        _evidence(told, place, words >> place & 1)
        for place, record in enumerate(told.records)
        if received >> place & 1 and record.terminal not in (DESK, FORGER)
    ]
    resolution = resolve(identity(told, 0), evidence)
    taken = 0
    for item in evidence:
        state = resolution.states[item.record.terminal, item.sequence]
        if item.outcome is Outcome.PAID or state.value == "stands":
            taken += item.amount
    return resolution, taken


def _evidence(told: Told, place: int, has_word: int) -> Evidence:
    record = told.records[place]
    base = identity(told, record.base)
    seen = (base,) if record.pays == NOTHING else (base, identity(told, record.pays))
    return Evidence(
        sequence=place,
        record=identity(told, place),
        base=base,
        seen=seen,
        amount=record.debited - base.debited,
        outcome=Outcome(record.word) if record.word and has_word else None,
    )

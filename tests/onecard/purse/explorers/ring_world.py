"""The world of M1: one debit ring, the journals of its terminals, and what of them the server has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from onecard.kinds import Outcome
from onecard.purse.record import DebitRecord, Identity, LoadReference
from onecard.purse.resolution import Evidence, Resolution, resolve
from onecard.purse.ring import SLOTS, Ring
from tests.onecard.purse.explorers.physics import GARBAGE, Physics, View
from tests.onecard.purse.explorers.switches import Switch

PRICE = 1
DESK = 900
NOBODY = GARBAGE
"""No record; no sale that an intent pays."""
REFERENCE = LoadReference.of(0, 1)
GENESIS = tuple(DebitRecord(counter, REFERENCE, 0, DESK, 0) for counter in range(SLOTS))
GENESIS_CHAIN = (0b001, 0b011, 0b111)
GENESIS_PLACE = SLOTS - 1
ACKNOWLEDGED = (Outcome.PAID, Outcome.ACKED)


@dataclass(frozen=True, slots=True)
class Scope:
    """How far to search.

    `uploads`: each journal entry reaches the server on its own, in any order, and it refunds at once what it may; else
    it has everything at once.
    `lean`: two things are not kept that decide nothing once everything is uploaded: an intent whose write was never
    sent (it is void), and the ring that an intent saw (all of it lies below its base: I5). Other scopes keep them.
    """

    intents: int
    terminals: int = 2
    physics: Physics = Physics.WEAK
    uploads: bool = False
    lean: bool = False
    off: Switch | None = None


class Told(NamedTuple):
    """One journaled intent. `base` and `seen` are indices of records; `sale` is the intent a seal pays, or nobody."""

    terminal: int
    sequence: int
    base: int
    seen: tuple[int, ...]
    sale: int
    word: int  # an Outcome, or 0 while there is none


class Journals(NamedTuple):
    """All that was told: the intents in one order; then bit sets of records: what the server received of them, what it
    refunded at once, and what switched-off rules lost."""

    intents: tuple[Told, ...]
    received: int = 0
    words_received: int = 0
    refunded: int = 0
    voided: int = 0
    unjournaled: int = 0

    def worded(self, place: int, word: Outcome) -> Journals:
        """With the outcome of the intent of record `place`."""
        intents = list(self.intents)
        intents[place - SLOTS] = intents[place - SLOTS]._replace(word=word)
        return self._replace(intents=tuple(intents))


@dataclass(frozen=True, slots=True)
class History:
    """What follows from the journals alone. `names[i]` is the identity of record i, `chain[i]` the bit set of it and
    of all it stands on, `evidence` what the server has."""

    records: tuple[DebitRecord, ...]
    names: tuple[Identity, ...]
    chain: tuple[int, ...]
    durable: int
    evidence: tuple[Evidence, ...]
    resolution: Resolution


def history_of(journals: Journals, *, uploads: bool) -> History:
    """The records that the intents announce, and what the server concludes from all of them or from what it has."""
    records, chain, durable = list(GENESIS), list(GENESIS_CHAIN), GENESIS_CHAIN[-1]
    names = [record.identity for record in GENESIS]
    evidence: list[Evidence] = []
    for place, told in enumerate(journals.intents, start=SLOTS):
        base = records[told.base]
        amount = PRICE if told.sale == NOBODY else 0
        record = DebitRecord(base.counter + 1, REFERENCE, base.debited + amount, told.terminal, told.sequence & 0xFF)
        records.append(record)
        names.append(record.identity)
        chain.append(chain[told.base] | 1 << place)
        if told.word in ACKNOWLEDGED:
            durable |= chain[-1]
        if not uploads or journals.received >> place & 1:
            has_word = not uploads or journals.words_received >> place & 1
            evidence.append(evidence_of(names, place, told, told.word if has_word else 0))
    resolution = resolve(names[GENESIS_PLACE], evidence)
    return History(tuple(records), tuple(names), tuple(chain), durable, tuple(evidence), resolution)


@lru_cache(maxsize=1 << 14)
def complete_history_of(intents: tuple[Told, ...]) -> History:
    """The same once everything was uploaded."""
    return history_of(Journals(intents), uploads=False)


def evidence_of(names: Sequence[Identity], place: int, told: Told, word: int) -> Evidence:
    """The intent of record `place` as it is uploaded."""
    return Evidence(
        sequence=told.sequence,
        record=names[place],
        base=names[told.base],
        seen=tuple([names[seen] for seen in told.seen]),
        amount=PRICE if told.sale == NOBODY else 0,
        outcome=Outcome(word) if word else None,
    )


def ring_of(records: tuple[DebitRecord, ...], view: View) -> Ring:
    """The ring as the product sees it."""
    return Ring(tuple(None if record == NOBODY else records[record] for record in view))


def open_sale(intents: tuple[Told, ...], terminal: int) -> int | None:
    """The record of the sale that is in doubt at `terminal`."""
    for place, told in enumerate(intents, start=SLOTS):
        if told.terminal == terminal and told.sale == NOBODY and not told.word:
            return place
    return None

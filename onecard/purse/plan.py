"""What may be written on a card next: pure planning, no I/O (P-R2, R4, R5, R7, R24).

A plan is a list of block writes in order; the caller performs them, and must have made the INTENT durable before the
first one (P-R2). Every plan starts from one `Ring` read in this presentation.

Rules
- Only newest + 1 is ever appended (P-R2); the one exception is a re-tap's rewrite of the same sixteen bytes (P-R5).
- A block other than the target that cannot be read is blanked first (P-R4): else a weak record could come back later
  and hide a paid debit (holes H8, H9).
- A record names its intent: the sequence byte must differ from every own unresolved intent that would have the same
  counter and debited (P-R7, hole H10); `usable_sequence` burns numbers until it does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from onecard.purse.bounds import Bound, accepted
from onecard.purse.record import COUNTER_LIMIT, DEBITED_LIMIT, DebitRecord, Identity, LoadReference, sequence_byte
from onecard.purse.ring import SLOTS, Ring, slot_of

SILENT_CARD_INTENTS = 128
"""Unresolved intents at one counter from which on a card is refused; a sequence byte tells 256 apart."""


@dataclass(frozen=True, slots=True)
class Write:
    """Blank these slots, each acknowledged, then write `record` into its slot."""

    blank: tuple[int, ...]
    record: DebitRecord

    @property
    def slot(self) -> int:
        """Where the record goes."""
        return slot_of(self.record.counter)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Re-tap: write the open intent's own sixteen bytes (again); acknowledged, its sale is PAID."""

    write: Write


@dataclass(frozen=True, slots=True)
class SealOpen:
    """Re-tap: the own record is there but may not be touched; append a null record on `newest`, which pays the sale."""

    newest: DebitRecord


@dataclass(frozen=True, slots=True)
class NotVisible:
    """Re-tap: neither the own record nor its base is newest, or what stands above the own one may be of another branch;
    the intent is ABANDONED."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The card is below a lower bound: refuse, journal the ring, desk."""


Retap: TypeAlias = Rewrite | SealOpen | NotVisible | Behind


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """An in-doubt sale of this terminal: the record it meant to write, and the one it stood on."""

    record: DebitRecord
    base: DebitRecord


def worn_out(ring: Ring, amount: int, records: int = 1, debited_limit: int = DEBITED_LIMIT) -> bool:
    """Whether `records` more, debiting `amount` in all, would pass the counter's limit or the family's for the total
    (P-R24)."""
    newest = ring.newest
    assert newest is not None
    return newest.counter + records >= COUNTER_LIMIT or newest.debited + amount > debited_limit


def append(ring: Ring, amount: int, terminal: int, sequence: int, reference: LoadReference) -> Write:
    """The next record: counter + 1, debited + `amount`; amount 0 is a null record.

    The ring has a newest record that passed the bounds and is not `worn_out`.
    """
    newest = ring.newest
    assert newest is not None
    assert amount >= 0
    assert not worn_out(ring, amount)
    record = DebitRecord(
        counter=newest.counter + 1,
        load_reference=reference,
        debited=newest.debited + amount,
        terminal=terminal,
        sequence_byte=sequence_byte(sequence),
    )
    return Write(_unreadable(ring, slot_of(record.counter)), record)


def retap(ring: Ring, intent: OpenIntent, bounds: Iterable[Bound]) -> Retap:
    """What a re-tap of the in-doubt card does (P-R5). The ring has a newest record.

    The newest record must pass the bounds, and so must the base before anything is written on its branch (hole H13):
    a durable record at the own counter is never the own record, which nothing but a durable successor makes durable.
    When the own record lies below the newest and a bound is above it, learned since the sale, an honest card is not
    behind (docs/purse.md, I7), but nothing on it proves that the own record lies below what the bound tells of: a
    holder who mixes the blocks of two branches would be paid (docs/adr/0007). The server knows, and refunds. A newest
    record that states less debited than the own one does not stand on it: somebody with the record key made it (H31).
    """
    newest, own, known = ring.newest, intent.record, tuple(bounds)
    assert newest is not None
    if not accepted(known, newest.counter, newest.debited):
        return Behind()
    is_below = newest.identity != own.identity and any(r.identity == own.identity for r in ring.readable)
    if newest.identity not in (own.identity, intent.base.identity) and not is_below:
        return NotVisible()
    if is_below and (newest.debited < own.debited or any(bound.counter > own.counter for bound in known)):
        return NotVisible()
    if not accepted(known, intent.base.counter, intent.base.debited):
        return Behind()
    is_only_one = newest.identity == own.identity and len(ring.readable) == 1
    if is_below or is_only_one:
        return SealOpen(newest)
    return Rewrite(Write(_unreadable(ring, slot_of(own.counter)), own))


def silent_card(ring: Ring, unresolved: Collection[Identity]) -> bool:
    """Whether so many own intents of the purse wait at the next counter that their sequence bytes run out (P-R7): a
    card that takes no write and never says so. It belongs at a desk."""
    newest = ring.newest
    assert newest is not None
    waiting = sum(1 for identity in unresolved if identity.counter == newest.counter + 1)
    return waiting >= SILENT_CARD_INTENTS


def usable_sequence(following: int, counter: int, debited: int, unresolved: Collection[Identity]) -> int:
    """The first sequence from `following` on whose low byte no own unresolved intent of the purse has used with the
    same counter and debited (P-R7)."""
    taken = {i.sequence_byte for i in unresolved if (i.counter, i.debited) == (counter, debited)}
    assert len(taken) < 256
    while sequence_byte(following) in taken:
        following += 1
    return following


def _unreadable(ring: Ring, target: int) -> tuple[int, ...]:
    return tuple(slot for slot in range(SLOTS) if slot != target and ring.records[slot] is None)

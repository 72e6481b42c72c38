"""What a terminal does with one reading of a ring (M1): the product's plan, cut wherever power can fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

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
from tests.onecard.purse.explorers.physics import Blocks, Cards, View
from tests.onecard.purse.explorers.ring_world import (
    ACKNOWLEDGED,
    NOBODY,
    PRICE,
    REFERENCE,
    History,
    Journals,
    Scope,
    Told,
    open_sale,
    ring_of,
)
from tests.onecard.purse.explorers.switches import Switch


class Action(NamedTuple):
    """One card write (`content` is the index of a record), and what the journals can say after each way it can end
    (`physics.Cards`); `unsent` when the record's own write never left the terminal."""

    label: str
    blank: tuple[int, ...]
    slot: int
    content: int
    unsent: tuple[Journals, ...]
    torn: tuple[Journals, ...]
    absent: tuple[Journals, ...]
    present: tuple[Journals, ...]
    acked: tuple[Journals, ...]

    def after(self, cards: Cards) -> Iterator[tuple[Journals, tuple[Blocks, ...]]]:
        """The journals that can be, each with the cards it can be with."""
        for journals in self.unsent:
            yield journals, (*cards.torn, cards.absent[0])
        if cards.torn:
            for journals in self.torn:
                yield journals, cards.torn
        for journals in self.absent:
            yield journals, cards.absent
        for journals in self.present:
            yield journals, cards.present
        for journals in self.acked:
            yield journals, (cards.acked,)


class Word(NamedTuple):
    """A journal entry, at a terminal or at the server, without a card write."""

    label: str
    journals: Journals


def decisions(scope: Scope, journals: Journals, history: History, view: View) -> Iterator[Action | Word]:
    """What every terminal may do with a card that reads `view`, which holds a record."""
    used = len({told.terminal for told in journals.intents})
    ring = ring_of(history.records, view)
    newest = _place(history, view, ring)
    here = _read(scope, journals, history, newest)
    if here is not journals:
        yield Word(f"the server refunds what was read in {view}", here)
    for terminal in range(min(scope.terminals, used + 1)):  # terminals are alike: the first to act is terminal 0
        sale = open_sale(journals.intents, terminal)
        if sale is not None:
            yield from _retapped(scope, here, history, terminal, sale, view)
        elif len(here.intents) < scope.intents:
            yield _appended(scope, here, history, terminal, view, NOBODY)


def _place(history: History, view: View, ring: Ring) -> int:
    newest = ring.newest
    assert newest is not None
    return view[ring.records.index(newest)]


def _read(scope: Scope, journals: Journals, history: History, newest: int) -> Journals:
    if scope.off is not Switch.R9_REFUNDED_ON_READ:
        return journals
    refunded = journals.refunded
    for place, told in enumerate(journals.intents, start=SLOTS):
        if told.sale == NOBODY and told.word == Outcome.ABANDONED and history.chain[newest] >> place & 1:
            refunded |= 1 << place
    return journals if refunded == journals.refunded else journals._replace(refunded=refunded)


def _sequence(scope: Scope, history: History, intents: tuple[Told, ...], terminal: int, record: DebitRecord) -> int:
    """The next sequence, from one whose low byte is always 0: the worst that the journal can offer (P-R7)."""
    own = [(told, history.names[place]) for place, told in enumerate(intents, start=SLOTS) if told.terminal == terminal]
    following = (max((told.sequence for told, _ in own), default=0) // 256 + 1) * 256
    if scope.off is Switch.R7_NAMES_REUSED:
        return following
    durable = max((name.counter for told, name in own if told.word in ACKNOWLEDGED), default=-1)
    is_free = Outcome.UNSENT if scope.off is Switch.R7_UNSENT_NAMES_FREE else None
    unresolved = {name for told, name in own if told.word != is_free and name.counter > durable}
    return usable_sequence(following, record.counter, record.debited, unresolved)


def _appended(scope: Scope, journals: Journals, history: History, terminal: int, view: View, sale: int) -> Action:
    """A sale (`sale` is nobody), or the seal that pays `sale`: INTENT, blanks, write, final word."""
    ring, amount = ring_of(history.records, view), PRICE if sale == NOBODY else 0
    sequence = _sequence(
        scope, history, journals.intents, terminal, append(ring, amount, terminal, 0, REFERENCE).record
    )
    write = append(ring, amount, terminal, sequence, REFERENCE)
    if scope.off is Switch.R4_NOT_BLANKED:
        write = replace(write, blank=())
    seen = tuple(sorted(record for record in view if record != NOBODY))
    told = Told(terminal, sequence, _place(history, view, ring), () if scope.lean else seen, sale, 0)
    place = SLOTS + len(journals.intents)
    label = f"T{terminal} {'sells' if sale == NOBODY else f'seals {sale} by'} {place} on {view}"
    intent = journals._replace(intents=(*journals.intents, told))
    if sale != NOBODY:  # a null record without an acknowledgement is closed at once, or at the next start
        intent = intent.worded(place, Outcome.ABANDONED)
    unsent, paid = _unsent(scope, journals, intent, place), _paid(intent, place, sale)
    absent: tuple[Journals, ...] = (intent,)
    present: tuple[Journals, ...] = (intent,)
    if scope.off is Switch.R2_WRITTEN_FIRST:
        lost = intent.worded(place, Outcome.UNSENT)
        absent, present = (unsent,), (lost._replace(unjournaled=lost.unjournaled | 1 << place),)
    if scope.off is Switch.R3_PAID_ON_READ:
        present = (intent, paid)
    return Action(label, write.blank, write.slot, place, (unsent,), (intent,), absent, present, (intent, paid))


def _unsent(scope: Scope, before: Journals, intent: Journals, place: int) -> Journals:
    return before if scope.lean else intent.worded(place, Outcome.UNSENT)


def _paid(journals: Journals, place: int, sale: int) -> Journals:
    if sale == NOBODY:
        return journals.worded(place, Outcome.PAID)
    return journals.worded(place, Outcome.ACKED).worded(sale, Outcome.PAID)


def _retapped(
    scope: Scope, journals: Journals, history: History, terminal: int, sale: int, view: View
) -> Iterator[Action | Word]:
    ring = ring_of(history.records, view)
    newest, told = _place(history, view, ring), journals.intents[sale - SLOTS]
    intent = OpenIntent(history.records[sale], history.records[told.base])
    label = f"T{terminal} sees {view} again for {sale}"
    own_is_visible = any(record.identity == intent.record.identity for record in ring.readable)
    if scope.off is Switch.R5_PAID_ON_SEEN and own_is_visible:
        yield Word(f"{label}: PAID", journals.worded(sale, Outcome.PAID))
        return
    if scope.off is Switch.R6_VOID_ON_READ and history.records[newest].identity == intent.base.identity:
        void = journals.worded(sale, Outcome.ABANDONED)
        yield Word(f"{label}: void", void._replace(voided=void.voided | 1 << sale))
        return
    if scope.off is Switch.R2_REFRESHED and own_is_visible:
        yield _rewritten(journals, label, Write((), history.records[newest]), newest, sale)
        return
    match _decision(scope, ring, intent):
        case Rewrite(write):
            if scope.off is Switch.R4_NOT_BLANKED_AT_RETAP:
                write = replace(write, blank=())
            yield _rewritten(journals, label, write, sale, sale)
        case SealOpen():
            if len(journals.intents) < scope.intents:
                yield _appended(scope, journals, history, terminal, view, sale)
        case NotVisible() | Behind():
            yield Word(f"{label}: abandons", journals.worded(sale, Outcome.ABANDONED))


def _decision(scope: Scope, ring: Ring, intent: OpenIntent) -> Retap:
    decision = retap(ring, intent, ())
    if scope.off is Switch.R5_LAST_REWRITTEN and isinstance(decision, SealOpen):
        newest = ring.newest
        assert newest is not None
        if newest.identity == intent.record.identity:
            blank = tuple(slot for slot in range(SLOTS) if slot != slot_of(newest.counter))
            return Rewrite(Write(blank, intent.record))
    return decision


def _rewritten(journals: Journals, label: str, write: Write, content: int, sale: int) -> Action:
    same, paid = (journals,), journals.worded(sale, Outcome.PAID)
    label = f"{label}: writes {content}"
    return Action(label, write.blank, write.slot, content, (), same, same, same, (journals, paid))

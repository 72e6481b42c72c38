"""What takes the place of the product's own when a rule is switched off: (owner, name, value) for each swap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from firmware import purse_memory
from firmware.card_sight import InForce, Presentation, Sight
from firmware.card_write import CardWriter, Delivered, Landed
from firmware.purse_memory import PurseMemory, PurseName
from firmware.tap import Teller
from hardware.cards.port import Written
from hardware.reader import CardError
from onecard.downlink import Acknowledgement
from onecard.journal import Journal
from onecard.kinds import DeclineReason, Outcome, Purpose
from onecard.purse import intent, plan, resolution
from onecard.purse.bounds import Bound
from onecard.purse.certificate import Certificate
from onecard.purse.plan import OpenIntent, Write
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, Resolution, State
from onecard.records import RecordKind
from onecard.state_table import StateRow
from server.ingest.ranges import Held, Range
from server.ledger import purse_account
from sync_daemon import protocol
from sync_daemon.standing import Accepted, Chain, Standing, Verdict

Swap = tuple[object, str, Any]


def intent_lazy() -> list[Swap]:
    return _lazily(RecordKind.INTENT)


def outcome_lazy() -> list[Swap]:
    return _lazily(RecordKind.OUTCOME)


def _lazily(lazy: RecordKind) -> list[Swap]:
    append = Journal.append

    def appended(self: Journal, kind: int, payload: bytes, *, durable: bool) -> object:
        return append(self, kind, payload, durable=durable and kind != lazy)

    return [(Journal, "append", appended)]


def paid_on_read() -> list[Swap]:
    perform = CardWriter._perform

    def performed(self: CardWriter, shown: Presentation, write: Write, amount: int) -> Landed:
        landed = perform(self, shown, write, amount)
        if landed is not Landed.UNKNOWN:
            return landed
        try:
            is_there = shown.card.read_ring()[write.slot] == self._image(shown, write.record)
        except CardError:
            return landed
        return Landed.ACKED if is_there else landed

    return [(CardWriter, "_perform", performed)]


def paid_unasked() -> list[Swap]:
    return _closed_as(Landed.ACKED)


def never_in_doubt() -> list[Swap]:
    return _closed_as(Landed.UNSENT)


def _closed_as(word: Landed) -> list[Swap]:
    append = CardWriter._perform

    def performed(self: CardWriter, shown: Presentation, write: Write, amount: int) -> Landed:
        landed = append(self, shown, write, amount)
        is_sale = self._log.memory.open_sale is not None
        return word if landed is Landed.UNKNOWN and is_sale else landed

    return [(CardWriter, "_perform", performed)]


def not_blanked() -> list[Swap]:
    perform = CardWriter._perform

    def performed(self: CardWriter, shown: Presentation, write: Write, amount: int) -> Landed:
        return perform(self, shown, replace(write, blank=()), amount)

    return [(CardWriter, "_perform", performed)]


def paid_on_seen() -> list[Swap]:
    rewrite = CardWriter.rewrite

    def rewritten(self: CardWriter, shown: Presentation, write: Write, own: OpenIntent, *rest: Any) -> Landed:
        if shown.newest.identity != own.record.identity:
            return rewrite(self, shown, write, own, *rest)
        sale = self._log.memory.open_sale
        assert sale is not None
        self._log.conclude(sale.sequence, Outcome.PAID, durable=True)
        return Landed.ACKED

    return [(CardWriter, "rewrite", rewritten)]


def void_on_read() -> list[Swap]:
    retap = Teller._retap

    def again(self: Teller, shown: Presentation) -> object:
        if shown.newest.identity != self._log.memory.open_intent().base.identity:
            return retap(self, shown)
        sale = self._log.memory.open_sale
        assert sale is not None
        self._log.conclude(sale.sequence, Outcome.UNSENT, durable=True)
        return self._decline(DeclineReason.CARD_MOVED, shown)

    return [(Teller, "_retap", again)]


def names_reused() -> list[Swap]:
    def nameless(sequence: int) -> int:
        return 0

    def following_one(following: int, counter: int, debited: int, unresolved: object) -> int:
        return following

    return [
        (plan, "sequence_byte", nameless),
        (intent, "sequence_byte", nameless),
        (purse_memory, "sequence_byte", nameless),
        (plan, "usable_sequence", following_one),
    ]


def bound_by_read() -> list[Swap]:
    select = Sight.select

    def selected(self: Sight, purse: int) -> object:
        shown = select(self, purse)
        if isinstance(shown, Presentation) and shown.ring.newest is not None:
            self._memory._raise(shown.name, Bound(shown.newest.counter, shown.newest.debited))
        return shown

    return [(Sight, "select", selected)]


def durable_on_read() -> list[Swap]:
    resolve = resolution.resolve

    def resolved(genesis: Identity, evidence: Iterable[Evidence]) -> Resolution:
        known = list(evidence)
        seen = {identity for item in known for identity in item.seen}
        found = resolve(genesis, known)
        refunds = {
            (item.record.terminal, item.sequence): item
            for item in known
            if item.outcome is Outcome.ABANDONED and item.amount and item.record in seen
        }
        states = {**found.states, **dict.fromkeys(refunds, State.STANDS)}
        head = Bound(found.head.counter, max([found.head.debited, *(item.record.debited for item in refunds.values())]))
        return replace(found, states=states, head=head, refunds=found.refunds | frozenset(refunds))

    return [(purse_account, "resolve", resolved)]


def refunded_open() -> list[Swap]:
    resolve = resolution.resolve

    def resolved(genesis: Identity, evidence: Iterable[Evidence]) -> Resolution:
        known = list(evidence)
        durable = resolve(genesis, known).durable
        given_up = [
            replace(item, outcome=Outcome.ABANDONED) if item.outcome is None and item.record in durable else item
            for item in known
        ]
        return resolve(genesis, given_up)

    return [(purse_account, "resolve", resolved)]


def in_place() -> list[Swap]:
    deliver = CardWriter.deliver

    def delivered(
        self: CardWriter, shown: Presentation, in_force: InForce, newer: Certificate, image: bytes
    ) -> Delivered | None:
        if shown.card.atomic:
            return deliver(self, shown, in_force, newer, image)
        landed, _, shown = self.append(shown, Purpose.DELIVERY, in_force)
        if landed is not Landed.ACKED or shown.card.write_certificate(in_force.copy, image) is not Written.ACKED:
            return None
        return InForce(newer, in_force.copy), shown

    return [(CardWriter, "deliver", delivered)]


def in_force_first() -> list[Swap]:
    deliver = CardWriter.deliver

    def delivered(
        self: CardWriter, shown: Presentation, in_force: InForce, newer: Certificate, image: bytes
    ) -> Delivered | None:
        if shown.card.atomic:
            return deliver(self, shown, in_force, newer, image)
        after = InForce(newer, 1 - in_force.copy)
        landed, _, shown = self.append(shown, Purpose.DELIVERY, after)
        if landed is not Landed.ACKED or shown.card.write_certificate(after.copy, image) is not Written.ACKED:
            return None
        return after, shown

    return [(CardWriter, "deliver", delivered)]


def beyond_gaps() -> list[Swap]:
    return [(Held, "received", property(lambda held: held.highest))]


def taken_twice() -> list[Swap]:
    def fresh(held: Held, first: int, last: int) -> list[Range]:
        return [(first, last)]

    return [(Held, "fresh", fresh)]


def any_tag() -> list[Swap]:
    def weighed(ack: Acknowledgement, standing: Standing, chain: Chain) -> Verdict:
        return Accepted()

    return [(protocol, "weigh_acknowledgement", weighed)]


def no_bound() -> list[Swap]:
    def bounds(memory: PurseMemory, name: PurseName) -> list[Bound]:
        return []

    return [(PurseMemory, "bounds", bounds)]


def no_state() -> list[Swap]:
    def row(memory: PurseMemory, name: PurseName) -> StateRow | None:
        return None

    return [(PurseMemory, "_row", row)]


def no_cap() -> list[Swap]:
    def spent(memory: PurseMemory, name: PurseName) -> int:
        return 0

    return [(PurseMemory, "spent", spent)]

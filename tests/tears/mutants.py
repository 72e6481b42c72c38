"""Terminals with one rule switched off, at the seams of `Stage`: each must let an invariant break, or the search would
not see it break in the product either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from firmware.card_sight import InForce, Presentation
from firmware.card_write import CardWriter, Delivered, Landed
from firmware.logbook import Logbook
from firmware.purse_memory import SALES
from firmware.tap import TapLimits, Teller
from hardware.cards.port import Written
from hardware.reader import CardError, Reader
from hardware.virtual.tear import TearMode
from onecard.hotlist import HOTLIST
from onecard.identity import RecordName
from onecard.kinds import Outcome, Purpose
from onecard.packed_table import PackedTable
from onecard.purse.certificate import Certificate
from onecard.purse.delivery import WriteCopy
from onecard.purse.plan import OpenIntent, Write
from onecard.records import RecordKind
from tests.tears.choices import Choices
from tests.tears.cuts import CardLeaves, Tear
from tests.tears.family import Family
from tests.tears.invariants.purse_i8 import HERE, THERE
from tests.tears.journal import MemoryJournal
from tests.tears.operations import OPERATIONS, Operation, known, loaded
from tests.tears.stage import Doing, Stage, Step
from tests.tears.world import SAM, Terminal, World


class LazyIntent(MemoryJournal):
    """An INTENT is not yet durable when the card is written (P-R2)."""

    def append(self, kind: int, payload: bytes, *, durable: bool) -> RecordName:
        return super().append(kind, payload, durable=durable and kind != RecordKind.INTENT)


class LazyOutcome(MemoryJournal):
    """PAID and ABANDONED are not yet durable when they are shown (P-R3, P-R6)."""

    def append(self, kind: int, payload: bytes, *, durable: bool) -> RecordName:
        return super().append(kind, payload, durable=durable and kind != RecordKind.OUTCOME)


class CommitOnRead(CardWriter):
    """A write without an acknowledgement counts when a read shows it (hole H1)."""

    def _perform(self, shown: Presentation, write: Write, amount: int) -> Landed:
        landed = super()._perform(shown, write, amount)
        try:
            is_there = landed is Landed.UNKNOWN and shown.card.read_ring()[write.slot] == self._image(
                shown, write.record
            )
        except CardError:
            is_there = False
        return Landed.ACKED if is_there else landed


class PaidOnSeen(CardWriter):
    """The own record seen again pays without being written (hole H2)."""

    def rewrite(
        self,
        shown: Presentation,
        write: Write,
        intent: OpenIntent,
        along: tuple[WriteCopy, ...] = (),
        image: bytes = b"",
    ) -> Landed:
        if shown.newest.identity != intent.record.identity:
            return super().rewrite(shown, write, intent, along, image)
        sale = self._log.memory.open_sale
        assert sale is not None
        self._log.conclude(sale.sequence, Outcome.PAID, durable=True)
        return Landed.ACKED


class Refresh(CardWriter):
    """A re-tap that finds its record below the newest writes the newest again (hole H5)."""

    def seal(self, shown: Presentation, in_force: InForce) -> Landed:
        return self.rewrite(shown, Write((), shown.newest), self._log.memory.open_intent())

    def rewrite(
        self,
        shown: Presentation,
        write: Write,
        intent: OpenIntent,
        along: tuple[WriteCopy, ...] = (),
        image: bytes = b"",
    ) -> Landed:
        if write.record != shown.newest or write.record == intent.record:
            return super().rewrite(shown, write, intent, along, image)
        sale = self._log.memory.open_sale
        assert sale is not None
        if shown.card.commit_record(write.slot, shown.images[write.slot], 0) is not Written.ACKED:
            return Landed.UNKNOWN
        self._log.conclude(sale.sequence, Outcome.PAID, durable=True)
        return Landed.ACKED


class NoBlanking(CardWriter):
    """Unreadable blocks are left as they are (P-R4, holes H8, H9)."""

    def _perform(self, shown: Presentation, write: Write, amount: int) -> Landed:
        return super()._perform(shown, replace(write, blank=()), amount)


class PaidUnasked(CardWriter):
    """A sale is PAID before the card has acknowledged it (P-R3)."""

    def _close(self, sequence: int, purpose: Purpose, landed: Landed) -> None:
        super()._close(sequence, purpose, Landed.ACKED if purpose in SALES else landed)


class NeverInDoubt(CardWriter):
    """What was not acknowledged counts as never sent (P-R3)."""

    def _close(self, sequence: int, purpose: Purpose, landed: Landed) -> None:
        super()._close(sequence, purpose, Landed.UNSENT if landed is Landed.UNKNOWN else landed)


class InPlace(CardWriter):
    """A certificate is written over the one in force (P-R16)."""

    def deliver(self, shown: Presentation, in_force: InForce, newer: Certificate, image: bytes) -> Delivered | None:
        landed, _, shown = self.append(shown, Purpose.DELIVERY, in_force)
        if landed is not Landed.ACKED or shown.card.write_certificate(in_force.copy, image) is not Written.ACKED:
            return None
        return InForce(newer, in_force.copy), shown


class ForceFirst(CardWriter):
    """A certificate is put in force before its blocks are written (hole H18)."""

    def deliver(self, shown: Presentation, in_force: InForce, newer: Certificate, image: bytes) -> Delivered | None:
        after = InForce(newer, 1 - in_force.copy)
        landed, _, shown = self.append(shown, Purpose.DELIVERY, after)
        if landed is not Landed.ACKED or shown.card.write_certificate(after.copy, image) is not Written.ACKED:
            return None
        return after, shown


class NoRecordFirst(CardWriter):
    """A certificate is written without a null record before it (hole H17)."""

    def deliver(self, shown: Presentation, in_force: InForce, newer: Certificate, image: bytes) -> Delivered | None:
        after = InForce(newer, 1 - in_force.copy)
        return (after, shown) if shown.card.write_certificate(after.copy, image) is Written.ACKED else None


class NotStagedAgain(Teller):
    """A re-tap writes its record whatever became of the certificate that the record names (atomic cards)."""

    def _rewrite(self, shown: Presentation, write: Write, intent: OpenIntent) -> Landed:
        return self._writer.rewrite(shown, write, intent)


@dataclass(frozen=True)
class Mutant:
    """A rule switched off, the operation whose cuts show it, and the invariant that must break."""

    make: Callable[[Family], Stage]
    operation: Operation
    breaks: str


def _telling(kind: type[Teller]) -> Callable[[Family], Stage]:
    def teller(reader: Reader, log: Logbook, terminal: int, limits: TapLimits) -> Teller:
        return kind(reader, SAM, log, terminal, hotlist=PackedTable(HOTLIST), limits=limits)

    return lambda family: Stage(family, teller=teller)


def _writing(writer: type[CardWriter]) -> Callable[[Family], Stage]:
    def teller(reader: Reader, log: Logbook, terminal: int, limits: TapLimits) -> Teller:
        made = Teller(reader, SAM, log, terminal, hotlist=PackedTable(HOTLIST), limits=limits)
        made._writer = writer(log, terminal, SAM)
        return made

    return lambda family: Stage(family, teller=teller)


def _journaling(journal: type[MemoryJournal]) -> Callable[[Family], Stage]:
    def made(terminal: Terminal, choices: Choices, fails_at: int) -> MemoryJournal:
        return journal(terminal.number, terminal.entries, terminal.durable, choices, fails_at)

    return lambda family: Stage(family, journal=made)


def _weakly_delivered(stage: Stage) -> World:
    """A load was delivered, and the record that puts it in force is weak."""
    world = loaded(known(stage), HERE, THERE)
    sent = stage.run(world, Step(Doing.TAP, HERE), Choices()).sent
    last = max(moment for moment, command in sent.items() if stage.family.commits(command))
    return stage.run(world, Step(Doing.TAP, HERE), Choices(), CardLeaves(last, Tear(TearMode.WEAK))).world


_DEBIT, _SEAL, _DELIVERY = (
    next(operation for operation in OPERATIONS if operation.name == name) for name in ("debit", "seal", "delivery")
)
_DELIVERED_AGAIN = Operation("delivery at the next terminal", _weakly_delivered, (Step(Doing.TAP, THERE),))

MUTANTS = {
    "the intent is not durable": Mutant(_journaling(LazyIntent), _DEBIT, "I-01"),
    "the final word is not durable": Mutant(_journaling(LazyOutcome), _DEBIT, "I-02"),
    "a read commits": Mutant(_writing(CommitOnRead), _DEBIT, "I-03"),
    "a record seen again is paid": Mutant(_writing(PaidOnSeen), _DEBIT, "I-03"),
    "the newest is refreshed": Mutant(_writing(Refresh), _SEAL, "I-08"),
    "nothing is blanked": Mutant(_writing(NoBlanking), _DEBIT, "purse I8"),
    "paid before the acknowledgement": Mutant(_writing(PaidUnasked), _DEBIT, "I-08"),
    "nothing is ever in doubt": Mutant(_writing(NeverInDoubt), _DEBIT, "I-08"),
    "a certificate over the one in force": Mutant(_writing(InPlace), _DELIVERY, "purse I6"),
    "in force before it is written": Mutant(_writing(ForceFirst), _DELIVERY, "purse I6"),
    "no null record before a certificate": Mutant(_writing(NoRecordFirst), _DELIVERED_AGAIN, "purse I6"),
}
"""On MIFARE Classic."""

ATOMIC_MUTANTS = {
    name: MUTANTS[name]
    for name in (
        "the intent is not durable",
        "the final word is not durable",
        "paid before the acknowledgement",
        "nothing is ever in doubt",
    )
} | {"a lost certificate is not staged again": Mutant(_telling(NotStagedAgain), _DELIVERY, "I-03")}
"""On a card that commits as a whole; the others of Classic prevent what cannot happen there."""

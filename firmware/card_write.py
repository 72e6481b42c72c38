"""Writing a card: every ring record is announced by a durable INTENT and closed by an OUTCOME.

The order is the rule (P-R2, R3, R16, I-01):

    INTENT durable → unreadable blocks blanked → record written, acknowledged, read back → OUTCOME

An atomic card acknowledges the commit under its session's key; there is nothing to read back.

What the card did not acknowledge is `Landed.UNKNOWN`, whatever a later read may show. UNSENT is said only when the
record's own write command never left the terminal.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, unique
from typing import TypeAlias

from firmware.card_sight import InForce, Presentation
from firmware.logbook import Logbook
from firmware.purse_memory import SALES
from hardware.cards.port import Written
from hardware.sam.port import Sam
from onecard.identity import CardNumber
from onecard.kinds import Outcome, Purpose
from onecard.purse import delivery, plan
from onecard.purse.certificate import Certificate
from onecard.purse.plan import OpenIntent, Write
from onecard.purse.record import DebitRecord
from onecard.purse.ring import ring_bytes
from onecard.records import Intent
from onecard.tariff import Quote


@unique
class Landed(Enum):
    """What is known of a ring record after trying to write it."""

    ACKED = "acknowledged and read back"
    UNSENT = "never sent"
    UNKNOWN = "in doubt"


Delivered: TypeAlias = "tuple[InForce, Presentation]"
"""What is in force after a delivery, and the card after it."""


class CardWriter:
    """Writes ring records and certificates for one terminal."""

    def __init__(self, log: Logbook, terminal: int, sam: Sam) -> None:
        self._log = log
        self._terminal = terminal
        self._sam = sam

    def append(
        self,
        shown: Presentation,
        purpose: Purpose,
        in_force: InForce,
        *,
        amount: int = 0,
        quote: Quote | None = None,
        pays: int = 0,
    ) -> tuple[Landed, int, Presentation]:
        """Write the next record. Returns what landed, the intent's sequence, and the presentation after it.

        A sale's OUTCOME is written here only when it is final: PAID (durable) or UNSENT. A null record that was not
        acknowledged is ABANDONED at once: nothing hangs on it.
        """
        newest = shown.newest
        sequence = plan.usable_sequence(
            self._log.next_sequence,
            newest.counter + 1,
            newest.debited + amount,
            self._log.memory.unresolved(shown.name),
        )
        self._log.skip_to(sequence)
        write = plan.append(shown.ring, amount, self._terminal, sequence, in_force.reference)
        intent = self._intent(shown, purpose, in_force.certificate, write, amount=amount, quote=quote, pays=pays)
        written = self._log.write(intent, durable=True)
        assert written == sequence, "the record on the card names its intent (P-R7)"
        landed = self._perform(shown, write, amount)
        self._close(sequence, purpose, landed)
        return landed, sequence, self._after(shown, write) if landed is Landed.ACKED else shown

    def rewrite(
        self,
        shown: Presentation,
        write: Write,
        intent: OpenIntent,
        along: tuple[delivery.WriteCopy, ...] = (),
        image: bytes = b"",
    ) -> Landed:
        """A re-tap: write the open sale's own bytes, again or for the first time; acknowledged, it is PAID. `along` are
        copies of the certificate `image` that go with them (`delivery.steps_before_rewrite`)."""
        sale = self._log.memory.open_sale
        assert sale is not None
        for step in along:
            if shown.card.write_certificate(step.copy, image) is not Written.ACKED:
                return Landed.UNKNOWN
        landed = self._perform(shown, write, intent.record.debited - intent.base.debited)
        if landed is Landed.ACKED:
            self._log.conclude(sale.sequence, Outcome.PAID, durable=True)
        return landed

    def seal(self, shown: Presentation, in_force: InForce) -> Landed:
        """A re-tap whose own record may not be touched: a null record on top of it; acknowledged, the sale is PAID."""
        sale = self._log.memory.open_sale
        assert sale is not None
        landed, _, _ = self.append(shown, Purpose.SEAL, in_force, pays=sale.sequence)
        if landed is Landed.ACKED:
            self._log.conclude(sale.sequence, Outcome.PAID, durable=True)
        return landed

    def deliver(self, shown: Presentation, in_force: InForce, newer: Certificate, image: bytes) -> Delivered | None:
        """Put a newer certificate on the card (P-R16). It comes into force by the next ring record, which the caller
        appends under the returned `InForce`. None when the card left in between: what was in force still is.
        """
        for step in delivery.steps(in_force.reference, newer.load_sequence, atomic=shown.card.atomic):
            match step:
                case delivery.NullRecord():
                    landed, _, shown = self.append(shown, Purpose.DELIVERY, in_force)
                    if landed is not Landed.ACKED:
                        return None
                case delivery.WriteCopy(copy):
                    if shown.card.write_certificate(copy, image) is not Written.ACKED:
                        return None
                case delivery.NextRecord(reference):
                    in_force = InForce(newer, reference.copy)
        return in_force, shown

    def _perform(self, shown: Presentation, write: Write, amount: int) -> Landed:
        assert write.record.identity in self._log.memory.unresolved(shown.name), "no write without its intent (I-01)"
        for slot in write.blank:
            if shown.card.blank_slot(slot) is not Written.ACKED:
                return Landed.UNSENT
        image = self._image(shown, write.record)
        match shown.card.commit_record(write.slot, image, amount):
            case Written.ACKED:
                return Landed.ACKED
            case Written.UNSENT:
                return Landed.UNSENT
            case Written.UNKNOWN:
                return Landed.UNKNOWN

    def _close(self, sequence: int, purpose: Purpose, landed: Landed) -> None:
        sale = purpose in SALES
        match landed:
            case Landed.ACKED:
                self._log.conclude(sequence, Outcome.PAID if sale else Outcome.ACKED, durable=sale)
            case Landed.UNSENT:
                self._log.conclude(sequence, Outcome.UNSENT, durable=False)
            case Landed.UNKNOWN if not sale:
                self._log.conclude(sequence, Outcome.ABANDONED, durable=False)
            case Landed.UNKNOWN:
                pass  # in doubt: the re-tap or the time-out has the final word (P-R5, R6)

    def _image(self, shown: Presentation, written: DebitRecord) -> bytes:
        return self._sam.record_image(written, shown.card.uid, shown.purse)

    def _after(self, shown: Presentation, write: Write) -> Presentation:
        images = list(shown.images)
        images[write.slot] = self._image(shown, write.record)
        return replace(shown, images=tuple(images), ring=shown.ring.with_record(write.record))

    def _intent(
        self,
        shown: Presentation,
        purpose: Purpose,
        certificate: Certificate,
        write: Write,
        *,
        amount: int,
        quote: Quote | None,
        pays: int,
    ) -> Intent:
        now, shop = self._log.clock.now(), self._log.shop
        return Intent(
            at=now.at,
            clock=now.quality,
            shift=shop.shift,
            business_day=shop.business_day,
            operator=shop.operator,
            uid=shown.card.uid,
            card_number=CardNumber(certificate.card_number),
            purse=shown.purse,
            purpose=purpose,
            amount=amount,
            counter=write.record.counter,
            debited=write.record.debited,
            base_slot=shown.ring.records.index(shown.newest),
            ring=ring_bytes(shown.ring, shown.images),
            copy=write.record.load_reference.copy,
            load_sequence=certificate.load_sequence,
            loaded=certificate.loaded,
            pays=pays,
            list_price=quote.list_price if quote else 0,
            tier=certificate.tier,
            film_class=quote.film_class if quote else 0,
            time_slot=quote.time_slot if quote else 0,
            tickets=quote.tickets if quote else 0,
            tariff_version=quote.tariff_version if quote else 0,
        )

"""The tap: one card on the reader, one outcome (docs/purse.md).

    find one card → read the ring → judge it → deliver a newer certificate → price → INTENT → write → PAID → show

A result is a value; what was journaled for it is already as durable as it must be when it is returned. No answer from
the card is never "not written": the sale is then `InDoubt`, and only the same card again (`Paid`), or a final word
(`abandon`), ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from firmware.card_sight import Known, Presentation, Refused, Sight
from firmware.card_write import CardWriter, Delivered, Landed
from firmware.logbook import Logbook
from firmware.results import Abandoned, Declined, InDoubt, NoCard, Paid, Shown, TapResult
from hardware.cards.port import TamperedCard
from hardware.reader import AccessDenied, CardGone, Reader, WrongKey
from hardware.sam.port import Sam
from onecard.hotlist import is_listed
from onecard.identity import day_number
from onecard.kinds import ALLOWED, Action, CardKind, DeclineReason, Outcome, Purpose, PurseUnit
from onecard.money import Fen
from onecard.packed_table import PackedTable
from onecard.purse import delivery, plan, spending
from onecard.purse.bounds import Bound
from onecard.purse.certificate import Certificate
from onecard.purse.ring import ring_bytes
from onecard.records import Decline
from onecard.tariff import Quote

Price: TypeAlias = Callable[[int], "Quote | None"]
"""The price for a member of a tier; None when the tariff has none."""
_Result = TypeVar("_Result")
_NOTHING = Fen(0)


@dataclass(frozen=True, slots=True)
class TapLimits:
    """Bounds on what an offline terminal may lose (P-R22), in fen."""

    card_cap: Fen


class Teller:
    """Debits cards on one reader for one terminal."""

    def __init__(
        self, reader: Reader, sam: Sam, log: Logbook, terminal: int, *, hotlist: PackedTable, limits: TapLimits
    ) -> None:
        """`hotlist` has the cards to refuse; a new one is put in its place when it changes, and new `limits`."""
        self.hotlist = hotlist
        self._sight = Sight(reader, log.memory, sam)
        self._log = log
        self.limits = limits
        self._writer = CardWriter(log, terminal, sam)

    def tap(self, price: Price, purse: int = 0) -> TapResult:
        """One presentation for a sale. While a sale is in doubt, the same card settles it and any other card abandons
        it first (P-R6). An authorisation card that abandons none is `Shown`. Raises `hardware.reader.ReaderError` and
        the journal's errors."""
        shown = self._sight.select(purse)
        if not isinstance(shown, Presentation):
            return self._not_shown(shown)
        sale = self._log.memory.open_sale
        if sale is not None and sale.name == shown.name:
            return self._retap(shown)
        abandoned = self.abandon()
        return self._while_it_lies(shown, lambda: self._sell(shown, price, staff=abandoned is None))

    def abandon(self) -> Abandoned | None:
        """The final word on the sale in doubt: no goods (P-R6). Durable when this returns. None if none is open."""
        sale = self._log.memory.open_sale
        if sale is None:
            return None
        self._log.conclude(sale.sequence, Outcome.ABANDONED, durable=True)
        return Abandoned(sale.intent.uid, Fen(sale.intent.amount))

    def inquire(self, purse: int = 0, *, settle: bool) -> Shown | NoCard | Declined | InDoubt:
        """Show what a card holds; put a newer certificate on it. With `settle` a null record is written where something
        of the purse is unsettled, which makes everything below it durable (P-R12)."""
        shown = self._sight.select(purse)
        if not isinstance(shown, Presentation):
            return self._not_shown(shown)
        sale = self._log.memory.open_sale
        if sale is not None and sale.name == shown.name:
            return InDoubt(shown.card.uid, Fen(sale.intent.amount))
        return self._while_it_lies(shown, lambda: self._inquire(shown, settle))

    def identify(self, *actions: Action, purse: int = 0) -> Shown | NoCard | Declined:
        """Who a staff card is, when its kind has a right to one of `actions`; nothing is written on it."""
        shown = self._sight.select(purse)
        if not isinstance(shown, Presentation):
            return self._not_shown(shown)

        def look() -> Shown | Declined:
            known = self._sight.certificate(shown)
            if isinstance(known, Refused):
                return self._decline(known.reason, shown)
            return self._staff(shown, known, actions)

        return self._while_it_lies(shown, look)

    def _sell(self, shown: Presentation, price: Price, *, staff: bool) -> TapResult:
        assert self._log.memory.open_sale is None, "a sale that may still be paid is not begun again (I-02)"
        known = self._sight.certificate(shown)
        if isinstance(known, Refused):
            return self._decline(known.reason, shown)
        if staff and known.best.kind is CardKind.AUTHORISATION:
            return self._staff(shown, known, (Action.TECHNICIAN_MENU,))
        refusal = self._refusal(known.best, Action.PAY)
        if refusal is not None:
            return self._decline(refusal, shown)
        quote = price(known.best.tier)
        if quote is None:
            return self._decline(DeclineReason.NO_PRICE, shown)
        free = known.best.kind is CardKind.FREE
        amount = _NOTHING if free else quote.price
        if amount > self._balance(known.best, shown) and not known.delivery_due:
            # The card's own certificate may be newer than the one held, with the same L modulo 8 (P-R18).
            known = self._sight.read_certificate(shown)
            if isinstance(known, Refused):
                return self._decline(known.reason, shown)
        reason = self._money_refusal(shown, known.best, amount)
        if reason is not None:
            return self._decline(reason, shown, amount, self._balance(known.best, shown))
        delivered = self._delivered(shown, known)
        if delivered is None:
            return self._decline(DeclineReason.CARD_MOVED, shown, amount)
        in_force, shown = delivered
        purpose = Purpose.FREE if free else Purpose.SALE
        landed, sequence, after = self._writer.append(shown, purpose, in_force, amount=amount, quote=quote)
        match landed:
            case Landed.ACKED:
                balance = self._balance(in_force.certificate, after)
                return Paid(sequence, known.best.card_number, shown.card.uid, amount, balance, quote)
            case Landed.UNSENT:
                return Declined(DeclineReason.CARD_MOVED, shown.card.uid)  # its OUTCOME, UNSENT, is the record of it
            case Landed.UNKNOWN:
                return InDoubt(shown.card.uid, amount)

    def _staff(self, shown: Presentation, known: Known, actions: tuple[Action, ...]) -> Shown | Declined:
        refusal = self._refusal(known.best, *actions)
        if refusal is not None:
            return self._decline(refusal, shown)
        return self._seen(shown, known.in_force.certificate, loaded=False)

    def _retap(self, shown: Presentation) -> TapResult:
        sale = self._log.memory.open_sale
        assert sale is not None
        intent = self._log.memory.open_intent()
        uid, amount = shown.card.uid, Fen(sale.intent.amount)
        match plan.retap(shown.ring, intent, self._log.memory.bounds(sale.name)):
            case plan.NotVisible():
                self.abandon()
                return Abandoned(uid, amount)
            case plan.Behind():
                return self._decline(DeclineReason.CARD_BEHIND, shown, amount)
            case plan.Rewrite(write):
                again = self._while_it_lies(shown, lambda: self._rewrite(shown, write, intent))
                if not isinstance(again, Landed):
                    return again
                landed, loaded = again, sale.intent.loaded
            case plan.SealOpen():
                sealed = self._while_it_lies(shown, lambda: self._seal(shown))
                if isinstance(sealed, Declined):
                    return sealed
                landed, loaded = sealed
        if landed is not Landed.ACKED:
            return InDoubt(uid, amount)
        balance = Fen(loaded - max(shown.newest.debited, sale.intent.debited))
        return Paid(sale.sequence, sale.card_number, uid, amount, balance, None)

    def _rewrite(
        self, shown: Presentation, write: plan.Write, intent: plan.OpenIntent
    ) -> Landed | Declined | Abandoned:
        """The record in doubt again; on a card of one commit with the certificate that it left behind."""
        if not shown.card.atomic or shown.newest.identity == intent.record.identity:
            return self._writer.rewrite(shown, write, intent)
        sale, known = self._log.memory.open_sale, self._sight.certificate(shown)
        assert sale is not None
        if isinstance(known, Refused):
            return self._decline(known.reason, shown)
        along = delivery.steps_before_rewrite(
            in_force=known.in_force.certificate.load_sequence,
            load_sequence=sale.intent.load_sequence,
            held=known.best.load_sequence,
        )
        if along is None:
            self.abandon()
            return Abandoned(shown.card.uid, Fen(sale.intent.amount))
        return self._writer.rewrite(shown, write, intent, along, known.best_image)

    def _seal(self, shown: Presentation) -> tuple[Landed, int] | Declined:
        """What landed, and what is loaded now: another terminal may have delivered a load since the sale (I-03)."""
        if self._worn_out(shown):
            return self._decline(DeclineReason.WORN_OUT, shown)
        known = self._sight.certificate(shown)
        if isinstance(known, Refused):
            return self._decline(known.reason, shown)
        return self._writer.seal(shown, known.in_force), known.in_force.certificate.loaded

    def _inquire(self, shown: Presentation, settle: bool) -> Shown | Declined:
        known = self._sight.certificate(shown)
        if isinstance(known, Refused):
            return self._decline(known.reason, shown)
        if is_listed(self.hotlist, known.best.card_number):
            return self._decline(DeclineReason.HOTLISTED, shown)
        newest = Bound(shown.newest.counter, shown.newest.debited)
        settles = settle and self._log.memory.is_unsettled(shown.name, newest)
        if not (known.delivery_due or settles) or self._worn_out(shown):
            return self._seen(shown, known.in_force.certificate, loaded=False)
        delivered = self._delivered(shown, known)
        if delivered is None:
            return self._decline(DeclineReason.CARD_MOVED, shown)
        in_force, shown = delivered
        landed, _, shown = self._writer.append(shown, Purpose.SETTLE, in_force)
        if landed is not Landed.ACKED:
            return self._decline(DeclineReason.CARD_MOVED, shown)
        return self._seen(shown, in_force.certificate, loaded=known.delivery_due)

    def _delivered(self, shown: Presentation, known: Known) -> Delivered | None:
        """What is in force after a due delivery, or without one; None when the card left during it."""
        if not known.delivery_due:
            return known.in_force, shown
        return self._writer.deliver(shown, known.in_force, known.best, known.best_image)

    def _refusal(self, certificate: Certificate, *actions: Action) -> DeclineReason | None:
        if is_listed(self.hotlist, certificate.card_number) or self._log.memory.is_closed(certificate):
            return DeclineReason.HOTLISTED
        if ALLOWED[certificate.kind].isdisjoint(actions) or certificate.unit is not PurseUnit.FEN:
            return DeclineReason.WRONG_KIND
        today = day_number(self._log.clock.now().local().date())
        return DeclineReason.EXPIRED if today > certificate.expiry else None

    def _money_refusal(self, shown: Presentation, best: Certificate, amount: Fen) -> DeclineReason | None:
        reason = spending.refusal(
            loaded=self._log.memory.spendable(best),
            debited=shown.newest.debited,
            amount=amount,
            spent=self._log.memory.spent(shown.name),
            card_cap=self.limits.card_cap,
        )
        if reason is None and self._worn_out(shown, amount):
            return DeclineReason.WORN_OUT
        return reason

    def _worn_out(self, shown: Presentation, amount: Fen = _NOTHING) -> bool:
        """Whether the card has no place left for a delivery and a debit, or takes no writes at all."""
        unresolved = self._log.memory.unresolved(shown.name)
        limit = shown.card.family.limits.debited
        return plan.worn_out(shown.ring, amount, 2, limit) or plan.silent_card(shown.ring, unresolved)

    def _balance(self, certificate: Certificate, shown: Presentation) -> Fen:
        """I-03."""
        return Fen(self._log.memory.spendable(certificate) - shown.newest.debited)

    def _seen(self, shown: Presentation, certificate: Certificate, *, loaded: bool) -> Shown:
        return Shown(
            uid=shown.card.uid,
            card_number=certificate.card_number,
            kind=certificate.kind,
            tier=certificate.tier,
            balance=self._balance(certificate, shown),
            loaded=loaded,
        )

    def _while_it_lies(self, shown: Presentation, step: Callable[[], _Result]) -> _Result | Declined:
        """A card that leaves while it is only being read is declined: writes report as values, and never raise."""
        try:
            return step()
        except (CardGone, AccessDenied):
            return self._decline(DeclineReason.CARD_MOVED, shown)
        except WrongKey:
            return self._decline(DeclineReason.FOREIGN_CARD, shown)
        except TamperedCard:
            return self._decline(DeclineReason.TAMPERED, shown)

    def _not_shown(self, seen: NoCard | Refused) -> NoCard | Declined:
        return seen if isinstance(seen, NoCard) else self._decline(seen.reason, seen.shown)

    def _decline(
        self,
        reason: DeclineReason,
        shown: Presentation | None = None,
        amount: Fen = _NOTHING,
        balance: Fen | None = None,
    ) -> Declined:
        now, shop = self._log.clock.now(), self._log.shop
        uid = shown.card.uid if shown else b""
        held = self._log.memory.certificate(shown.name) if shown else None
        self._log.write(
            Decline(
                at=now.at,
                clock=now.quality,
                shift=shop.shift,
                business_day=shop.business_day,
                operator=shop.operator,
                reason=reason,
                uid=uid,
                card_number=held[0].card_number if held else 0,
                purse=shown.purse if shown else 0,
                amount=amount,
                ring=ring_bytes(shown.ring, shown.images) if shown else b"",
            ),
            durable=False,
        )
        return Declined(reason, uid, balance)

"""The truth: what really happened, kept by one who sees everything, beside the system and never asked by it.

It hears every record that a terminal wrote, knows which order each intent was for, what goods were handed out, and how
each purse was loaded. Checkers compare the system with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from onecard.identity import CardNumber
from onecard.journal import Entry
from onecard.kinds import Outcome, Purpose
from onecard.purse.intent import base_record, intent_record
from onecard.purse.record import Identity
from onecard.records import Intent, OutcomeRecord, Record, decode_record
from tools.fleet.card import Purse


@dataclass(slots=True)
class Order:
    """Somebody wants a seat; `paid` is "card", "cash" or "" while nobody got anything for it."""

    number: int
    uid: bytes
    site: str
    given: str = ""
    sale: Sale | None = None
    """The debit that the goods were given for."""


@dataclass(slots=True)
class Sale:
    """One intent, of a sale or of a null record, as it was journaled."""

    uid: bytes
    terminal: int
    sequence: int
    record: Identity
    base: Identity
    amount: int
    order: Order | None
    word: Outcome | None = None
    claim: bool = False
    """Paid and durable when the power failed before it was shown, and the patron got the goods elsewhere: what the
    till's next start tells is a claim."""


@dataclass(slots=True)
class CardTruth:
    """A card: its cells, and what is true of its purse."""

    uid: bytes
    number: CardNumber
    purse: Purse
    honest: bool
    cash_fen: int
    """What was paid in, in all."""
    genesis: Identity
    durable: Identity
    """The newest record whose acknowledgement a terminal got."""
    intents: dict[Identity, Sale] = field(default_factory=dict)
    twins: list[Sale] = field(default_factory=list)
    """Intents whose record another one had announced before: only a terminal that forgot can make one."""
    orders: list[Order] = field(default_factory=list)
    at_desk: bool = False
    """It cannot be used any more, and lies at a desk."""

    def chain(self, head: Identity) -> Iterator[Identity]:
        """A record and all it stands on, down to the first known."""
        while True:
            yield head
            sale = self.intents.get(head)
            if sale is None:
                return
            head = sale.base


class Truth:
    """All cards, orders and intents of a fleet."""

    def __init__(self) -> None:
        self.cards: dict[bytes, CardTruth] = {}
        self.orders = 0
        self.intents: dict[tuple[int, int], Sale] = {}
        """The newest of each name; a terminal that forgot may use one twice."""

    def order(self, uid: bytes, site: str) -> Order:
        """Somebody asks for a seat."""
        self.orders += 1
        order = Order(self.orders, uid, site)
        self.cards[uid].orders.append(order)
        return order

    def heard(self, terminal: int, sequence: int, record: Record, order: Order | None) -> None:
        """A terminal wrote a record while it served `order`."""
        match record:
            case Intent():
                self._intent(terminal, sequence, record, order)
            case OutcomeRecord():
                self._outcome(terminal, record)
            case _:
                pass

    def found(self, terminal: int, entry: Entry, order: Order | None) -> None:
        """A start found a record that was being written when the power failed, perhaps heard of, perhaps not."""
        record = decode_record(entry.kind, entry.payload)
        sequence = entry.name.sequence
        match record:
            case Intent() if (terminal, sequence) not in self.intents:
                self._intent(terminal, sequence, record, order)
            case OutcomeRecord():
                self._outcome(terminal, record)
                sale = self.intents.get((terminal, record.intent))
                if sale is not None and record.outcome in (Outcome.PAID, Outcome.ACKED):
                    acknowledged(self.cards[sale.uid], sale.record)
                if sale is not None and record.outcome == Outcome.PAID:
                    order = self.given(terminal, record.intent)
                    sale.claim = order is not None and order.sale is not sale
            case _:
                pass

    def given(self, terminal: int, sequence: int) -> Order | None:
        """Goods are handed out for the debit that this intent announced; the order they are for."""
        sale = self.intents.get((terminal, sequence))
        if sale is None:
            return None
        if sale.order is not None and not sale.order.given:
            sale.order.given, sale.order.sale = "card", sale
        return sale.order

    def _intent(self, terminal: int, sequence: int, intent: Intent, order: Order | None) -> None:
        card = self.cards.get(intent.uid)
        if card is None:
            return
        record = intent_record(intent, sequence, terminal).identity
        is_sale = intent.purpose in (Purpose.SALE, Purpose.FREE)
        sale = Sale(
            card.uid,
            terminal,
            sequence,
            record,
            base_record(intent).identity,
            intent.amount,
            order if is_sale else None,
        )
        if record in card.intents:
            card.twins.append(card.intents[record])
        card.intents[record] = sale
        self.intents[terminal, sequence] = sale

    def _outcome(self, terminal: int, told: OutcomeRecord) -> None:
        sale = self.intents.get((terminal, told.intent))
        if sale is None:
            return
        sale.word = Outcome(told.outcome)


def acknowledged(card: CardTruth, record: Identity) -> None:
    """A card acknowledged a record to a terminal: it stands from now on."""
    if record.counter > card.durable.counter:
        card.durable = record

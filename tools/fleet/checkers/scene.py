"""What a checker looks at: one card's truth beside what every reading of the card says, and the centre's row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from hardware.cards.port import CardFamily
from onecard.purse.record import DebitRecord, Identity
from onecard.purse.ring import SLOTS, slot_of
from tools.fleet.centre import Centre
from tools.fleet.ledger import PurseRow
from tools.fleet.terminal import Terminal
from tools.fleet.truth import CardTruth, Sale, Truth

Decode = Callable[[bytes, bytes, int], DebitRecord | None]


def ring_of(card: CardTruth, decode: Decode) -> list[DebitRecord | None]:
    """The records in the card's blocks as written, slot by slot, weak or not."""
    found: list[DebitRecord | None] = []
    for slot, image in enumerate(card.purse.ring):
        record = decode(image, card.uid, 0)
        found.append(record if record is not None and slot_of(record.counter) == slot else None)
    return found


def newest(records: list[DebitRecord | None]) -> DebitRecord | None:
    """The one with the highest counter."""
    return max((record for record in records if record is not None), key=lambda each: each.counter, default=None)


def readings(card: CardTruth, decode: Decode) -> Iterator[DebitRecord | None]:
    """The newest record of every possible reading of the ring."""
    ring, weak = ring_of(card, decode), card.purse.weak_slots
    for shown in product((True, False), repeat=len(weak)):
        hidden = {slot for slot, is_shown in zip(weak, shown, strict=True) if not is_shown}
        yield newest([None if slot in hidden else ring[slot] for slot in range(SLOTS)])


@dataclass(frozen=True, slots=True)
class Settled:
    """One card after the fleet was healed. `head` is the newest record on it, `standing` the intents on its chain."""

    card: CardTruth
    row: PurseRow
    head: Identity
    standing: Mapping[Identity, Sale]

    @property
    def is_classic(self) -> bool:
        """Whether its cells can be weak."""
        return self.card.purse.family is CardFamily.CLASSIC

    def paid_by(self, order_sale: Sale) -> bool:
        """Whether the debit stands on the card."""
        return self.standing.get(order_sale.record) is order_sale

    @property
    def missing(self) -> list[Sale]:
        """What stands on the card and is not at the centre."""
        return [sale for sale in self.standing.values() if not self.at_centre(sale)]

    def out_of_sight(self, record: Identity) -> bool:
        """Whether nothing can prove at the centre that the record stands, because what stands on it is missing there:
        its amount is then in the sum that is not attributed (docs/purse.md, Not guaranteed (a))."""
        return any(sale.record.counter > record.counter for sale in self.missing)

    def at_centre(self, sale: Sale) -> bool:
        """Whether the centre has this very intent."""
        flow = self.row.flow((sale.terminal, sale.sequence))
        return flow is not None and (flow.evidence.record, flow.evidence.base) == (sale.record, sale.base)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything, after the fleet was healed."""

    truth: Truth
    centre: Centre
    terminals: Mapping[int, Terminal]
    settled: list[Settled]

    def lossy(self, sale: Sale) -> str:
        """Why the records of its terminal may be missing; "" when they may not."""
        return self.terminals[sale.terminal].lossy


def settle(card: CardTruth, row: PurseRow, decode: Decode) -> Settled | None:
    """The card as it lies there; None when no record can be read."""
    found = newest(ring_of(card, decode))
    if found is None:
        return None
    chain = {identity: card.intents[identity] for identity in card.chain(found.identity) if identity in card.intents}
    return Settled(card, row, found.identity, chain)

"""What bounds a holder who rolls back or clones a card (docs/purse.md, Attackers and bounds).

- P-R8: one terminal never believes less than what it saw acknowledged.
- P-R22: no more than the card's cap is taken from it at one terminal between two table syncs.
- P-R13: nothing is taken below what the state table in force there says of the purse.
- Once all journals are in, a card that took more than was paid in is known at the centre.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from onecard.purse.record import Identity
from onecard.state_table import StateRow
from tools.fleet.ledger import PurseRow
from tools.fleet.report import Figure, Violation
from tools.fleet.truth import CardTruth, Sale


@dataclass(slots=True)
class Taken:
    """What each terminal gave for a card's debits: the newest record paid, and fen since the last table sync."""

    newest: dict[tuple[int, bytes], Identity] = field(default_factory=dict)
    since: dict[int, dict[bytes, int]] = field(default_factory=dict)

    def in_step(self, terminal: int) -> None:
        """Its journal says that the tables that an acknowledgement named are in force."""
        self.since.pop(terminal, None)

    def forgotten(self, terminal: int) -> None:
        """Its storage does not know any more what it knew."""
        self.since.pop(terminal, None)
        self.newest = {name: record for name, record in self.newest.items() if name[0] != terminal}

    def paid(self, sale: Sale, cap: int, row: StateRow | None) -> Violation | None:
        """After each paid sale of a dishonest card; `row` is its purse's in the terminal's state table."""
        name = sale.terminal, sale.uid
        before = self.newest.get(name)
        self.newest[name] = sale.record
        spent = self.since.setdefault(sale.terminal, {})
        spent[sale.uid] = spent.get(sale.uid, 0) + sale.amount
        if before is not None and (sale.record.counter <= before.counter or sale.record.debited < before.debited):
            about = f"terminal {sale.terminal} was paid {before}, and then {sale.record}"
            return Violation("purse R8", about, sale.uid, Figure.LOST_FEN, sale.amount)
        if row is not None and (sale.record.counter <= row.counter or sale.record.debited < row.debited):
            about = f"terminal {sale.terminal} was paid {sale.record}, and its state table says {row.bound}"
            return Violation("purse R13", about, sale.uid, Figure.LOST_FEN, sale.amount)
        if spent[sale.uid] > cap:
            about = f"terminal {sale.terminal} took {spent[sale.uid]} fen between two table syncs"
            return Violation("purse R22", about, sale.uid, Figure.LOST_FEN, spent[sale.uid] - cap)
        return None


def found_out(card: CardTruth, row: PurseRow, *, lossy: bool) -> Iterator[Violation]:
    """After healing; `lossy`: a terminal that took the card's debits lost its records."""
    taken = sum(order.sale.amount for order in card.orders if order.given == "card" and order.sale is not None)
    if taken > card.cash_fen and not row.forks and not row.overdrawn and not lossy:
        about = f"{taken} fen were taken, {card.cash_fen} paid in, and the centre suspects nothing"
        yield Violation("purse R13", about, card.uid, Figure.LOST_FEN, taken - card.cash_fen)

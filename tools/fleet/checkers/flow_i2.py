"""flow I2, I5: each order is debited at most once, and goods are given for a debit that stands, and only for one.

After healing: where goods were given for a debit, that debit stands and is not refunded; every other debit of the order
is refunded. An order that was abandoned or paid in cash has no debit left.
"""

from __future__ import annotations

from collections.abc import Iterator

from onecard.kinds import Outcome
from onecard.purse.resolution import State
from tools.fleet.checkers.scene import Fleet, Settled
from tools.fleet.ledger import is_refunded
from tools.fleet.report import Figure, Violation
from tools.fleet.truth import Order, Sale

EXCUSING = ("lied", "restored")
"""A terminal whose storage forgot a final word it had promised may give goods for a debit that is then refunded: the
loss is that sale's (docs/simulation.md)."""


def check(fleet: Fleet, settled: Settled, excused: list[int]) -> Iterator[Violation]:
    """After healing; `excused` gets the fen that a broken promise of a storage explains."""
    left: dict[int, list[Sale]] = {}
    for sale in settled.standing.values():
        if sale.order is not None and not is_refunded(settled.row.flow((sale.terminal, sale.sequence))):
            left.setdefault(sale.order.number, []).append(sale)
    for order in settled.card.orders:
        debits = left.pop(order.number, [])
        yield from _order(fleet, settled, order, debits, excused)
    for debits in left.values():
        for sale in debits:
            yield Violation("flow I2", f"{sale.record} debits another card's order", settled.card.uid)


def _order(fleet: Fleet, settled: Settled, order: Order, debits: list[Sale], excused: list[int]) -> Iterator[Violation]:
    uid = settled.card.uid
    paying = order.sale
    if paying is not None and paying.uid == uid and paying not in debits:
        if not settled.paid_by(paying):
            yield Violation(
                "flow I5",
                f"order {order.number} was given, {paying.record} does not stand",
                uid,
                Figure.UNPAID_GOODS,
            )
        elif fleet.lossy(paying) in EXCUSING and not _says_paid(settled, paying):
            excused.append(paying.amount)
        else:
            yield Violation(
                "flow I5", f"order {order.number} was given, {paying.record} is refunded", uid, Figure.UNPAID_GOODS
            )
    for sale in debits:
        if sale is paying or sale.claim:
            continue
        if _excused(fleet, settled, sale):
            excused.append(sale.amount)
            continue
        yield Violation(
            "flow I2",
            f"order {order.number} is {order.given or 'not'} paid, and {sale.record} of "
            f"terminal {sale.terminal} took {sale.amount} fen more",
            uid,
            Figure.DOUBLE_DEBITS,
        )


def _says_paid(settled: Settled, sale: Sale) -> bool:
    """Whether the centre was told that the sale was paid."""
    flow = settled.row.flow((sale.terminal, sale.sequence))
    return flow is not None and flow.evidence.outcome is Outcome.PAID


def _excused(fleet: Fleet, settled: Settled, sale: Sale) -> bool:
    """Whether a debit is left because nobody could give it back: its terminal lost its intent or its final word, or
    what proved that it stands. One that the centre knows as abandoned and standing is never excused."""
    flow = settled.row.flow((sale.terminal, sale.sequence))
    if flow is None or not settled.at_centre(sale):
        return bool(fleet.lossy(sale))
    if flow.state is State.STANDS and flow.evidence.outcome is Outcome.ABANDONED:
        return False
    return bool(fleet.lossy(sale)) or (flow.state is State.OPEN and settled.out_of_sight(sale.record))

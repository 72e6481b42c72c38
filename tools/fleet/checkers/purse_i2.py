"""PURSE I2: the records of a purse form one chain, and each states what its base states and its amount."""

from __future__ import annotations

from collections.abc import Iterator

from tools.fleet.checkers.scene import Settled
from tools.fleet.report import Figure, Violation


def check(settled: Settled) -> Iterator[Violation]:
    """After healing."""
    card, head = settled.card, settled.head
    total = sum(sale.amount for sale in settled.standing.values())
    if total != head.debited:
        yield Violation(
            "purse I2",
            f"{head.debited} fen are debited, {total} by known intents",
            card.uid,
            Figure.LOST_FEN,
            abs(total - head.debited),
        )
    for sale in settled.standing.values():
        if (sale.record.counter, sale.record.debited) != (sale.base.counter + 1, sale.base.debited + sale.amount):
            yield Violation("purse I2", f"{sale.record} does not follow from {sale.base}", card.uid)
    *_, first = card.chain(head)
    if first != card.genesis:
        yield Violation("purse I2", f"its chain begins with {first}, not with what the desk wrote", card.uid)

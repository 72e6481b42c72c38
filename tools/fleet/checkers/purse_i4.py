"""PURSE I4: what is refunded was abandoned and stands; what is paid is never refunded."""

from __future__ import annotations

from onecard.kinds import Outcome
from tools.fleet.report import Figure, Violation
from tools.fleet.truth import CardTruth, Sale


def check(card: CardTruth, sale: Sale | None, amount: int, *, lossy: str) -> Violation | None:
    """When the centre issues a refund; a terminal that forgot may have given a second word on a sale."""
    if sale is None or lossy:
        return None
    if sale.word is not Outcome.ABANDONED:
        word = "no word yet" if sale.word is None else sale.word.name
        about = f"sale {sale.terminal}/{sale.sequence} is refunded, and there is {word}"
        return Violation("purse I4", about, card.uid, Figure.LOST_FEN, amount)
    if sale.record not in card.chain(card.durable):
        about = f"sale {sale.terminal}/{sale.sequence} is refunded, and nobody knows yet that it stands"
        return Violation("purse I4", about, card.uid, Figure.LOST_FEN, amount)
    return None

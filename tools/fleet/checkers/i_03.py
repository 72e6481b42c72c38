"""I-03: the balance shown is the certificate in force less the newest ring record."""

from __future__ import annotations

from firmware.results import Paid
from firmware.view import Result
from tools.fleet.report import Figure, Violation
from tools.fleet.truth import CardTruth


def check(card: CardTruth, result: Result | None, loaded: int) -> Violation | None:
    """After each paid sale: `loaded` is P of the best certificate the centre ever issued for it."""
    if not isinstance(result, Paid):
        return None
    debited = card.durable.debited
    if not 0 <= result.balance <= loaded - debited:
        about = f"{result.balance} fen are shown, at most {loaded - debited} can be left"
        return Violation("I-03", about, card.uid, Figure.LOST_FEN, abs(result.balance - (loaded - debited)))
    return None

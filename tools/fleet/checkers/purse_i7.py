"""PURSE I7: no honest card is ever behind, tampered with, or without its certificate at a terminal."""

from __future__ import annotations

from firmware.results import Declined
from firmware.view import Result
from onecard.kinds import DeclineReason
from tools.fleet.report import Figure, Violation
from tools.fleet.truth import CardTruth

_NEVER = {
    DeclineReason.CARD_BEHIND: Figure.FALSE_FORKS,
    DeclineReason.TAMPERED: Figure.FALSE_FORKS,
    DeclineReason.BAD_CERTIFICATE: Figure.OTHER,
    DeclineReason.NEEDS_UPDATE: Figure.OTHER,
    DeclineReason.FOREIGN_CARD: Figure.OTHER,
}


def check(card: CardTruth, result: Result | None, terminal: int) -> Violation | None:
    """After each presentation of an honest card."""
    if not isinstance(result, Declined) or result.reason not in _NEVER:
        return None
    return Violation(
        "purse I7", f"terminal {terminal} refuses it: {result.reason.name}", card.uid, _NEVER[result.reason]
    )

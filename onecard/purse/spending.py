"""Whether a purse may pay a price at this terminal (P-R18, R22). Pure."""

from __future__ import annotations

from onecard.kinds import DeclineReason


def refusal(*, loaded: int, debited: int, amount: int, spent: int, card_cap: int) -> DeclineReason | None:
    """Why a debit of `amount` is refused, all in fen; None when it is not.

    `loaded` is P of the best certificate, `debited` N of the card's newest record, `spent` what this terminal debited
    from the purse since its last sync. The cap is what bounds the loss by a rolled-back card at one terminal between
    two syncs: min(cap, P - N as last told by the server).
    """
    if debited > loaded:
        return DeclineReason.NEEDS_UPDATE
    if debited + amount > loaded:
        return DeclineReason.SHORT_OF_MONEY
    return DeclineReason.OFFLINE_CAP if spent + amount > card_cap else None

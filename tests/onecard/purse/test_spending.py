"""What a purse may not pay (P-R18, R22)."""

from __future__ import annotations

import pytest

from onecard.kinds import DeclineReason
from onecard.purse.spending import refusal


@pytest.mark.parametrize(
    ("debited", "amount", "spent", "reason"),
    [
        (1001, 0, 0, DeclineReason.NEEDS_UPDATE),  # another terminal knew a newer P
        (1001, 1, 400, DeclineReason.NEEDS_UPDATE),
        (901, 100, 0, DeclineReason.SHORT_OF_MONEY),
        (901, 100, 400, DeclineReason.SHORT_OF_MONEY),
        (900, 100, 301, DeclineReason.OFFLINE_CAP),
        (900, 100, 300, None),
        (1000, 0, 400, None),
    ],
)
def test_n_above_p_then_short_of_money_then_the_cap(
    debited: int, amount: int, spent: int, reason: DeclineReason | None
) -> None:
    assert refusal(loaded=1000, debited=debited, amount=amount, spent=spent, card_cap=400) is reason

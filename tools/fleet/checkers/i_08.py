"""I-07, I-08: every posting sums to zero, a purse's share of the float is its P − N, and no fen is lost."""

from __future__ import annotations

from collections.abc import Iterator

from server.ledger.accounts import CASH, FLOAT
from tools.fleet.checkers.scene import Fleet
from tools.fleet.report import Figure, Violation


def check(fleet: Fleet) -> Iterator[Violation]:
    """After healing."""
    ledger, truth = fleet.centre.ledger, fleet.truth
    balance = sum(ledger.accounts.values())
    if balance:
        yield Violation("I-07", f"the accounts sum to {balance} fen", figure=Figure.LOST_FEN, amount=abs(balance))
    floats = 0
    for row in ledger.rows.values():
        floats += row.float_fen
        owed = row.loaded - row.head.debited
        if row.float_fen != owed:
            yield Violation(
                "I-08",
                f"its float is {row.float_fen} fen, P − N is {owed}",
                row.uid,
                Figure.LOST_FEN,
                abs(row.float_fen - owed),
            )
    cash = sum(card.cash_fen for card in truth.cards.values())
    if -ledger.accounts[CASH] != cash or ledger.accounts[FLOAT] != floats:
        yield Violation(
            "I-08",
            f"{cash} fen were paid in, the books have {-ledger.accounts[CASH]}",
            figure=Figure.LOST_FEN,
            amount=abs(cash + ledger.accounts[CASH]) or 1,
        )

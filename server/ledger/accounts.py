"""The ledger's accounts, and why money moves between them. Pure.

- `cash`          taken at desks
- `float`         owed to all purses together; the purse's own share is by `purse`
- `site:<code>`   sales owed to a cinema
- `in_doubt`      debited on a card without a final word, or abandoned and not refunded yet
- `unattributed`  debited on a card by records that are not here
"""

from __future__ import annotations

from enum import StrEnum, unique

CASH = "cash"
FLOAT = "float"
IN_DOUBT = "in_doubt"
UNATTRIBUTED = "unattributed"


def site_account(code: str) -> str:
    """What the ledger calls the sales owed to the cinema of this code."""
    return f"site:{code}"


@unique
class Reason(StrEnum):
    """Why money moved between accounts; the value is the database's."""

    LOAD = "load"
    SALE = "sale"
    DOUBT = "doubt"
    SETTLE = "settle"
    REFUND = "refund"
    CARD = "card"
    WITHDRAWN = "withdrawn"
    LOST = "lost"
    FOUND = "found"
    UNATTRIBUTED = "unattributed"


INTO_DOUBT = frozenset({Reason.DOUBT, Reason.CARD, Reason.FOUND})
"""Reasons that put money into `in_doubt`."""
OUT_OF_DOUBT = frozenset({Reason.SETTLE, Reason.REFUND, Reason.LOST, Reason.WITHDRAWN})
"""Reasons that take it out again."""

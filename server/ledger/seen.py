"""What the ledger does with debits that only cards tell of (onecard.purse.gossip). Pure.

    seen                                        float    → in_doubt   card
    its terminal is declared lost               in_doubt → site       lost
    its journal came, or it is not sure after
    all: back the same way                      site     → in_doubt   found
                                                in_doubt → float      withdrawn

A standing record without its terminal's word is in doubt: PAID and ABANDONED look alike on a card. A destroyed terminal
will not say which, and goods were given for nearly all that stands; so when a person declares it lost, its cinema is
paid. A journal that comes after all takes the place of what cards told, and the accounts end as if it had come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from onecard.purse.gossip import CardDebit
from onecard.purse.record import Identity
from server.ledger.accounts import FLOAT, IN_DOUBT, Reason, site_account


class Home(NamedTuple):
    """Where a terminal stands: the code of its cinema, and whether a person declared it lost."""

    site: str
    lost: bool


class Seen(NamedTuple):
    """A debit that only cards tell of, as posted: which account holds its `amount`; FLOAT, when it was withdrawn."""

    record: Identity
    amount: int
    site: str
    account: str


class Move(NamedTuple):
    """A transfer of a seen debit."""

    reason: Reason
    amount: int
    debit_account: str
    credit_account: str
    site: str


def placed(debits: Iterable[CardDebit], homes: Mapping[int, Home]) -> dict[Identity, Seen]:
    """Where each debit belongs; one of a terminal that nobody knows stays unattributed."""
    found = {}
    for record, amount in debits:
        home = homes.get(record.terminal)
        if home is not None:
            found[record] = Seen(record, amount, home.site, site_account(home.site) if home.lost else IN_DOUBT)
    return found


def moves(before: Seen | None, after: Seen | None) -> Iterator[Move]:
    """The transfers that lead from what was posted of a debit to what belongs there; None is nothing."""
    if before is not None and after is not None and before[:3] == after[:3]:
        yield from _way(before, before.account, after.account)
        return
    if before is not None:
        yield from _way(before, before.account, FLOAT)
    if after is not None:
        yield from _way(after, FLOAT, after.account)


def _way(debit: Seen, start: str, end: str) -> Iterator[Move]:
    """From account to account over IN_DOUBT, which lies between the float and a cinema."""
    _, amount, site, _ = debit
    if start == end:
        return
    if start == FLOAT:
        yield Move(Reason.CARD, amount, FLOAT, IN_DOUBT, site)
    elif start != IN_DOUBT:
        yield Move(Reason.FOUND, amount, start, IN_DOUBT, site)
    if end == FLOAT:
        yield Move(Reason.WITHDRAWN, amount, IN_DOUBT, FLOAT, site)
    elif end != IN_DOUBT:
        yield Move(Reason.LOST, amount, IN_DOUBT, end, site)

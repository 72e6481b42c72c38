"""Posting of value that a desk put into a purse: cash → float, in the transaction that issued the certificate."""

from __future__ import annotations

from datetime import datetime

from server.cards.models import Certificate, Purse
from server.ledger.accounts import CASH, FLOAT, Reason
from server.ledger.journal import Transfer, post, posting_day
from server.sites.models import Site, Terminal


def post_load(  # noqa: PLR0917 - what a receipt says, in its order
    purse: Purse, amount: int, site: Site, source: Certificate, now: datetime, terminal: Terminal | None = None
) -> None:
    """Post `amount` fen taken in cash for the certificate `source`; 0 posts nothing."""
    assert amount >= 0
    if amount == 0:
        return
    day = posting_day(site, now)
    post(
        [
            Transfer(
                debit_account=CASH,
                credit_account=FLOAT,
                amount=amount,
                reason=Reason.LOAD,
                purse=purse.pk,
                place=None,
                seen=None,
                certificate=source.pk,
                site=site.code,
                terminal=None if terminal is None else terminal.number,
                business_day=day,
                posting_day=day,
            )
        ],
        now,
    )

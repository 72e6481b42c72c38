"""The rows of debits that only cards tell of; and a person's word that their terminal is lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from onecard.purse.record import Identity
from server.cards.models import Purse
from server.ingest.models import Bundle, Flow
from server.ledger.models import LostTerminal, SeenDebit
from server.ledger.purse_account import Account
from server.sites.enrol import NoSuchTerminal
from server.sites.models import Terminal

_NAME = ("purse", "counter", "debited", "terminal", "sequence_byte")


def write_seen(accounts: Mapping[Purse, Account]) -> dict[tuple[int, Identity], int]:
    """Write down the seen debits that changed; gives the rows' keys by purse and record."""
    rows = [
        SeenDebit(
            purse=purse,
            counter=record.counter,
            debited=record.debited,
            terminal_id=record.terminal,
            sequence_byte=record.sequence_byte,
            amount=amount,
            site_id=site,
            account=account,
        )
        for purse, concluded in accounts.items()
        for record, amount, site, account in concluded.seen
    ]
    written = SeenDebit.objects.bulk_create(
        rows,
        batch_size=100,
        update_conflicts=True,
        unique_fields=_NAME,
        update_fields=("amount", "site", "account"),
    )
    return {
        (row.purse_id, Identity(row.counter, row.debited, row.terminal_id, row.sequence_byte)): row.pk
        for row in written
    }


def declare_lost(number: int, who: str, now: datetime) -> None:
    """A person says that a terminal is destroyed: what only cards tell of it, and what stands of its flows without a
    final word, is settled to its cinema at the next posting. Twice is once. Raises `NoSuchTerminal`."""
    if not Terminal.objects.filter(number=number).exists():
        raise NoSuchTerminal(number)
    with transaction.atomic():
        LostTerminal.objects.get_or_create(terminal_id=number, defaults={"declared_by": who, "declared_at": now})
        Bundle.objects.filter(terminal=number).update(posted=False)
        # Its seen debits have no bundle of their own: the poster looks again at those that told of their cards.
        purses = SeenDebit.objects.filter(terminal=number).values("purse")
        uids = Purse.objects.filter(pk__in=purses).values("uid")
        Bundle.objects.filter(pk__in=Flow.objects.filter(uid__in=uids).values("bundle")).update(posted=False)

"""Writing postings and their roll-ups: the only place that does, one statement a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from onecard.clock import Instant, business_day
from onecard.kinds import ClockQuality
from server.ledger.accounts import Reason
from server.ledger.models import Posting, RollDay
from server.sites.models import Site


@dataclass(frozen=True, slots=True)
class Transfer:
    """A posting to be written. `terminal` is a number, or None; so are the others that can be missing."""

    debit_account: str
    credit_account: str
    amount: int
    reason: Reason
    purse: int
    place: int | None
    seen: int | None
    certificate: int | None
    site: str | None
    terminal: int | None
    business_day: date
    posting_day: date


def posting_day(site: Site, now: datetime) -> date:
    """The day that is open at a cinema: a late record posts here and keeps its own business day."""
    return business_day(Instant(int(now.timestamp()), ClockQuality.TRUSTED), site.cut_off_hour)


def post(transfers: Sequence[Transfer], now: datetime) -> None:
    """Write the transfers and add them to their days."""
    Posting.objects.bulk_create(
        (
            Posting(
                debit_account=t.debit_account,
                credit_account=t.credit_account,
                amount=t.amount,
                reason=t.reason,
                purse_id=t.purse,
                place=t.place,
                seen_id=t.seen,
                certificate_id=t.certificate,
                site_id=t.site,
                terminal_id=t.terminal,
                business_day=t.business_day,
                posting_day=t.posting_day,
                posted_at=now,
            )
            for t in transfers
        ),
        batch_size=1000,
    )
    _add_to_days(transfers)


def _add_to_days(transfers: Sequence[Transfer]) -> None:
    counts: Counter[tuple[str, int, date, date, Reason]] = Counter()
    amounts: Counter[tuple[str, int, date, date, Reason]] = Counter()
    for t in transfers:
        if t.site is not None:
            day = (t.site, t.terminal or 0, t.business_day, t.posting_day, t.reason)
            counts[day] += 1
            amounts[day] += t.amount
    table = RollDay._meta.db_table
    # Sorted, so that two posters lock the days in one order.
    rows = [
        (site, terminal, _date(business), _date(posting), reason.value, counts[day], amounts[day])
        for day in sorted(counts)
        for site, terminal, business, posting, reason in [day]
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (site_id, terminal, business_day, posting_day, reason, count, amount) "  # noqa: S608
            "VALUES (%s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (posting_day, business_day, site_id, terminal, reason) DO UPDATE "
            f"SET count = {table}.count + excluded.count, amount = {table}.amount + excluded.amount",
            rows,
        )


def _date(value: date) -> str | None:
    adapted: str | None = connection.ops.adapt_datefield_value(value)
    return adapted

"""The evidence about purses: their intents, as journaled, with the outcomes received for them and what was posted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date
from typing import Any, NamedTuple

from django.db import connection

from onecard.kinds import Outcome
from onecard.purse.intent import evidence
from onecard.purse.record import Identity
from onecard.purse.resolution import State
from onecard.records import Intent, RecordKind, decode_record
from server.cards.models import Purse
from server.ledger.accounts import FLOAT
from server.ledger.models import LostTerminal, Posting, SeenDebit
from server.ledger.purse_account import Books, KnownFlow
from server.ledger.seen import Home, Seen
from server.places import name
from server.sites.models import Terminal

_UIDS_AT_ONCE = 500

PurseName = tuple[bytes, int]
"""UID and purse."""


class Known(NamedTuple):
    """All that is known of some purses: their books by key, their flows, and each flow's business day by place."""

    books: dict[int, Books]
    flows: dict[PurseName, list[KnownFlow]]
    days: dict[int, date]


def known(purses: Collection[Purse]) -> Known:
    """All flows of the purses, each with the outcome received for it and what was concluded and posted so far."""
    wanted = {(bytes(purse.uid), purse.purse) for purse in purses}
    posted = _posted(purses)
    flows: dict[PurseName, list[KnownFlow]] = defaultdict(list)
    days: dict[int, date] = {}
    uids = sorted({uid for uid, _ in wanted})
    for start in range(0, len(uids), _UIDS_AT_ONCE):
        for place, uid, purse, day, payload, outcome, state in _rows(uids[start : start + _UIDS_AT_ONCE]):
            if (bytes(uid), purse) in wanted:
                terminal, sequence = name(place)
                intent = decode_record(RecordKind.INTENT, bytes(payload))
                assert isinstance(intent, Intent)
                told = None if outcome is None else Outcome(outcome)
                flows[bytes(uid), purse].append(
                    KnownFlow(
                        place,
                        evidence(intent, sequence, terminal, told),
                        None if state is None else State(state),
                        posted.get(place, ()),
                    )
                )
                days[place] = _day(day)
    return Known(_books(purses), flows, days)


def homes() -> dict[int, Home]:
    """Every terminal's cinema, and whether it is declared lost."""
    lost = set(LostTerminal.objects.values_list("terminal_id", flat=True))
    return {number: Home(site, number in lost) for number, site in Terminal.objects.values_list("number", "site_id")}


def _books(purses: Collection[Purse]) -> dict[int, Books]:
    """The purses' rows as the pure functions know them, with the seen debits that were not withdrawn."""
    seen: dict[int, list[Seen]] = defaultdict(list)
    of_these = SeenDebit.objects.filter(purse__in=[purse.pk for purse in purses]).exclude(account=FLOAT)
    columns = ("counter", "debited", "terminal_id", "sequence_byte", "amount", "site_id", "account")
    for purse, *record, amount, site, account in of_these.values_list("purse_id", *columns):
        seen[purse].append(Seen(Identity(*record), amount, site, account))
    return {
        purse.pk: Books(
            Identity(purse.genesis_counter, 0, 0, 0), purse.loaded, purse.unattributed, tuple(seen[purse.pk])
        )
        for purse in purses
    }


def _posted(purses: Collection[Purse]) -> dict[int, list[str]]:
    posted: dict[int, list[str]] = defaultdict(list)
    of_these = Posting.objects.filter(purse__in=[purse.pk for purse in purses], place__isnull=False)
    for place, reason in of_these.values_list("place", "reason"):
        assert place is not None
        posted[place].append(reason)
    return posted


def _rows(uids: Collection[bytes]) -> Iterator[tuple[Any, ...]]:
    marks = ", ".join(["%s"] * len(uids))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT f.place, f.uid, f.purse, f.business_day, r.payload, o.outcome, s.state "  # noqa: S608
            "FROM ingest_flow f JOIN ingest_record r ON r.place = f.place "
            "LEFT JOIN ingest_flowoutcome o ON o.place = f.place "
            f"LEFT JOIN ledger_resolution s ON s.place = f.place WHERE f.uid IN ({marks})",
            list(uids),
        )
        yield from cursor.fetchall()


def _day(value: date | str) -> date:
    """A date column as the database's driver gave it."""
    return value if isinstance(value, date) else date.fromisoformat(value)

"""The evidence about purses: their intents, as journaled, with the outcomes received for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from onecard.kinds import Outcome
from onecard.purse.intent import evidence
from onecard.purse.resolution import Evidence
from onecard.records import Intent, RecordKind, decode_record
from server.cards.models import Purse
from server.places import name

_UIDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class KnownFlow:
    """A flow as the ledger needs it."""

    place: int
    evidence: Evidence
    business_day: date
    terminal: int
    site: str
    state: str | None


PurseName = tuple[bytes, int]
"""UID and purse."""


def known_flows(purses: Collection[Purse]) -> dict[PurseName, list[KnownFlow]]:
    """All flows of the purses, each with the outcome received for it and the state concluded so far."""
    wanted = {(bytes(purse.uid), purse.purse) for purse in purses}
    found: dict[PurseName, list[KnownFlow]] = defaultdict(list)
    uids = sorted({uid for uid, _ in wanted})
    for start in range(0, len(uids), _UIDS_AT_ONCE):
        for place, uid, purse, day, payload, outcome, site, state in _rows(uids[start : start + _UIDS_AT_ONCE]):
            if (bytes(uid), purse) in wanted:
                terminal, sequence = name(place)
                intent = decode_record(RecordKind.INTENT, bytes(payload))
                assert isinstance(intent, Intent)
                told = None if outcome is None else Outcome(outcome)
                found[bytes(uid), purse].append(
                    KnownFlow(place, evidence(intent, sequence, terminal, told), day, terminal, site, state)
                )
    return found


def _rows(uids: Collection[bytes]) -> Iterator[tuple[Any, ...]]:
    marks = ", ".join(["%s"] * len(uids))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT f.place, f.uid, f.purse, f.business_day, r.payload, o.outcome, t.site_id, s.state "  # noqa: S608
            "FROM ingest_flow f JOIN ingest_record r ON r.place = f.place "
            "JOIN sites_terminal t ON t.number = f.terminal_id "
            "LEFT JOIN ingest_flowoutcome o ON o.place = f.place "
            f"LEFT JOIN ledger_resolution s ON s.place = f.place WHERE f.uid IN ({marks})",
            list(uids),
        )
        for row in cursor.fetchall():
            yield (*row[:3], _day(row[3]), *row[4:])


def _day(value: date | str) -> date:
    """A date column as the database's driver gave it."""
    return value if isinstance(value, date) else date.fromisoformat(value)

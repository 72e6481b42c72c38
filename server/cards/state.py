"""The rows of the state table: what every terminal is told of every purse (P-R13).

A purse keeps the row last stated for it, and that row's version. Whoever changes what a row states calls `restate`
before saving the purse, in the same transaction.

Rules
- A row that states what it stated before gets no version; one that changed gets the next number of all purses.
- The numbers come from one row, locked until the transaction ends: they are committed in their order, and one that
  was rolled back is given again, for nobody saw it.
- A purse has no row before its first certificate.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from django.db.models import F

from onecard.downlink import Table
from onecard.identity import DayNumber, day_number
from onecard.kinds import CardKind, PurseUnit
from onecard.purse.certificate import Flags
from onecard.state_table import StateRow, encode_row
from server.cards.models import Purse, TableVersion

STATE_FIELDS = ("state_version", "state_row")
"""What `restate` changes and its caller saves."""


def restate(purses: Iterable[Purse]) -> None:
    """Give each purse whose row changed its row and the next version. Nothing is saved: `STATE_FIELDS` are."""
    assert connection.in_atomic_block, "a version outside a transaction could be seen before its row"
    changed = [(purse, row) for purse in purses if (row := row_of(purse)) != bytes(purse.state_row or b"")]
    if changed:
        for version, (purse, row) in zip(_next_versions(len(changed)), changed, strict=True):
            purse.state_version, purse.state_row = version, row


def row_of(purse: Purse) -> bytes:
    """The 27 bytes that state a purse as it is in the books now; its card must be at hand, else it costs a query."""
    return encode_row(
        StateRow(
            uid=bytes(purse.uid),
            purse=purse.purse,
            counter=purse.head_counter,
            debited=purse.head_debited,
            load_sequence=purse.load_sequence,
            loaded=purse.loaded,
            unit=PurseUnit(purse.unit),
            kind=CardKind(purse.card.kind),
            flags=Flags(purse.flags),
            tier=purse.tier,
            unsettled=purse.unsettled,
            expiry=DayNumber(day_number(purse.card.expiry)),
        )
    )


def state_version() -> int:
    """The newest version of the state table, 0 before its first row."""
    return TableVersion.objects.get(table=Table.STATE).newest


def rows_after(base: int, most: int) -> list[tuple[int, bytes]]:
    """Version and 27 bytes of the next rows after `base` by version, `most` at most; all of one moment."""
    rows = Purse.objects.filter(state_version__gt=base).order_by("state_version")
    return [(version, bytes(row)) for version, row in rows.values_list(*STATE_FIELDS)[:most]]


def _next_versions(count: int) -> range:
    counter = TableVersion.objects.filter(table=Table.STATE)
    counter.update(newest=F("newest") + count)
    newest = counter.get().newest
    return range(newest - count + 1, newest + 1)

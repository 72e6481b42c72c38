"""What a terminal lacks of each table: the changes that lead from the versions it has to the newest.

Rules
- `newest` is read first, the rows after it, each chunk in one statement: what the changes lead to is never below it,
  unless there is more than one reply carries. A row that changes meanwhile comes with its later version.
- A table of which the terminal holds nothing, or a version of the server's earlier life, begins anew with base 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from onecard import cbor
from onecard.downlink import Table
from onecard.packed_table import TableChange
from server.cards.feed import certificates_after, feed_version
from server.cards.hotlist import hotlist_after, hotlist_version
from server.cards.state import rows_after, state_version
from server.ingest.wire_versions import number_held, version_of
from server.limits.versions import newest_settings
from server.tariffs.models import TariffVersion

CHUNKS_IN_A_REPLY = 8
"""Of one table: 160,000 rows of the state table are 4.3 MB of the 16 MiB of a reply."""
ROWS_IN_A_CHUNK: Mapping[Table, int] = {Table.CERTIFICATES: 500, Table.STATE: 20_000}
"""48,000 and 540,000 bytes."""


@dataclass(frozen=True, slots=True)
class Change:
    """A downlink to be: the table, the versions as terminals know them, the body."""

    table: Table
    base: int
    version: int
    body: Sequence[cbor.Value]


def newest_versions(generation: int) -> dict[Table, int]:
    """The version of every table now."""
    tariff = TariffVersion.objects.order_by("-version").values_list("version", flat=True).first() or 0
    return {
        Table.TARIFF: tariff,
        Table.SETTINGS: newest_settings().version,
        Table.HOTLIST: version_of(hotlist_version(), generation),
        Table.CERTIFICATES: version_of(feed_version(), generation),
        Table.STATE: version_of(state_version(), generation),
    }


def changes(
    have: Mapping[int, int],
    newest: Mapping[Table, int],
    generation: int,
    rows_in_a_chunk: Mapping[Table, int] = ROWS_IN_A_CHUNK,
) -> Iterator[Change]:
    """What leads from `have` to `newest` or beyond, in the order in which it is to be applied."""
    for table in (table for table in newest if newest[table] > have.get(table, 0)):
        if table is Table.TARIFF:
            yield _tariffs(newest[table])
            continue
        if table is Table.SETTINGS:
            told = newest_settings()
            yield Change(Table.SETTINGS, 0, told.version, [bytes(told.wire)])
            continue
        base, known = (number_held(version, generation) for version in (have.get(table, 0), newest[table]))
        for step in _steps(table, base, known, rows_in_a_chunk):
            start = version_of(step.base, generation) if step.base else 0
            yield Change(table, start, version_of(step.version, generation), step.body)


def _tariffs(newest: int) -> Change:
    wires = TariffVersion.objects.filter(version__lte=newest).order_by("version").values_list("wire", flat=True)
    return Change(Table.TARIFF, 0, newest, [bytes(wire) for wire in wires])


def _steps(table: Table, base: int, newest: int, rows_in_a_chunk: Mapping[Table, int]) -> Iterator[Change]:
    """The changes with this database's numbers for versions."""
    match table:
        case Table.HOTLIST:
            listed = hotlist_after(base)
            yield Change(table, listed.base, listed.version, listed.body())
        case Table.CERTIFICATES:
            for start, number, images in _chunks(certificates_after, rows_in_a_chunk[table], base, newest):
                yield Change(table, start, number, images)
        case Table.STATE:
            for start, number, rows in _chunks(rows_after, rows_in_a_chunk[table], base, newest):
                yield Change(table, start, number, TableChange(start, number, b"".join(sorted(rows))).body())
        case _:
            raise AssertionError(table)


def _chunks(
    after: Callable[[int, int], list[tuple[int, bytes]]], most: int, base: int, newest: int
) -> Iterator[tuple[int, int, list[bytes]]]:
    """Base, version and rows of each chunk of `most` rows at most; the last leads to `newest` though its rows
    end below."""
    for _ in range(CHUNKS_IN_A_REPLY):
        rows = after(base, most)
        last = rows[-1][0] if rows else 0
        version = last if len(rows) == most else max(newest, last)
        yield base, version, [row for _, row in rows]
        if version >= newest:
            return
        base = version

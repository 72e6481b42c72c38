"""The packed tables in force: hotlist and state table, and when each is kept on the disk (firmware/packed_shelf.py).

Rules
- A change leads from exactly the version in force; what does not follow it is refused and changes nothing.
- What is in force is durable twice over: as the kept table, and as the inbox's chunks above it, which the daemon keeps
  until the table is. So not each change writes the table (flash wears): it is kept in idle time, an hour after the last
  time or after 64 changes; at once when nothing of it is kept, or when the chunks no longer lead to it.
- A table that is lost starts at version 0: the daemon then asks for it anew. A row missing in a half-sent state table
  is only a bound less. An older hotlist stays in force until it is replaced: it stops more cards than none.
- A disk that fails stops no sale: it is told (`faults`) and shown (`lacking`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware.packed_shelf import Kept, PackedShelf
from onecard.downlink import Header, Table
from onecard.durable_file import NotKept
from onecard.inbox_names import table_name
from onecard.packed_forms import FORMS
from onecard.packed_table import PackedTable, TableChange, WrongBase

KEEP_SECONDS = 3_600.0
KEEP_CHANGES = 64
AGAIN_SECONDS = 60.0
"""A table that the disk did not take is tried again after so long."""
_FAULTS = 16


@dataclass(slots=True)
class _InForce:
    table: PackedTable
    as_of: int
    changes: int = 0  # since it was kept
    stranded: bool = False  # a change came that does not follow: the chunks no longer lead to this version
    failed: bool = False  # the disk did not take it the last time
    keep_at: float = float("-inf")


class PackedTables:
    """Of one terminal. Times are monotonic seconds, but for `as_of`."""

    def __init__(self, shelf: PackedShelf) -> None:
        """What the shelf keeps is in force; the others are empty, version 0."""
        self._shelf = shelf
        self._faults: list[str] = []
        found = {number: shelf.newest(number) or Kept(PackedTable(form), 0) for number, form in FORMS.items()}
        self._in_force = {number: _InForce(kept.table, kept.as_of) for number, kept in found.items()}

    def __getitem__(self, number: Table) -> PackedTable:
        return self._in_force[number].table

    @property
    def versions(self) -> Mapping[Table, int]:
        """Of each table in force."""
        return {number: held.table.version for number, held in self._in_force.items()}

    @property
    def faults(self) -> list[str]:
        """What went wrong, the newest last."""
        return [*self._shelf.faults, *self._faults]

    @property
    def lacking(self) -> bool:
        """Whether the disk did not take a table."""
        return any(held.failed for held in self._in_force.values())

    def as_of(self, number: Table) -> int | None:
        """The UTC second at which the server had nothing newer; None while nothing of the table was heard."""
        held = self._in_force[number]
        return held.as_of if held.table.version else None

    def take(self, header: Header, change: TableChange) -> None:
        """The change is in force. Raises `WrongBase`, `GoesBack`: then it is not, and nothing is changed."""
        held = self._in_force[header.table]
        try:
            held.table = held.table.apply(change)
        except WrongBase:
            held.stranded = True
            raise
        held.as_of = max(held.as_of, header.issued_at)
        held.changes += 1

    def confirm(self, newest: Mapping[int, int], at: int) -> None:
        """An acknowledgement of UTC second `at` named these versions as the newest."""
        for number, held in self._in_force.items():
            if newest.get(number, 0) <= held.table.version:
                held.as_of = max(held.as_of, at)

    def tell(self, fault: str) -> None:
        """Add to the `faults`, once."""
        if fault not in self._faults:
            del self._faults[: 1 - _FAULTS]
            self._faults.append(fault)

    def keep(self, now: float) -> bool:
        """For idle time: keep one table that is due; whether one was."""
        for number, held in self._in_force.items():
            if self._is_due(number, held, now):
                self._keep(number, held, now)
                return True
        return False

    def _is_due(self, number: Table, held: _InForce, now: float) -> bool:
        kept = self._shelf.version(number)
        if held.table.version <= kept:
            return False
        if held.failed:
            return now >= held.keep_at
        return kept == 0 or held.stranded or held.changes >= KEEP_CHANGES or now >= held.keep_at

    def _keep(self, number: Table, held: _InForce, now: float) -> None:
        try:
            self._shelf.put(number, Kept(held.table, held.as_of))
        except NotKept as error:
            held.failed, held.keep_at = True, now + AGAIN_SECONDS
            self.tell(f"{table_name(number)} version {held.table.version} is in force and not kept: {error}")
            return
        held.failed, held.changes, held.stranded = False, 0, False
        held.keep_at = now + KEEP_SECONDS

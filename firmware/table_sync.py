"""Whether this terminal is in step with the server's hotlist and state table (P-R22). Pure, told by the journal alone.

An acknowledgement names the versions that were the newest when it was made (ACK). Once each of them is in force here
(APPLIED) the terminal is in step: what it takes from a card offline is counted anew from there. So a restart, with
a checkpoint or without, knows what was known before it.

A version in force may fall when a table was lost; APPLIED tells that too. Version 0 is never awaited: a server that has
no such table names none, and each of its acknowledgements counts as a table sync.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from onecard.downlink import Table
from onecard.packed_forms import FORMS
from onecard.records import Ack, Applied, Record


@dataclass(slots=True)
class TableSync:
    """Versions by table: in force, and awaited since the newest acknowledgement."""

    in_force: dict[Table, int] = field(default_factory=dict)
    awaited: dict[Table, int] = field(default_factory=dict)

    def note(self, record: Record) -> bool:
        """Take in one journal record, in journal order; whether it brings this terminal into step."""
        match record:
            case Ack():
                named = {Table.HOTLIST: record.hotlist, Table.STATE: record.state}
                self.awaited = {table: version for table, version in named.items() if version}
            case Applied() if record.table in FORMS:
                self._come_into_force(Table(record.table), record.version)
                if not self.awaited:
                    return False
            case _:
                return False
        if any(self.in_force.get(table, 0) < version for table, version in self.awaited.items()):
            return False
        self.awaited.clear()
        return True

    def _come_into_force(self, table: Table, version: int) -> None:
        if version:
            self.in_force[table] = version
        else:
            self.in_force.pop(table, None)

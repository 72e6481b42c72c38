"""Everything a terminal knows from its journal, fed by one path: each entry at the start, each record written since."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from firmware.backlog import Backlog
from firmware.purse_memory import PurseMemory
from firmware.shift import ShiftBook
from onecard.downlink import Table
from onecard.journal import Entry
from onecard.records import Ack, Applied, Gap, Record, RecordKind, Shift, decode_record


class Books:
    """Purses, shift, backlog, table versions and the latest time."""

    def __init__(self, memory: PurseMemory) -> None:
        self.memory = memory
        self.shift = ShiftBook()
        self.backlog = Backlog()
        self.applied: dict[Table, int] = {}
        self.last_at = 0
        self.last_kind = RecordKind.BOOT
        self.safe = (0, b"")  # as acknowledged last: sequence and its chain tag
        self._kept: dict[str, int] = {}  # the newest record of each thing that only the journal remembers
        self.gaps: set[tuple[int, int]] = set()  # told by a GAP record: first and last sequence

    @classmethod
    def from_entries(cls, memory: PurseMemory, entries: Iterable[Entry]) -> Books:
        """The books of a journal, `memory` among them; behind a hole nothing is known of what was open before it.

        Raises `records.BadRecord`.
        """
        books = cls(memory)
        before = 0
        for entry in entries:
            record, sequence = decode_record(entry.kind, entry.payload), entry.name.sequence
            if before and sequence != before + 1:
                memory.lose_track()
            memory.note(sequence, record)
            books.note(sequence, record)
            before = sequence
        return books

    def listener(self, next_sequence: Callable[[], int]) -> Callable[[Record], None]:
        """What a logbook tells of each record after it wrote it (and told the memory)."""
        return lambda record: self.note(next_sequence() - 1, record)

    def note(self, sequence: int, record: Record) -> None:
        """Take in one journal record, in journal order; the memory of purses is told by its own path."""
        self.shift.note(sequence, record)
        self.backlog.note(sequence, record)
        self.last_at = max(self.last_at, record.at)
        self.last_kind = record.KIND
        if isinstance(record, Gap):
            self.gaps.add((record.first, record.last))
        if isinstance(record, Ack):
            self.safe = record.safe, record.safe_tag
        if isinstance(record, Shift):
            self._kept["shift"] = min(sequence, self._kept.get("shift", sequence)) if not record.opened else sequence
        if isinstance(record, Applied):
            self._kept[Table(record.table).name] = sequence
            table = Table(record.table)
            self.applied[table] = max(self.applied.get(table, 0), record.version)

    @property
    def needed_from(self) -> int | None:
        """The oldest record that a start must still find: the newest shift's opening, what is unresolved (P-R7), each
        table's newest version. None when there is none."""
        unresolved = self.memory.oldest_unresolved
        return min([*self._kept.values(), *([] if unresolved is None else [unresolved])], default=None)

    def applied_until(self, sequence: int) -> list[Applied]:
        """The table versions in force that only records up to `sequence` tell; the time in them is to be set."""
        tables = [table for table in self.applied if self._kept.get(table.name, sequence + 1) <= sequence]
        return [Applied(self.last_at, table, self.applied[table]) for table in tables]

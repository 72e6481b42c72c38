"""Everything a terminal knows from its journal, fed by one path: each entry at the start, each record written since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from firmware.backlog import Backlog
from firmware.purse_memory import PurseMemory
from firmware.shift import ShiftBook
from onecard.downlink import Table
from onecard.journal import Entry
from onecard.records import Ack, Applied, Gap, Record, RecordKind, decode_record


@dataclass(slots=True)
class Books:
    """Purses, shift, backlog, table versions and the latest time, through the record `sequence` (0: none yet).

    What is told here and not found in the journal's newest records alone must be in a checkpoint (`checkpoint`).
    """

    memory: PurseMemory
    sequence: int = 0
    shift: ShiftBook = field(default_factory=ShiftBook)
    backlog: Backlog = field(default_factory=Backlog)
    applied: dict[Table, int] = field(default_factory=dict)
    last_at: int = 0
    last_kind: RecordKind = RecordKind.BOOT
    safe: tuple[int, bytes] = (0, b"")  # as acknowledged last: sequence and its chain tag
    gaps: set[tuple[int, int]] = field(default_factory=set)  # told by a GAP record: first and last sequence

    def replay(self, entries: Iterable[Entry]) -> None:
        """Take in what follows in the journal; behind a hole nothing is known of what was open before it.

        Raises `records.BadRecord`.
        """
        for entry in entries:
            record, sequence = decode_record(entry.kind, entry.payload), entry.name.sequence
            if self.sequence and sequence != self.sequence + 1:
                self.memory.lose_track()
            self.memory.note(sequence, record)
            self.note(sequence, record)

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
        if isinstance(record, Applied):
            table = Table(record.table)
            self.applied[table] = max(self.applied.get(table, 0), record.version)
        self.sequence = sequence  # last: books whose record was cut short are not at the journal's head

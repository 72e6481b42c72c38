"""The tables that a generation's frames add up to. Writes nothing."""

from __future__ import annotations

from pathlib import Path

from onecard.journal.check import check_journal
from onecard.journal.disk import Disk, OsDisk
from onecard.journal.errors import BrokenChain, JournalDamage
from onecard.journal.frame import first_tag
from onecard.journal.header import HEADER_SIZE, Cause
from onecard.journal.mutable_change import BadChange, ChangeKind, Operations
from onecard.journal.mutable_state import TableState
from onecard.journal.scan import chained_frames, torn_size
from onecard.journal.segment import Segment, load_image, read_segments


class BadTables(JournalDamage):
    """A whole frame that says nothing about tables, or contradicts those before it."""


def read_tables(directory: Path, key: bytes | None, *, disk: Disk | None = None) -> TableState:
    """The tables in `directory` as they are durable now; another process may be writing them.

    `key` is `tables_key` of the chain key; without it the tags are not proved. Raises `NoJournal`, `JournalDamage`,
    `UnreadableJournal`, `UnsupportedVersion`.
    """
    disk = disk or OsDisk()
    prove_beginning(disk, directory, key)
    damage = check_journal(directory, key, disk=disk).damage
    if damage:
        raise damage[0]
    state, _ = replay(disk, read_segments(disk, directory)[-1])
    return state


def prove_beginning(disk: Disk, directory: Path, key: bytes | None) -> None:
    """That the newest generation's snapshot is whole, before recovery takes a hole in it for a torn tail.

    It was on the medium before the file had its name. The first generation begins with nothing instead, under a tag
    that only these tables have. Raises `CorruptMiddle`, `BrokenChain`, `NoJournal`, `BadHeader`.
    """
    segment = read_segments(disk, directory)[-1]
    header = segment.header
    if header.cause is Cause.MADE:
        if key is not None and header.previous_tag != first_tag(key, header.terminal):
            raise BrokenChain(segment.file, HEADER_SIZE, header.first_sequence)
        return
    image = load_image(disk, segment)
    sequence, end = header.first_sequence, HEADER_SIZE
    for frame in chained_frames(segment, image, key):
        if frame.kind == ChangeKind.SNAPSHOT:
            return
        sequence, end = frame.sequence + 1, frame.end
    torn_size(segment, image, end, sequence, sequence)


def replay(disk: Disk, segment: Segment) -> tuple[TableState, bool]:
    """The state of the generation, and whether its last operation is whole; one cut short does not count.

    Raises `BadTables`.
    """
    state, operations = TableState(), Operations()
    for frame in chained_frames(segment, load_image(disk, segment), None):
        try:
            state.apply(operations.add(frame.kind, frame.payload) or ())
        except BadChange as error:
            raise BadTables(segment.file, frame.offset, f"frame {frame.sequence}: {error}") from error
    return state, not operations.unfinished

"""The terminal's journal, as the daemon reads it: runs to send, tags to compare. Writes nothing.

Runs come up to the durable mark only. A tag is also looked for beyond it: after a power cut the mark may claim less
than is on the medium (see `onecard.journal.mark`), and a record the server already has is no stranger for that.

A backlog is walked once, from run to run, with one segment in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from onecard.bundle import NO_TAG, Run
from onecard.errors import OnecardError
from onecard.identity import TerminalNumber
from onecard.journal import DurableMark, Entry, JournalDamage, JournalReader, Missing, NoJournal
from onecard.journal.disk import Disk, OsDisk
from onecard.journal.frame import MAX_PAYLOAD
from onecard.journal.segment import read_segments
from onecard.records import BadRecord, decode_record
from sync_daemon.protocol import Offer

_ENTRY_OVERHEAD = 5  # kind, and the head of a payload of at most 4096 bytes


class JournalOfAnother(OnecardError):
    """The journal and the identity beside it name different terminals."""

    def __init__(self, directory: Path, found: int, expected: int) -> None:
        self.directory = directory
        super().__init__(
            f"the journal in {directory} is of terminal {found}, the identity beside it of terminal {expected}: "
            "one of them was copied here; keep both, call the centre"
        )


@dataclass(slots=True)
class _Walk:
    """A walk in progress: the entries still to come, up to `last`; the next one's sequence, the tag before it."""

    entries: Iterator[Entry]
    next: int
    tag_before: bytes
    last: int


class OwnJournal:
    """A `standing.Chain` and a source of runs. Until the firmware has made the journal it is empty."""

    def __init__(self, directory: Path, terminal: TerminalNumber, *, disk: Disk | None = None) -> None:
        """`disk` is what the journal lies on, the system's by default."""
        self._directory = directory
        self._terminal = terminal
        self._disk = disk or OsDisk()
        self._reader: JournalReader | None = None
        self._walk: _Walk | None = None
        self._lost: list[Missing] = []

    def mark(self) -> DurableMark | None:
        """The durable mark, None when there is none yet. Raises `JournalError`, `JournalOfAnother`."""
        reader = self._open()
        return None if reader is None else reader.durable

    @property
    def oldest(self) -> int:
        """Sequence of the oldest record kept. Raises `JournalError`."""
        return 1 if self._open() is None else self._beginning()[0]

    def tag(self, sequence: int) -> bytes | None:
        """The chain tag at `sequence`, None beyond the end. Raises `JournalError`."""
        if self._walk is not None and sequence == self._walk.next - 1:
            return self._walk.tag_before
        reader = self._open()
        if reader is None:
            return None
        oldest, tag_before_oldest = self._beginning()
        if sequence == oldest - 1:
            return tag_before_oldest
        mark = reader.durable
        if mark is not None and sequence <= mark.name.sequence:
            if sequence == mark.name.sequence:
                return mark.tag
            found = next(reader.entries(sequence, missing=lambda _: None), None)
            return None if found is None or found.name.sequence != sequence else found.tag
        try:
            found = next(reader.all_entries(sequence), None)
        except JournalDamage:
            return None  # beyond the mark the writer may be at work: what does not read there is not there yet
        return None if found is None or found.name.sequence != sequence else found.tag

    def cut(self, offer: Offer) -> Run:
        """The run of an offer, its status left empty; without records when there are none to offer.

        Over records that are lost, and told by a GAP record, it goes on behind them, the first one there alone when no
        tag leads to it (`Run.unproved`). Other damage is raised only when nothing before it is left to send. Raises
        `JournalError`.
        """
        mark = self.mark()
        if mark is None:
            return Run(self._terminal, offer.first, 0, NO_TAG, (), NO_TAG, offer.have, ())
        if not offer.backlog:
            sequence, epoch, tag = mark.name.sequence, mark.name.epoch, mark.tag
            return Run(self._terminal, sequence + 1, epoch, tag, (), tag, offer.have, ())
        tag_before, taken = self._take(offer)
        return Run(
            terminal=self._terminal,
            first_sequence=taken[0].name.sequence,
            epoch=taken[0].name.epoch,
            previous_tag=tag_before,
            entries=tuple((entry.kind, entry.payload) for entry in taken),
            last_tag=taken[-1].tag,
            have=offer.have,
            status=(),
        )

    def room_per_mille(self) -> int:
        """What the journal has left, as the terminal's screen tells it. Raises `JournalError`."""
        reader = self._open()
        return 1000 if reader is None else reader.room.left_per_mille

    def _take(self, offer: Offer) -> tuple[bytes, list[Entry]]:
        """The tag before, and one bundle's entries: at least one."""
        walk = self._walk_from(max(offer.first, self.oldest))
        self._walk = None  # until it is known to have gone well
        tag_before = walk.tag_before
        taken: list[Entry] = []
        size = 0
        while walk.next <= min(offer.last, walk.last) and len(taken) < offer.records_limit:
            if size + MAX_PAYLOAD + _ENTRY_OVERHEAD > offer.bytes_limit:
                break
            try:
                entry = next(walk.entries, None)
            except JournalDamage:
                if not taken:
                    raise
                return tag_before, taken
            if entry is None or entry.name.sequence != walk.next:  # lost records lie here: a run ends before them
                break
            taken.append(entry)
            size += len(entry.payload) + _ENTRY_OVERHEAD
            walk.next, walk.tag_before = entry.name.sequence + 1, entry.tag
            if tag_before == NO_TAG:
                break
        if not taken:
            raise self._lost[0].damage
        self._walk = walk if not self._lost else None  # over a hole each run begins anew
        return tag_before, taken

    def _walk_from(self, first: int) -> _Walk:
        walk = self._walk
        if walk is not None and walk.next == first <= walk.last:
            return walk
        reader = self._open()
        mark = None if reader is None else reader.durable
        assert reader is not None
        assert mark is not None
        oldest, before_oldest = self._beginning()
        heads = {s.header.first_sequence: s.header.previous_tag for s in read_segments(self._disk, self._directory)}
        self._lost.clear()
        entries = reader.entries(max(first - 1, oldest), missing=self._lost.append)
        tag = before_oldest if first == oldest else None
        for entry in entries:
            found = entry.name.sequence
            if found >= first and found in heads:
                tag, first = heads[found], found
            if found >= first:
                proof = tag if tag is not None and found == first else NO_TAG
                return _Walk(itertools.chain([entry], entries), found, proof, mark.name.sequence)
            tag, first = entry.tag, found + 1
        return _Walk(entries, first, tag or before_oldest, mark.name.sequence)

    def _beginning(self) -> tuple[int, bytes]:
        """Sequence of the oldest record, and the tag before it."""
        header = read_segments(self._disk, self._directory)[0].header
        return header.first_sequence, header.previous_tag

    def _open(self) -> JournalReader | None:
        if self._reader is None:
            try:
                reader = JournalReader(self._directory, disk=self._disk)
            except NoJournal:
                return None
            if reader.terminal != self._terminal:
                raise JournalOfAnother(self._directory, reader.terminal, self._terminal)
            self._reader = reader
        return self._reader


def recorded_at(kind: int, payload: bytes) -> int:
    """When a record says it was made, UTC seconds; 0 when it does not read."""
    try:
        return decode_record(kind, payload).at
    except BadRecord:
        return 0

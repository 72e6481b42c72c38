"""The journal's upkeep between taps: what rode along made durable, an idle run sealed, the next segment begun early,
the books told in a checkpoint, sealed segments scrubbed once a day, old ones recycled, the tables compacted, the packed
tables kept.

Never in a tap: the run loop calls it when the turn's work is done.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware.books import Books
from firmware.kept_tables import KeptTables
from firmware.logbook import Logbook
from firmware.packed_tables import PackedTables
from firmware.shelf import Shelf
from onecard.durable_file import NotKept
from onecard.journal import Journal, JournalFull, Missing
from onecard.kinds import ClockQuality
from onecard.records import RecordKind, Seal, decode_record

RIDE_SECONDS = 0.2
"""How long a record may ride along before it is flushed; with the run loop's longest pause that is 0.45 s at most."""
SEAL_SECONDS = 10.0
"""An idle run is closed by a SEAL, so that the record before it is vouched for by a later one."""
SCRUB_SECONDS = 86_400.0
RETENTION_SECONDS = 7 * 86_400
"""One courier cycle: younger records stay whatever the server says."""
RECYCLE_RATIO = 0.6
"""Space used from which old segments are recycled, below the first watermark: history stays while there is room."""
CHECKPOINT_RECORDS = 250
"""New records after which the next idle time writes a checkpoint: so many a start reads at most, if there is one."""
CHECKPOINT_SECONDS = 60.0
"""A checkpoint that was not kept is tried again after so long."""
_NOT_WORTH = frozenset({RecordKind.BOOT, RecordKind.ACK, RecordKind.APPLIED, RecordKind.SEAL})
"""Kinds whose loss would cost nothing: no SEAL is spent on them."""


class Upkeep:
    """Of one journal. Times are monotonic seconds."""

    def __init__(
        self, journal: Journal, log: Logbook, books: Books, *, tables: KeptTables, packed: PackedTables, shelf: Shelf
    ) -> None:
        self.trouble = ""
        """Why the last checkpoint was not kept; empty when it was."""
        self._journal = journal
        self._tables = tables
        self._packed = packed
        self._log = log
        self._books = books
        self._shelf = shelf
        self._checkpoint_at = float("-inf")
        self._riding_since: float | None = None
        self._last = 0
        self._moved_at = 0.0
        self._scrub: Iterator[list[Missing]] | None = None
        self._scrub_at = float("-inf")

    def turn(self, now: float) -> None:
        """What is due by time. Raises `JournalError`."""
        journal = self._journal
        if journal.next_sequence != self._last:
            self._last, self._moved_at = journal.next_sequence, now
        if journal.undurable == 0:
            self._riding_since = None
        elif self._riding_since is None:
            self._riding_since = now
        elif now - self._riding_since >= RIDE_SECONDS:
            self.flush()
        if now - self._moved_at >= SEAL_SECONDS and self._books.last_kind not in _NOT_WORTH:
            self._seal()
            self._last = journal.next_sequence

    def flush(self) -> None:
        """Everything durable now: the power fails, or the records waited long enough. Raises `JournalError`."""
        self._journal.flush()
        self._riding_since = None

    def checkpoint(self) -> None:
        """The books as they stand onto the shelf, after a flush: only what is durable is told there. Books that are not
        at the journal's head were cut short, and are not told. Raises `JournalError`."""
        self.flush()
        sequence, tag = self._journal.head
        if sequence != self._books.sequence or sequence <= self._shelf.newest_sequence:
            return
        try:
            self._shelf.put(self._books, tag)
        except NotKept as error:
            self.trouble = str(error)
        else:
            self.trouble = ""

    def chores(self, now: float) -> None:
        """What has time: the next segment begun early; in idle time a packed table, a checkpoint, one step of the
        scrub, or of retention. Raises `JournalError`."""
        self._journal.prepare()
        if now - self._moved_at < SEAL_SECONDS:
            return
        self._tables.compact()
        if self._packed.keep(now):
            return
        if now >= self._checkpoint_at and self._checkpoint_is_due():
            self._checkpoint_at = now + CHECKPOINT_SECONDS
            self.checkpoint()
            return
        if self._scrub is None and now >= self._scrub_at:
            self._scrub, self._scrub_at = self._journal.care.scrub(self._books.safe[0] + 1), now + SCRUB_SECONDS
        if self._scrub is not None:
            lost = next(self._scrub, None)
            if lost is None:
                self._scrub = None
            self._log.tell_gaps(lost or (), self._books.gaps)
        elif not self._journal.care.recycle() and self._journal.room.used_ratio >= RECYCLE_RATIO:
            self._release()

    def _checkpoint_is_due(self) -> bool:
        """After enough records, or when only the checkpoints hold the oldest segment back."""
        new = self._books.sequence - self._shelf.newest_sequence
        end = self._journal.care.oldest_end
        if new >= CHECKPOINT_RECORDS or end is None or self._journal.room.used_ratio < RECYCLE_RATIO:
            return new >= CHECKPOINT_RECORDS
        return new > 0 and end >= self._shelf.held_from

    def _release(self) -> None:
        care, now = self._journal.care, self._log.clock.now()
        end = care.oldest_end
        if end is None or now.quality is ClockQuality.UNKNOWN:
            return
        oldest_kept = now.at - RETENTION_SECONDS
        care.release(
            *self._books.safe,
            below=self._shelf.held_from,
            is_old=lambda entry: decode_record(entry.kind, entry.payload).at < oldest_kept,
        )

    def _seal(self) -> None:
        try:
            self._log.write(Seal(at=self._log.clock.now().at), durable=True)
        except JournalFull:
            return  # then nothing is sold either, and the record before is as durable as it was

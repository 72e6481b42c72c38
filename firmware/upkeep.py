"""The journal's upkeep between taps: what rode along made durable, an idle run sealed, the next segment begun early,
sealed segments scrubbed once a day, old ones recycled, the tables compacted.

Never in a tap: the run loop calls it when the turn's work is done.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware.books import Books
from firmware.kept_tables import KeptTables
from firmware.logbook import Logbook
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
_NOT_WORTH = frozenset({RecordKind.BOOT, RecordKind.ACK, RecordKind.APPLIED, RecordKind.SEAL})
"""Kinds whose loss would cost nothing: no SEAL is spent on them."""


class Upkeep:
    """Of one journal. Times are monotonic seconds."""

    def __init__(self, journal: Journal, log: Logbook, books: Books, tables: KeptTables) -> None:
        self._journal = journal
        self._tables = tables
        self._log = log
        self._books = books
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

    def chores(self, now: float) -> None:
        """What has time: the next segment begun early; in idle time one step of the scrub, or of retention. Raises
        `JournalError`."""
        self._journal.prepare()
        if now - self._moved_at < SEAL_SECONDS:
            return
        self._tables.compact()
        if self._scrub is None and now >= self._scrub_at:
            self._scrub, self._scrub_at = self._journal.care.scrub(self._books.safe[0] + 1), now + SCRUB_SECONDS
        if self._scrub is not None:
            lost = next(self._scrub, None)
            if lost is None:
                self._scrub = None
            self._log.tell_gaps(lost or (), self._books.gaps)
        elif not self._journal.care.recycle() and self._journal.room.used_ratio >= RECYCLE_RATIO:
            self._release()

    def _release(self) -> None:
        care, books, now = self._journal.care, self._books, self._log.clock.now()
        end = care.oldest_end
        if end is None or now.quality is ClockQuality.UNKNOWN:
            return
        for applied in books.applied_until(end):  # said again, so that it outlives its segment
            self._log.write(applied, durable=True)
        needed = books.needed_from
        oldest_kept = now.at - RETENTION_SECONDS
        care.release(
            *books.safe,
            below=self._journal.next_sequence if needed is None else needed,
            is_old=lambda entry: decode_record(entry.kind, entry.payload).at < oldest_kept,
        )

    def _seal(self) -> None:
        try:
            self._log.write(Seal(at=self._log.clock.now().at), durable=True)
        except JournalFull:
            return  # then nothing is sold either, and the record before is as durable as it was

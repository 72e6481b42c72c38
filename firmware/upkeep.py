"""The journal's upkeep between taps: what rode along made durable, an idle run sealed, the next segment begun early.

Never in a tap: the run loop calls it when the turn's work is done.
"""

from __future__ import annotations

from firmware.books import Books
from firmware.logbook import Logbook
from onecard.journal import Journal, JournalFull
from onecard.records import RecordKind, Seal

RIDE_SECONDS = 0.2
"""How long a record may ride along before it is flushed; with the run loop's longest pause that is 0.45 s at most."""
SEAL_SECONDS = 10.0
"""An idle run is closed by a SEAL, so that the record before it is vouched for by a later one."""
_NOT_WORTH = frozenset({RecordKind.BOOT, RecordKind.ACK, RecordKind.APPLIED, RecordKind.SEAL})
"""Kinds whose loss would cost nothing: no SEAL is spent on them."""


class Upkeep:
    """Of one journal. Times are monotonic seconds."""

    def __init__(self, journal: Journal, log: Logbook, books: Books) -> None:
        self._journal = journal
        self._log = log
        self._books = books
        self._riding_since: float | None = None
        self._last = 0
        self._moved_at = 0.0

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

    def chores(self) -> None:
        """What has time. Raises `JournalError`."""
        self._journal.prepare()

    def _seal(self) -> None:
        try:
            self._log.write(Seal(at=self._log.clock.now().at), durable=True)
        except JournalFull:
            return  # then nothing is sold either, and the record before is as durable as it was

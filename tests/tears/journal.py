"""A journal in memory behind `firmware.logbook.RecordLog`, with a power cut at any record.

After a cut the medium holds everything that was durable and any prefix of what was not (docs/journal-proof.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from onecard.identity import RecordName, TerminalNumber
from tests.tears.choices import Choices
from tests.tears.cuts import PowerCutError


class Entry(NamedTuple):
    """One record: kind and payload as in a frame; its sequence is its place, from 1."""

    kind: int
    payload: bytes


class MemoryJournal:
    """Entries, how many of them are durable, and the moment in which the power fails (0: in none)."""

    def __init__(self, terminal: int, entries: Sequence[Entry], durable: int, choices: Choices, fails_at: int) -> None:
        self.entries = list(entries)
        self.durable = durable
        self.appended: list[int] = []
        """The moments in which records were appended."""
        self._terminal = TerminalNumber(terminal)
        self._choices = choices
        self._fails_at = fails_at

    @property
    def next_sequence(self) -> int:
        return len(self.entries) + 1

    def append(self, kind: int, payload: bytes, *, durable: bool) -> RecordName:
        self._choices.moment += 1
        self.appended.append(self._choices.moment)
        self.entries.append(Entry(int(kind), payload))
        if self._choices.moment == self._fails_at:
            raise PowerCutError
        if durable:
            self.durable = len(self.entries)
        return RecordName(self._terminal, 1, len(self.entries))

"""What the server does not have yet: how much, how old, how much money (P-R22). Pure; told every journal record.

ACK records are not worth another acknowledgement: journaling one for a backlog of nothing but ACK records would make
the next, for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from firmware.purse_memory import SALES
from onecard.kinds import Purpose
from onecard.records import Ack, Intent, Record, RecordKind

_NOT_WORTH = frozenset({RecordKind.ACK, RecordKind.SEAL})


class _Unsent(NamedTuple):
    sequence: int
    at: int
    fen: int
    worth: bool


class Backlog:
    """The records above the newest acknowledgement."""

    def __init__(self) -> None:
        self.received = 0
        self.generation = 0
        self._unsent: deque[_Unsent] = deque()
        self._fen = 0

    @property
    def count(self) -> int:
        """Records that the server has not acknowledged."""
        return len(self._unsent)

    @property
    def fen(self) -> int:
        """What the sales among them may have taken."""
        return self._fen

    @property
    def oldest_at(self) -> int | None:
        """When the oldest of them that matters was written, UTC seconds; None when none does."""
        return next((unsent.at for unsent in self._unsent if unsent.worth), None)

    def note(self, sequence: int, record: Record) -> None:
        """Take in one journal record, in journal order."""
        sale = isinstance(record, Intent) and Purpose(record.purpose) in SALES
        fen = record.amount if isinstance(record, Intent) and sale else 0
        worth = record.KIND not in _NOT_WORTH
        self._unsent.append(_Unsent(sequence, record.at, fen, worth))
        self._fen += fen
        if isinstance(record, Ack) and record.generation >= self.generation:
            self.generation = record.generation
            self.acknowledged(record.received)

    def is_news(self, received: int) -> bool:
        """Whether an acknowledgement up to `received` covers a record that matters and was not covered before."""
        first = next((unsent.sequence for unsent in self._unsent if unsent.worth), None)
        return first is not None and first <= received

    def recount(self, received: int, generation: int, records: Iterable[tuple[int, Record]]) -> None:
        """The server, put back, says in a new generation that it has less; `records` are all those above `received`."""
        assert generation > self.generation
        self.generation = generation  # so that acknowledgements of the generation before count no more
        self._unsent.clear()
        self._fen = 0
        for sequence, record in records:
            self.note(sequence, record)
        self.received = received

    def acknowledged(self, received: int) -> None:
        """The server has everything up to `received`."""
        self.received = max(self.received, received)
        while self._unsent and self._unsent[0].sequence <= received:
            gone = self._unsent.popleft()
            self._fen -= gone.fen

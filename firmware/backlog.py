"""What the server does not have yet: how much, how old, how much money (P-R22). Pure; told every journal record.

ACK records are not worth another acknowledgement: journaling one for a backlog of nothing but ACK records would make
the next, for ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from firmware.purse_memory import SALES
from onecard.kinds import Purpose
from onecard.records import Ack, Intent, Record, RecordKind

_NOT_WORTH = frozenset({RecordKind.ACK, RecordKind.SEAL})


class Unsent(NamedTuple):
    """A record above the newest acknowledgement: its fen if it is a sale, and whether it is worth one."""

    sequence: int
    at: int
    fen: int
    worth: bool


@dataclass(slots=True)
class Backlog:
    """The records above the newest acknowledgement, which said `received` in the server's `generation`; `fen` is what
    the sales among them may have taken."""

    received: int = 0
    generation: int = 0
    unsent: deque[Unsent] = field(default_factory=deque)
    fen: int = 0

    @property
    def count(self) -> int:
        """Records that the server has not acknowledged."""
        return len(self.unsent)

    @property
    def oldest_at(self) -> int | None:
        """When the oldest of them that matters was written, UTC seconds; None when none does."""
        return next((unsent.at for unsent in self.unsent if unsent.worth), None)

    def note(self, sequence: int, record: Record) -> None:
        """Take in one journal record, in journal order."""
        sale = isinstance(record, Intent) and Purpose(record.purpose) in SALES
        fen = record.amount if isinstance(record, Intent) and sale else 0
        worth = record.KIND not in _NOT_WORTH
        self.unsent.append(Unsent(sequence, record.at, fen, worth))
        self.fen += fen
        if isinstance(record, Ack) and record.generation >= self.generation:
            self.generation = record.generation
            self.acknowledged(record.received)

    def is_news(self, received: int) -> bool:
        """Whether an acknowledgement up to `received` covers a record that matters and was not covered before."""
        first = next((unsent.sequence for unsent in self.unsent if unsent.worth), None)
        return first is not None and first <= received

    def recount(self, received: int, generation: int, records: Iterable[tuple[int, Record]]) -> None:
        """The server, put back, says in a new generation that it has less; `records` are all those above `received`."""
        assert generation > self.generation
        self.generation = generation  # so that acknowledgements of the generation before count no more
        self.unsent.clear()
        self.fen = 0
        for sequence, record in records:
            self.note(sequence, record)
        self.received = received

    def acknowledged(self, received: int) -> None:
        """The server has everything up to `received`."""
        self.received = max(self.received, received)
        while self.unsent and self.unsent[0].sequence <= received:
            gone = self.unsent.popleft()
            self.fen -= gone.fen

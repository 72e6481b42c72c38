"""The terminal's way into its journal: append a record, and at once remember what it means.

`Shop` is who is at the till now; its fields go into every record. Nothing else appends money records, so that the
memory of purses never knows more, or less, than the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Protocol

from firmware.purse_memory import PurseMemory
from onecard.clock import Clock
from onecard.identity import CardNumber, DayNumber, RecordName
from onecard.journal import Missing
from onecard.kinds import Outcome
from onecard.records import Gap, OutcomeRecord, Record, Seal, encode_record


class RecordLog(Protocol):
    """What the logbook needs of a journal; `onecard.journal.Journal` is it."""

    @property
    def next_sequence(self) -> int:
        """The sequence the next record will get."""
        ...

    def append(self, kind: int, payload: bytes, *, durable: bool) -> RecordName:
        """Append a record; with `durable`, return only when it is safe from a power cut."""
        ...


@dataclass(frozen=True, slots=True)
class Shop:
    """The open shift, its business day, and who is signed on; zeros before the first sign-on."""

    shift: int
    business_day: DayNumber
    operator: CardNumber


CLOSED_SHOP = Shop(0, DayNumber(0), CardNumber(0))


class Logbook:
    """Journal, memory, clock and shop together."""

    def __init__(
        self,
        journal: RecordLog,
        memory: PurseMemory,
        clock: Clock,
        heard: Callable[[Record], None] = lambda record: None,
    ) -> None:
        """`heard` is told every record written, after it is in the journal (the shift's totals listen)."""
        self.memory = memory
        self.clock = clock
        self.shop = CLOSED_SHOP
        self._journal = journal
        self._heard = heard

    @property
    def next_sequence(self) -> int:
        """The sequence the next record will get."""
        return self._journal.next_sequence

    def write(self, record: Record, *, durable: bool) -> int:
        """Append, remember, tell; returns the record's sequence."""
        kind, payload = encode_record(record)
        sequence = self._journal.append(kind, payload, durable=durable).sequence
        self.memory.note(sequence, record)
        self._heard(record)
        return sequence

    def conclude(self, intent: int, outcome: Outcome, *, durable: bool) -> None:
        """Append the final word on the intent with that sequence."""
        self.write(OutcomeRecord(intent=intent, outcome=outcome, at=self.clock.now().at), durable=durable)

    def close_unfinished(self) -> None:
        """At a start: null records that never got a final word are ABANDONED; nothing hangs on them."""
        for sequence in self.memory.unfinished():
            self.conclude(sequence, Outcome.ABANDONED, durable=False)

    def tell_gaps(self, lost: Iterable[Missing], told: Container[tuple[int, int]]) -> None:
        """A durable GAP record for each run of lost records that is not told yet: the server opens a case on it."""
        for run in lost:
            if (run.first, run.last) not in told:
                self.write(Gap(self.clock.now().at, run.first, run.last, run.reason), durable=True)

    def skip_to(self, sequence: int) -> None:
        """Use up sequences before `sequence` (P-R7), each by an empty record, so that the chain has no hole."""
        while self._journal.next_sequence < sequence:
            self.write(Seal(at=self.clock.now().at), durable=False)

"""A terminal's power, which may fail at named points of a tap."""

from __future__ import annotations

from collections.abc import Callable

from firmware.logbook import Logbook, RecordLog
from firmware.purse_memory import PurseMemory
from onecard.clock import Clock
from onecard.records import Record, RecordKind

BEFORE_INTENT = "before the INTENT"
INTENT_UNFLUSHED = "INTENT written, not flushed"
AFTER_INTENT = "after the INTENT"
CARD_WRITE = "in the card's write"
BEFORE_OUTCOME = "after the card's write, before the OUTCOME"
OUTCOME_UNFLUSHED = "OUTCOME written, not flushed"
AFTER_OUTCOME = "after the OUTCOME, before it is shown"
POINTS = (
    BEFORE_INTENT,
    INTENT_UNFLUSHED,
    AFTER_INTENT,
    CARD_WRITE,
    BEFORE_OUTCOME,
    OUTCOME_UNFLUSHED,
    AFTER_OUTCOME,
)

_BEFORE = {RecordKind.INTENT: BEFORE_INTENT, RecordKind.OUTCOME: BEFORE_OUTCOME}
_UNFLUSHED = {RecordKind.INTENT: INTENT_UNFLUSHED, RecordKind.OUTCOME: OUTCOME_UNFLUSHED}
_AFTER = {RecordKind.INTENT: AFTER_INTENT, RecordKind.OUTCOME: AFTER_OUTCOME}


class PowerCutError(BaseException):
    """The power fails: no code of the terminal's goes on from here."""


class Power:
    """Where it fails next."""

    __slots__ = ("armed", "writing")

    def __init__(self) -> None:
        self.armed = ""
        self.writing: RecordKind | None = None

    def at(self, point: str) -> None:
        """The terminal reaches a point. Raises `PowerCutError` when the power fails there."""
        if self.armed and point == self.armed:
            self.armed = ""
            raise PowerCutError

    def flushing(self) -> None:
        """A flush of the journal begins."""
        if self.armed and self.writing in _UNFLUSHED:
            self.at(_UNFLUSHED[self.writing])


class PoweredLogbook(Logbook):
    """The product's logbook, on a terminal whose power may fail between two records."""

    def __init__(
        self, journal: RecordLog, memory: PurseMemory, clock: Clock, heard: Callable[[Record], None], power: Power
    ) -> None:
        super().__init__(journal, memory, clock, heard)
        self._power = power

    def write(self, record: Record, *, durable: bool) -> int:
        power, kind = self._power, record.KIND
        if not power.armed or kind not in _BEFORE:
            return super().write(record, durable=durable)
        power.at(_BEFORE[kind])
        power.writing = kind
        sequence = super().write(record, durable=durable)
        power.writing = None
        power.at(_AFTER[kind])
        return sequence

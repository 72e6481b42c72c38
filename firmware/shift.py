"""Shifts: who is signed on, for which business day, and what was done in it. Pure; told every journal record.

The totals are a fold over the journal and nothing else, so a restart finds them as they were. A sale counts in the
shift during which it ended; a doubt is settled before a shift can close, so that is the shift that began it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from firmware.logbook import CLOSED_SHOP, Shop
from firmware.purse_memory import SALES
from onecard.clock import Instant, business_day
from onecard.identity import CardNumber, DayNumber, day_number
from onecard.kinds import Outcome, Purpose
from onecard.records import Decline, Intent, OutcomeRecord, Record, Shift


@dataclass(frozen=True, slots=True)
class Totals:
    """What a shift did; amounts in fen. A free entry is a paid sale of nothing."""

    paid_count: int = 0
    paid_fen: int = 0
    abandoned_count: int = 0
    abandoned_fen: int = 0
    declined_count: int = 0


@dataclass(slots=True)
class ShiftBook:
    """The newest shift of a journal: its number, open or closed, 0 before the first; who is signed on; its totals; the
    amount in fen of each sale that has no final word, by its intent's sequence."""

    number: int = 0
    shop: Shop = CLOSED_SHOP
    totals: Totals = Totals()
    pending: dict[int, int] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether somebody is signed on."""
        return self.shop != CLOSED_SHOP

    def note(self, sequence: int, record: Record) -> None:
        """Take in one journal record, in journal order."""
        match record:
            case Shift(opened=1):
                self.number = record.shift
                self.shop = Shop(record.shift, DayNumber(record.business_day), CardNumber(record.operator))
                self.totals = Totals()
            case Shift():
                self.shop = CLOSED_SHOP
            case Intent() if Purpose(record.purpose) in SALES:
                self.pending[sequence] = record.amount
            case OutcomeRecord() if record.intent in self.pending:
                self._count(Outcome(record.outcome), self.pending.pop(record.intent))
            case Decline() if self.is_open:
                self.totals = replace(self.totals, declined_count=self.totals.declined_count + 1)
            case _:
                pass

    def opening(self, operator: CardNumber, now: Instant, cut_off_hour: int) -> Shift:
        """The record that opens the next shift; its business day is fixed here."""
        assert not self.is_open
        day = day_number(business_day(now, cut_off_hour))
        return _record(self.number + 1, day, operator, now, Totals(), opened=1)

    def closing(self, now: Instant) -> Shift:
        """The record that closes the open shift with its totals."""
        assert self.is_open
        return _record(self.shop.shift, self.shop.business_day, self.shop.operator, now, self.totals, opened=0)

    def _count(self, outcome: Outcome, amount: int) -> None:
        was = self.totals
        match outcome:
            case Outcome.PAID:
                self.totals = replace(was, paid_count=was.paid_count + 1, paid_fen=was.paid_fen + amount)
            case Outcome.ABANDONED:
                count = was.abandoned_count + 1
                self.totals = replace(was, abandoned_count=count, abandoned_fen=was.abandoned_fen + amount)
            case Outcome.ACKED | Outcome.UNSENT:
                pass


def _record(number: int, day: DayNumber, operator: CardNumber, now: Instant, totals: Totals, *, opened: int) -> Shift:
    return Shift(
        at=now.at,
        clock=now.quality,
        shift=number,
        business_day=day,
        operator=operator,
        opened=opened,
        paid_count=totals.paid_count,
        paid_fen=totals.paid_fen,
        abandoned_count=totals.abandoned_count,
        abandoned_fen=totals.abandoned_fen,
        declined_count=totals.declined_count,
    )

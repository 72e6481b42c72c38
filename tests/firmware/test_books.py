"""Shift, totals and backlog are a fold over the journal: before a restart and after it they are the same."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.backlog import Backlog
from firmware.logbook import CLOSED_SHOP
from firmware.shift import ShiftBook, Totals
from onecard.clock import Instant
from onecard.identity import CardNumber, DayNumber, day_date
from onecard.kinds import ClockQuality, DeclineReason, Outcome, Purpose
from onecard.records import Ack, Applied, Decline, Intent, OutcomeRecord, Record

_NOW = Instant(1_795_000_000, ClockQuality.TRUSTED)
_CASHIER = CardNumber(18)


def _intent(amount: int, purpose: Purpose = Purpose.SALE) -> Intent:
    return Intent(
        at=_NOW.at, clock=2, shift=1, business_day=1, operator=18, uid=bytes(4), card_number=26, purse=0,
        purpose=purpose, amount=amount, counter=3, debited=amount, base_slot=2, ring=bytes(48), copy=0,
        load_sequence=1, loaded=10_000, pays=0, list_price=amount, tier=1, film_class=1, time_slot=1, tickets=1,
        tariff_version=1,
    )  # fmt: skip


def _outcome(intent: int, outcome: Outcome) -> OutcomeRecord:
    return OutcomeRecord(intent=intent, outcome=outcome, at=_NOW.at)


def _decline() -> Decline:
    return Decline(_NOW.at, 2, 1, 1, 18, DeclineReason.TWO_CARDS, b"", 0, 0, 0, b"")


def _book(records: list[Record]) -> ShiftBook:
    book = ShiftBook()
    for sequence, record in enumerate(records, start=1):
        book.note(sequence, record)
    return book


def test_a_shift_fixes_its_business_day_by_the_cut_off_hour() -> None:
    before_cut_off = Instant(1_794_950_000, ClockQuality.TRUSTED)
    assert before_cut_off.local().hour == 5
    opening = ShiftBook().opening(_CASHIER, before_cut_off, cut_off_hour=6)
    assert day_date(DayNumber(opening.business_day)) < before_cut_off.local().date()


def test_totals_count_final_words_of_sales_and_nothing_else() -> None:
    records: list[Record] = [
        ShiftBook().opening(_CASHIER, _NOW, 6),
        _intent(3500),
        _outcome(2, Outcome.PAID),
        _intent(1000),
        _outcome(4, Outcome.ABANDONED),
        _intent(700),
        _outcome(6, Outcome.UNSENT),
        _intent(0, Purpose.SETTLE),
        _outcome(8, Outcome.ACKED),
        _intent(0, Purpose.FREE),
        _outcome(10, Outcome.PAID),
        _decline(),
        _intent(900),
    ]
    assert _book(records).totals == Totals(
        paid_count=2, paid_fen=3500, abandoned_count=1, abandoned_fen=1000, declined_count=1
    )


def test_a_closed_shift_keeps_its_totals_and_counts_no_more() -> None:
    book = _book([ShiftBook().opening(_CASHIER, _NOW, 6), _decline()])
    closing = book.closing(_NOW)
    book.note(3, closing)
    book.note(4, _decline())
    assert not book.is_open
    assert book.shop == CLOSED_SHOP
    assert book.totals.declined_count == closing.declined_count == 1
    assert book.opening(_CASHIER, _NOW, 6).shift == 2


@given(st.lists(st.sampled_from([None, *Outcome]), max_size=20))
def test_a_restart_finds_the_totals_as_they_were(words: list[Outcome | None]) -> None:
    records: list[Record] = [ShiftBook().opening(_CASHIER, _NOW, 6)]
    live = _book(records)
    for word in words:
        records.append(_intent(100))
        live.note(len(records), records[-1])
        if word is not None:
            records.append(_outcome(len(records), word))
            live.note(len(records), records[-1])
    rebuilt = _book(records)
    assert (rebuilt.totals, rebuilt.shop, rebuilt.number) == (live.totals, live.shop, live.number)
    assert rebuilt.totals.paid_count == words.count(Outcome.PAID)


def _ack(received: int, generation: int = 1) -> Ack:
    return Ack(_NOW.at, generation, received, received, bytes(8), 0, 0)


def _backlog(*records: Record) -> Backlog:
    backlog = Backlog()
    for sequence, record in enumerate(records, start=1):
        backlog.note(sequence, record)
    return backlog


def test_the_backlog_is_what_lies_above_the_acknowledgement() -> None:
    backlog = _backlog(_intent(500), _outcome(1, Outcome.PAID), _intent(300), _ack(2))
    assert (backlog.count, backlog.fen, backlog.oldest_at) == (2, 300, _NOW.at)


def test_a_null_record_is_no_money() -> None:
    assert _backlog(_intent(0, Purpose.DELIVERY), _intent(500)).fen == 500


def test_acknowledgements_alone_are_worth_no_acknowledgement() -> None:
    """Else each ACK record, uploaded and acknowledged, would make the next, for ever."""
    backlog = _backlog(_intent(500))
    assert not backlog.is_news(0)
    assert backlog.is_news(1)
    for sequence in itertools.islice(itertools.count(2), 5):
        backlog.note(sequence, _ack(sequence - 1))
        assert not backlog.is_news(sequence)
    backlog.note(7, Applied(_NOW.at, 1, 1))
    assert backlog.is_news(7)
    assert backlog.oldest_at == _NOW.at


def test_an_old_acknowledgement_takes_nothing_back() -> None:
    backlog = _backlog(_intent(500), _intent(300))
    backlog.acknowledged(2)
    backlog.acknowledged(1)
    assert (backlog.count, backlog.received) == (0, 2)


def test_a_server_that_was_put_back_is_owed_its_records_again() -> None:
    records: list[Record] = [_intent(500), _intent(300), _ack(2)]
    backlog = _backlog(*records)
    assert backlog.fen == 0
    backlog.recount(1, 2, list(enumerate(records, start=1))[1:])
    assert (backlog.fen, backlog.count, backlog.received) == (300, 2, 1)


@pytest.mark.parametrize("generation", [0, 1])
def test_only_a_new_generation_may_put_the_server_back(generation: int) -> None:
    backlog = _backlog(_intent(500), _ack(1))
    with pytest.raises(AssertionError):
        backlog.recount(0, generation, [])

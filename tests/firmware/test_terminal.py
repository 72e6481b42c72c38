"""A whole terminal of real processes: what patrons, cashiers and power cuts do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from onecard.kinds import CardKind, Outcome
from onecard.records import Boot, Decline, Intent, OutcomeRecord, Shift
from tests.firmware.bed import FIXED, TestBed
from tools.bench.till import Issuer

MakeBed = Callable[..., TestBed]


@pytest.fixture
def make_bed(tmp_path: Path) -> Iterator[MakeBed]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(TestBed(tmp_path, Issuer(), **settings))


def _outcomes(bed: TestBed) -> list[Outcome]:
    return [Outcome(record.outcome) for record in bed.records(OutcomeRecord)]


def test_three_keys_and_a_tap_make_a_sale_at_the_member_price(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    bed.press("12#")
    bed.wait_for("armed")
    bed.present(bed.card(loaded=10000))
    screen = bed.wait_for("paid")
    assert screen["amount"] == ["70.00"]
    assert screen["balance"] == ["Balance 30.00"]
    assert "Member 70%" in screen["message"]
    (intent,) = bed.records(Intent)
    assert (intent.film_class, intent.tickets, intent.list_price, intent.shift) == (1, 2, 10000, 1)
    assert intent.operator != 0
    assert _outcomes(bed) == [Outcome.PAID]


def test_a_card_that_stays_or_returns_without_a_new_sale_is_already_paid(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    card = bed.card(loaded=10000)
    bed.press("11#")
    bed.wait_for("armed")
    bed.present(card)
    bed.wait_for("paid")
    bed.press("1")
    bed.wait_for("already paid")
    bed.take_away()
    bed.wait_for("ready")
    bed.present(card)
    assert bed.wait_for("already paid")["amount"] == ["35.00"]
    assert len(bed.records(Intent)) == 1
    assert bed.records(Decline) == []


def test_a_torn_sale_survives_a_kill_and_is_paid_once_by_the_re_tap(make_bed: MakeBed) -> None:
    """I-02, P-R5, P-R6."""
    bed = make_bed()
    bed.sign_on()
    card = bed.card(loaded=10000)
    bed.press("11#")
    bed.wait_for("armed")
    bed.reader.command("tear after 0")
    bed.present(card)
    assert bed.wait_for("in doubt")["tone"] == ["doubt"]
    bed.kill()
    bed.start()
    assert bed.wait_for("in doubt")["amount"] == ["35.00"]
    bed.present(card)
    assert bed.wait_for("paid")["balance"] == ["Balance 65.00"]
    assert len(bed.records(Intent)) == 1
    assert _outcomes(bed) == [Outcome.PAID]
    assert [boot.epoch for boot in bed.records(Boot)] == [1, 2]


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_kill_around_the_card_write_is_in_doubt_at_the_next_start(point: str, make_bed: MakeBed) -> None:
    """I-01: the intent is durable before the card is written, so no kill makes a debit without a flow."""
    bed = make_bed()
    bed.sign_on()
    card = bed.card(loaded=10000)
    bed.press("11#")
    bed.wait_for("armed")
    bed.reader.command(f"stall {point} 0")
    bed.present(card)
    bed.wait_for_record(Intent)
    bed.kill()
    bed.reader.command("resume")
    bed.take_away()
    bed.start()
    bed.wait_for("in doubt")
    bed.present(card)
    assert bed.wait_for("paid")["balance"] == ["Balance 65.00"]
    assert _outcomes(bed) == [Outcome.PAID]


def test_a_stop_while_a_card_hangs_is_orderly_and_leaves_the_doubt_open(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    card = bed.card(loaded=10000)
    bed.press("11#")
    bed.wait_for("armed")
    bed.reader.command("stall after 0")
    bed.present(card)
    bed.wait_for_record(Intent)
    assert bed.stop() == 0
    assert bed.screen()["state"] == ["stopped"]
    bed.reader.command("resume")
    bed.take_away()
    bed.start()
    bed.wait_for("in doubt")
    bed.present(card)
    assert bed.wait_for("paid")["balance"] == ["Balance 65.00"]


def test_a_patron_who_walks_away_leaves_an_abandoned_sale(make_bed: MakeBed) -> None:
    bed = make_bed(limits="in_doubt_seconds = 1")
    bed.sign_on()
    bed.press("11#")
    bed.wait_for("armed")
    bed.reader.command("tear half 0")
    bed.present(bed.card(loaded=10000))
    bed.wait_for_record(OutcomeRecord)
    assert _outcomes(bed) == [Outcome.ABANDONED]
    assert bed.wait_for("ready")["title"] == ["Sale not completed"]


def test_another_card_abandons_the_doubt_and_pays_itself(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    bed.press("11#")
    bed.wait_for("armed")
    bed.reader.command("tear half 0")
    bed.present(bed.card(loaded=10000))
    bed.wait_for("in doubt")
    bed.present(bed.card(loaded=5000))
    screen = bed.wait_for("paid")
    assert screen["balance"] == ["Balance 15.00"]
    assert "The doubtful sale of the card before was given up" in screen["message"]
    assert _outcomes(bed) == [Outcome.ABANDONED, Outcome.PAID]


def test_a_refused_card_says_why_and_another_may_pay(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    bed.press("11#")
    bed.wait_for("armed")
    bed.present(bed.card(loaded=1000))
    screen = bed.wait_for("refused")
    assert screen["balance"] == ["Balance 10.00"]
    assert screen["reason"] == ["Not enough on the card"]
    bed.take_away()
    bed.wait_for("armed")
    bed.present(bed.card(loaded=5000))
    bed.wait_for("paid")


def test_fixed_amounts_need_the_card_away_and_the_interval_over(make_bed: MakeBed) -> None:
    bed = make_bed(sale=FIXED)
    bed.sign_on()
    card = bed.card(loaded=10000)
    bed.present(card)
    assert bed.wait_for("paid")["amount"] == ["10.00"]
    bed.wait_for("already paid")
    bed.take_away()
    bed.wait_for("resting")
    bed.present(card)
    bed.wait_for("already paid")
    assert len(bed.records(Intent)) == 1
    bed.take_away()
    bed.wait_for("armed")
    bed.present(card)
    assert bed.wait_for("paid")["balance"] == ["Balance 80.00"]


def test_an_orderly_stop_keeps_the_shift_and_its_totals(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    bed.press("11#")
    bed.wait_for("armed")
    bed.present(bed.card(loaded=10000))
    bed.wait_for("paid")
    bed.take_away()
    bed.wait_for("ready")
    assert bed.stop() == 0
    bed.start()
    bed.wait_for("ready")
    bed.press("C")
    before = bed.wait_for("totals")["message"]
    assert before[0] == "Paid 1: 35.00"
    bed.press("#D")
    bed.wait_for("closing")
    bed.press("#")
    bed.wait_for("signed off")
    opened, closed = bed.records(Shift)
    assert (opened.opened, closed.opened) == (1, 0)
    assert (closed.shift, closed.paid_count, closed.paid_fen) == (1, 1, 3500)


def test_a_stored_value_card_cannot_sign_on(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.wait_for("signed off")
    bed.present(bed.card(loaded=10000))
    assert bed.wait_for("sign-on refused")["reason"] == ["Wrong kind of card"]
    assert bed.records(Shift) == []


def test_an_inquiry_delivers_a_waiting_load(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    card = bed.card(loaded=10000)
    uid = bytes([0xD6, 0x10, 0xB6, 2])
    bed.server.certificates(1, bed.issuer.certificate(uid, 2, 15000))
    bed.wait_for_record_of_tables(2)
    bed.press("B")
    bed.wait_for("inquiry")
    bed.present(card)
    screen = bed.wait_for("inquiry shown")
    assert screen["amount"] == ["150.00"]
    assert "A top-up was put on the card" in screen["message"]


def test_a_hotlisted_card_is_refused_as_soon_as_the_list_is_in(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    card = bed.card(loaded=10000)
    bed.server.hotlist(1, bed.issuer.number(bytes([0xD6, 0x10, 0xB6, 2])))
    bed.wait_for_record_of_tables(2)
    bed.press("11#")
    bed.wait_for("armed")
    bed.present(card)
    assert bed.wait_for("refused")["reason"] == ["This card is stopped"]


def test_a_reader_that_went_away_is_said_and_comes_back(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    bed.press("11#")
    bed.wait_for("armed")
    bed.reader.__exit__(None, None, None)
    bed.wait_for_message("The card reader does not answer")
    bed.reader.__enter__()
    bed.present(bed.card(loaded=10000))
    bed.wait_for("paid")


def test_a_sign_on_needs_no_stored_value(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.wait_for("signed off")
    bed.present(bed.card(0, CardKind.OPERATOR))
    assert bed.wait_for("welcome")["tone"] == ["good"]

"""Cases for people: what a terminal lacks, and what cards say of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from hypothesis import given
from hypothesis import strategies as st

from onecard.kinds import Outcome, Purpose
from onecard.records import OutcomeRecord, Seal
from server.ingest.models import Alarm, Quarantined
from server.ledger.posting import post_next
from server.ledger.sightings import declare_lost
from server.ledger.verify import verify_ledger
from server.pages.cases import CardsSay, cases, has_byte, sort_out

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def send(client, teller, first=1, last=None, **changes):
    response = client.post("/sync/v1/bundle", teller.bundle(first, last, **changes), content_type="application/cbor")
    assert response.status_code == 200, response.content
    while post_next(NOW):
        pass
    assert verify_ledger().differences == ()


@given(st.integers(1, 600), st.integers(0, 600), st.integers(0, 255))
def test_a_range_has_the_low_bytes_of_its_sequences(first, length, byte):
    assert has_byte(first, first + length, byte) == any(at & 0xFF == byte for at in range(first, first + length + 1))


def test_a_debit_is_put_to_the_one_range_that_its_byte_fits():
    told = sort_out([(1043, 1051), (1043 + 256, 1044 + 256)], [(1043 & 0xFF, 100), (1050 & 0xFF, 20), (7, 3)])
    assert told.ranges == (CardsSay(1, 20), CardsSay())
    assert (told.several, told.later) == (CardsSay(1, 100), CardsSay(1, 3))


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(1, 99))), st.sampled_from([[], [(3, 4)], [(3, 9), (300, 700)]])
)
def test_nothing_that_cards_say_is_left_out_or_told_twice(debits, ranges):
    told = sort_out(ranges, debits)
    said = [*told.ranges, told.several, told.later]
    assert sum(one.count for one in said) == len(debits)
    assert sum(one.fen for one in said) == sum(fen for _, fen in debits)


def test_nothing_missing_is_no_case(client, enrol, issue, sale):
    teller, card = enrol(), issue()
    sale(teller, card, 3000)
    send(client, teller)
    assert cases() == []


def test_a_case_says_what_is_missing_and_what_cards_tell_of_it(client, enrol, issue, sale):
    """terminal 17 lacks 2–5, cards say 2 taps, 412.00 yuan"""
    torn, teller, card = enrol("WDK"), enrol("JSG"), issue(100_000)
    sale(torn, card, 41_000)
    sale(torn, card, 200)
    torn.add(Seal(1))
    send(client, torn, 1, 1)
    send(client, torn, 6, 6)
    sale(teller, card, 500)
    send(client, teller)
    [case] = cases()
    assert (case.terminal.number, case.lost) == (torn.number, None)
    [lack] = case.lacks
    assert (lack.part.first, lack.part.last, lack.cards) == (2, 5, CardsSay(2, 41_200))
    client.force_login(get_user_model().objects.create_superuser("boss"))
    client.post("/language/", {"language": "en", "next": "/"})
    page = client.get("/cases/").content.decode()
    assert "2–5" in page
    assert "2 taps, ¥412.00" in page
    declare_lost(torn.number, "boss", NOW)
    assert "declared lost" in client.get("/cases/").content.decode()
    send(client, torn)
    assert cases() == []


def test_what_is_not_believed_is_a_case_and_blocks_nothing(client, enrol, issue, sale):
    """I-04: the same name with other bytes is set apart and alarmed."""
    teller, card = enrol(), issue()
    sale(teller, card, 300)
    send(client, teller)
    kept = list(teller.records)
    teller.records[2] = (kept[2][0], kept[2][1][:-1] + b"\x17")
    sale(teller, card, 50)
    send(client, teller)
    [case] = cases()
    assert sum(count for _, count in case.apart) == Quarantined.objects.count() > 0
    assert Alarm.objects.filter(kind=Alarm.Kind.FORK).count() == 1


@pytest.mark.parametrize("later", [0, 500])
def test_who_paid_cash_after_a_doubt_is_refunded_without_asking_and_the_page_counts_it(
    client, enrol, issue, sale, later
):
    """F8: other tender is ABANDONED (P-R6), and what stands of it comes back by certificate at a next tap."""
    teller, elsewhere, card = enrol("WDK"), enrol("JSG"), issue(10_000)
    sale(teller, card, 3000, Outcome.ABANDONED)  # torn; the cashier cancels and takes cash
    sequence = elsewhere.add(card.intent(elsewhere, later, purpose=Purpose.SALE if later else Purpose.SETTLE))
    elsewhere.add(OutcomeRecord(sequence, Outcome.PAID if later else Outcome.ACKED, 1))
    send(client, elsewhere)
    assert verify_ledger().refunded == 0  # until the terminal's word is here it is in doubt
    assert verify_ledger().in_doubt_fen == 3000
    for _ in range(2):
        send(client, teller)
        recount = verify_ledger()
        assert (recount.refunded, recount.in_doubt_fen, recount.float_fen) == (1, 0, 10_000 - later)
    client.force_login(get_user_model().objects.create_superuser("boss"))
    client.post("/language/", {"language": "en", "next": "/"})
    assert "automatic so far 1<" in client.get("/").content.decode()

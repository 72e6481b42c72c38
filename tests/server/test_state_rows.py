"""What the books state of each purse for the terminals: a version a change, none without, none that was rolled back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from onecard.kinds import CardKind, Outcome, Purpose, PurseUnit
from onecard.purse.certificate import Flags
from onecard.records import OutcomeRecord
from onecard.state_table import decode_row
from server.cards.certificates import issue_next_certificate
from server.cards.models import Card, Certificate, Purse
from server.cards.register import NewCard, UidInUse, register_card
from server.cards.state import state_version
from server.ingest.models import Bundle
from server.ledger.posting import post_next
from server.ledger.verify import verify_ledger
from server.sites.models import Site

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def post(client):
    """Sends a terminal's records and posts them; the books must be right then."""

    def one(*tellers):
        for teller in tellers:
            response = client.post("/sync/v1/bundle", teller.bundle(), content_type="application/cbor")
            assert response.status_code == 200, response.content
        while post_next(NOW):
            pass
        assert verify_ledger().differences == ()

    return one


def stated(card):
    purse = Purse.objects.get(uid=card.uid)
    return decode_row(bytes(purse.state_row))


def null_record(teller, card):
    sequence = teller.add(card.intent(teller, 0, purpose=Purpose.SETTLE))
    teller.add(OutcomeRecord(sequence, Outcome.ACKED, 1))


def test_a_row_states_the_durable_head_and_the_newest_load(enrol, issue, sale, post):
    teller, card = enrol(), issue(10_000)
    first = Purse.objects.get().state_version
    sale(teller, card, 3000)
    post(teller)
    row = stated(card)
    assert (row.uid, row.purse, row.unit, row.kind) == (card.uid, 0, PurseUnit.FEN, CardKind.STORED_VALUE)
    assert (row.counter, row.debited, row.load_sequence, row.loaded) == (3, 3000, 1, 10_000)
    assert (row.flags, row.tier, row.unsettled) == (Flags.NONE, 1, False)
    assert Purse.objects.get().state_version == state_version() == first + 1


def test_evidence_posted_again_gives_no_version(enrol, issue, sale, post):
    teller, card = enrol(), issue()
    sale(teller, card, 3000)
    post(teller)
    before = state_version()
    Bundle.objects.update(posted=False)
    post(teller)
    assert state_version() == before


def test_only_the_purse_that_changed_gets_a_version(enrol, issue, sale, post):
    teller, card, other = enrol(), issue(), issue()
    kept = Purse.objects.get(uid=other.uid).state_version
    sale(teller, card, 3000)
    sale(teller, other, 1, Outcome.UNSENT, writes=False)
    post(teller)
    assert Purse.objects.get(uid=other.uid).state_version == kept
    assert Purse.objects.get(uid=card.uid).state_version == state_version()


def test_a_change_that_is_rolled_back_takes_no_version(issue):
    issue(10_000)
    purse, before = Purse.objects.get(), state_version()
    with pytest.raises(RuntimeError), transaction.atomic():
        issue_next_certificate(purse, 777, Certificate.Reason.REFUND, NOW, 1)
        assert state_version() == before + 1
        raise RuntimeError
    assert (state_version(), Purse.objects.get().state_version) == (before, before)


def test_a_purse_is_unsettled_from_an_open_intent_to_its_settlement(enrol, issue, sale, post):
    """P-R12."""
    teller, card = enrol(), issue()
    assert not stated(card).unsettled
    sale(teller, card, 3000, None)
    post(teller)
    assert stated(card).unsettled
    assert stated(card).debited == 0
    null_record(teller, card)
    post(teller)
    assert not stated(card).unsettled
    assert stated(card).debited == 3000


def test_a_final_word_settles_too(enrol, issue, sale, post):
    teller, card = enrol(), issue()
    sequence = sale(teller, card, 3000, None)
    post(teller)
    teller.add(OutcomeRecord(sequence, Outcome.PAID, 1))
    post(teller)
    assert not stated(card).unsettled


def test_a_refund_raises_the_row_with_its_certificate(enrol, issue, sale, post):
    teller, card = enrol(), issue(10_000)
    sale(teller, card, 3000, Outcome.ABANDONED)
    null_record(teller, card)
    post(teller)
    row = stated(card)
    assert (row.load_sequence, row.loaded, row.debited) == (2, 13_000, 3000)


def test_a_card_that_is_registered_has_no_row_before_its_certificate(database):
    site = Site.objects.get(code="XDA")
    register_card(NewCard(18, bytes(range(7)), CardKind.STORED_VALUE, 1, Flags.NONE, NOW.date(), site), NOW)
    assert Purse.objects.get().state_row is None
    assert verify_ledger().differences == ()


@pytest.mark.parametrize("first", [4, 7])
def test_two_uids_that_a_row_cannot_tell_apart_are_not_both_issued(database, first):
    """One key twice in a table, and every terminal would refuse the whole table."""
    site = Site.objects.get(code="XDA")
    for size, number in ((first, 18), (11 - first, 26)):
        uid = b"\x04\x11\x22\x33".ljust(size, b"\0")
        new = NewCard(number, uid, CardKind.STORED_VALUE, 1, Flags.NONE, NOW.date(), site)
        if number == 18:
            register_card(new, NOW)
        else:
            with pytest.raises(UidInUse):
                register_card(new, NOW)


def test_the_recount_sees_a_row_that_states_something_else(issue):
    issue(10_000)
    Purse.objects.update(tier=2)
    assert any("the state table states" in difference for difference in verify_ledger().differences)
    Purse.objects.update(tier=1, state_row=None)
    assert any("states nothing" in difference for difference in verify_ledger().differences)


def test_the_recount_sees_an_unsettled_purse_that_is_settled_and_a_version_not_given(issue):
    issue(10_000)
    Purse.objects.update(unsettled=True)
    assert any("unsettled is True" in difference for difference in verify_ledger().differences)
    Purse.objects.update(unsettled=False, state_version=99)
    assert any("has version 99" in difference for difference in verify_ledger().differences)


def test_purses_of_a_server_before_the_state_table_get_rows(enrol, issue, sale, post):
    teller, card, other = enrol(), issue(10_000), issue(5_000)
    sale(teller, card, 3000, None)
    post(teller)
    Card.objects.filter(number=other.number).update(kind=CardKind.FREE)
    for target in ("0002_append_only", "0003_state_rows"):
        MigrationExecutor(connection).migrate([("cards", target)])
    MigrationExecutor(connection).migrate(MigrationExecutor(connection).loader.graph.leaf_nodes())
    assert verify_ledger().differences == ()
    assert sorted(Purse.objects.values_list("state_version", flat=True)) == [1, 2]
    assert state_version() == 2
    assert (stated(card).unsettled, stated(other).unsettled) == (True, False)
    assert stated(other).kind is CardKind.FREE

"""From evidence to money: what is posted, once, whatever the order; what comes back; what the recount says."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from onecard.downlink import Table, open_downlink, open_reply
from onecard.identity import card_number
from onecard.keys import KeyRing, Role
from onecard.kinds import Outcome, Purpose
from onecard.purse.certificate import open_certificate
from onecard.purse.resolution import State
from onecard.records import Gap, OutcomeRecord, Seal
from server.cards.certificates import issue_next_certificate
from server.cards.models import Card, Certificate, Purse
from server.ingest.models import Alarm, Bundle
from server.keyring import key_process
from server.ledger.models import Posting, Resolution, RollDay
from server.ledger.posting import post_next
from server.ledger.verify import verify_ledger

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def send(client, teller, first=1, last=None):
    response = client.post("/sync/v1/bundle", teller.bundle(first, last), content_type="application/cbor")
    assert response.status_code == 200, response.content
    return open_reply(response.content)[1]


def post_all(now=NOW):
    while post_next(now):
        pass
    recount = verify_ledger()
    assert recount.differences == ()
    return recount


def posted():
    return sorted(Posting.objects.values_list("reason", "debit_account", "credit_account", "amount"))


def null_record(teller, card):
    sequence = teller.add(card.intent(teller, 0, purpose=Purpose.SETTLE))
    teller.add(OutcomeRecord(sequence, Outcome.ACKED, 1))


def test_a_load_is_owed_to_the_purse(client, issue):
    issue(10_000)
    recount = post_all()
    assert posted() == [("load", "cash", "float", 10_000)]
    assert (recount.cash_fen, recount.float_fen, recount.loaded_fen) == (10_000, 10_000, 10_000)


def test_a_paid_sale_is_owed_to_the_site(client, enrol, issue, sale):
    teller, card = enrol("WDK"), issue(10_000)
    sale(teller, card, 3000)
    send(client, teller)
    recount = post_all()
    assert posted()[1:] == [("sale", "float", "site:WDK", 3000)]
    assert (recount.float_fen, recount.sites_fen, recount.debited_fen, recount.records) == (7000, 3000, 3000, 3)
    roll = RollDay.objects.get(reason="sale")
    assert (roll.site_id, roll.terminal, roll.count, roll.amount) == ("WDK", teller.number, 1, 3000)


def test_a_bundle_sent_again_posts_nothing_more(client, enrol, issue, sale):
    teller, card = enrol(), issue()
    sale(teller, card, 3000)
    send(client, teller)
    post_all()
    before = posted()
    send(client, teller)
    Bundle.objects.update(posted=False)
    post_all()
    assert posted() == before


def test_an_open_debit_moves_no_money(client, enrol, issue, sale):
    teller, card = enrol(), issue()
    sale(teller, card, 3000, None)
    send(client, teller)
    recount = post_all()
    assert posted() == [("load", "cash", "float", 10_000)]
    assert recount.in_doubt == 1
    assert Resolution.objects.get().state == "open"


def test_an_abandoned_debit_that_never_reached_the_card_is_void_and_not_refunded(client, enrol, issue, sale):
    teller, card = enrol(), issue()
    sale(teller, card, 3000, Outcome.ABANDONED, writes=False)
    sale(teller, card, 1000)
    send(client, teller)
    recount = post_all()
    assert [reason for reason, *_ in posted()] == ["load", "sale"]
    assert (recount.refunded, recount.in_doubt) == (0, 0)
    assert set(Resolution.objects.values_list("state", flat=True)) == {"void", "stands"}


def test_an_abandoned_debit_that_stands_is_refunded_exactly_once(client, enrol, issue, sale):
    teller, card = enrol(), issue(10_000)
    sale(teller, card, 3000, Outcome.ABANDONED)
    send(client, teller)
    assert post_all().in_doubt == 1
    null_record(teller, card)
    send(client, teller)
    recount = post_all()
    assert posted() == [
        ("doubt", "float", "in_doubt", 3000),
        ("load", "cash", "float", 10_000),
        ("refund", "in_doubt", "float", 3000),
    ]
    assert (recount.refunded, recount.in_doubt, recount.in_doubt_fen, recount.float_fen) == (1, 0, 0, 10_000)
    for _ in range(2):
        Bundle.objects.update(posted=False)
        post_all()
    assert Certificate.objects.filter(reason="refund").count() == 1


def test_the_refunds_certificate_comes_down_and_raises_loaded(client, enrol, issue, sale):
    teller, card = enrol(), issue(10_000)
    sale(teller, card, 3000, Outcome.ABANDONED)
    null_record(teller, card)
    send(client, teller)
    post_all()
    downlinks = [open_downlink(raw, teller.public, teller.number) for raw in send(client, teller)]
    [feed] = [downlink for downlink in downlinks if downlink.header.table is Table.CERTIFICATES]
    images = feed.body(teller.sealing)
    issuers = KeyRing({(Role.ISSUER, 1): teller.public.key(Role.ISSUER, 1)})
    newest = open_certificate(images[-1], issuers, card.uid, 0)
    assert (newest.load_sequence, newest.loaded) == (2, 13_000)
    assert (newest.floor_counter, newest.floor_debited) == (4, 3000)
    assert feed.header.version == Certificate.objects.latest("feed").feed
    teller.have = {downlink.header.table: downlink.header.version for downlink in downlinks}
    assert send(client, teller) == []


def test_a_late_final_word_settles_what_was_in_doubt(client, enrol, issue, sale):
    alice, bob, card = enrol("WDK"), enrol("JSG"), issue(10_000)
    sale(alice, card, 3000)
    sale(bob, card, 500)
    send(client, alice, 1, 2)
    send(client, bob)
    recount = post_all()
    assert (recount.in_doubt_fen, recount.in_doubt) == (3000, 1)
    send(client, alice)
    recount = post_all(LATER)
    assert ("settle", "in_doubt", "site:WDK", 3000) in posted()
    assert (recount.in_doubt_fen, recount.in_doubt, recount.sites_fen) == (0, 0, 3500)
    late = RollDay.objects.get(reason="settle")
    assert late.posting_day - late.business_day == timedelta(days=1)


def test_what_a_silent_terminal_debited_is_unattributed_to_the_fen(client, enrol, issue, sale):
    silent, teller, card = enrol("WDK"), enrol("JSG"), issue(10_000)
    sale(silent, card, 1234)
    sale(silent, card, 66)
    sale(teller, card, 500)
    send(client, teller)
    recount = post_all()
    assert (recount.unattributed_fen, recount.debited_fen, recount.float_fen) == (1300, 1800, 8200)
    send(client, silent, 1, 3)
    assert post_all().unattributed_fen == 66
    send(client, silent)
    recount = post_all()
    assert (recount.unattributed_fen, recount.sites_fen, recount.float_fen) == (0, 1800, 8200)


def test_what_a_terminal_lost_is_never_void(client, enrol, issue, sale):
    torn, teller, card = enrol("WDK"), enrol("JSG"), issue(10_000)
    sale(torn, card, 1234)
    sale(torn, card, 66)
    torn.add(Gap(int(NOW.timestamp()), 3, 4, "seg-00000001.ocj at byte 3000"))  # a final word and an intent
    send(client, torn, 1, 2)
    send(client, torn, 5)
    recount = post_all()
    assert (recount.in_doubt, recount.unattributed_fen, recount.gaps) == (1, 0, 1)
    assert [one.state for one in Resolution.objects.all()] == [State.OPEN.value]
    sale(teller, card, 500)
    send(client, teller)
    recount = post_all()
    assert (recount.in_doubt_fen, recount.unattributed_fen, recount.debited_fen) == (1234, 66, 1800)
    assert {one.state for one in Resolution.objects.all()} == {State.STANDS.value}


def test_flows_of_a_card_not_in_the_books_wait_with_an_alarm(client, enrol, card, sale):
    teller = enrol()
    sale(teller, card, 3000)
    send(client, teller)
    post_all()
    assert not Posting.objects.exists()
    assert Alarm.objects.get().kind == Alarm.Kind.UNKNOWN_PURSE


def test_flows_that_came_before_their_card_are_posted_when_it_is_registered(client, enrol, issue, card, sale):
    teller = enrol()
    sale(teller, card, 3000)
    send(client, teller)
    post_all()
    issue(10_000, uid=card.uid)
    recount = post_all()
    assert (recount.debited_fen, recount.float_fen, recount.sites_fen) == (3000, 7000, 3000)


def test_a_card_debited_beyond_its_loads_is_alarmed(client, enrol, issue, sale):
    teller, card = enrol(), issue(1000)
    sale(teller, card, 1001)
    send(client, teller)
    post_all()
    assert Alarm.objects.get().kind == Alarm.Kind.OVERDRAWN


def test_a_refund_the_key_process_refuses_stays_in_doubt_and_blocks_nobody(client, enrol, issue, sale):
    teller, card, other = enrol(), issue(10_000), issue(10_000)
    # The key process knows this UID under another number: it never signs for the one in these books.
    wrong = Card.objects.get(number=card.number)
    wrong.pk, wrong.uid = card_number(1), bytes(7)
    wrong.save(force_insert=True)
    Purse.objects.filter(uid=card.uid).update(card=wrong)
    sale(teller, card, 3000, Outcome.ABANDONED)
    null_record(teller, card)
    sale(teller, other, 500)
    send(client, teller)
    assert post_all().refused == 1
    assert Alarm.objects.get().kind == Alarm.Kind.REFUSED
    assert [reason for reason, *_ in posted()] == ["doubt", "load", "load", "sale"]


def test_an_invented_refund_beyond_all_money_is_counted_as_refused_and_no_difference(client, enrol, issue, sale):
    teller, card = enrol(), issue(10_000)
    sale(teller, card, (1 << 32) - 1 - card.debited, Outcome.ABANDONED)
    null_record(teller, card)
    send(client, teller)
    recount = post_all()
    assert recount.refused == 1
    assert Alarm.objects.filter(kind=Alarm.Kind.REFUSED).count() == 1
    assert "refund" not in {reason for reason, *_ in posted()}


def test_a_refund_that_is_missing_without_a_refusal_is_a_difference(client, enrol, issue, sale):
    teller, card = enrol(), issue(10_000)
    sale(teller, card, 3000, Outcome.ABANDONED)
    null_record(teller, card)
    send(client, teller)
    post_all()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER ledger_posting_refuses_delete")
        cursor.execute("DELETE FROM ledger_posting WHERE reason = 'refund'")
    recount = verify_ledger()
    assert recount.refused == 0
    assert any("lacks refund" in difference for difference in recount.differences)


def test_two_durable_records_at_one_counter_are_alarmed(client, enrol, issue, sale):
    alice, bob, card = enrol(), enrol(), issue()
    clone = replace(card, ring=list(card.ring))
    sale(alice, card, 100)
    sale(bob, clone, 200)
    send(client, alice)
    send(client, bob)
    post_all()
    assert Alarm.objects.get().kind == Alarm.Kind.PURSE_FORK


def claim(teller, card, base, amount, outcome, purpose=Purpose.SALE):
    """An invented debit on `base`, (counter, N, terminal, sequence byte), told as `outcome`; gives its record."""
    liar = replace(card, ring=[(base[0] - 2, 0, 0, 0), (base[0] - 1, 0, 0, 0), base])
    sequence = teller.add(liar.intent(teller, amount, purpose=purpose))
    teller.add(OutcomeRecord(sequence, outcome, 1))
    return liar.ring[-1]


def test_invented_abandoned_debits_on_several_branches_make_no_money(client, enrol, issue):
    """Hole H15: a stolen terminal's keys upload INTENT, ABANDONED and a successor, again and again."""
    teller, card = enrol(), issue(10_000)
    start = 0
    for counter in (2, 2, 20, 40):
        record = claim(teller, card, (counter, 0, 0, 0), 5000, Outcome.ABANDONED)
        claim(teller, card, record, 0, Outcome.ACKED, Purpose.SETTLE)
        send(client, teller, start + 1)
        start = len(teller.records)
        post_all()
    last = Certificate.objects.latest("feed")
    assert last.loaded - last.floor_debited == 10_000
    assert Certificate.objects.filter(reason="refund").count() == 1
    assert Alarm.objects.filter(kind=Alarm.Kind.PURSE_FORK).exists()


def test_an_invented_lower_head_takes_no_floor_from_under_a_refund(client, enrol, issue):
    teller, card = enrol(), issue(10_000)
    record = claim(teller, card, (2, 0, 0, 0), 5000, Outcome.ABANDONED)
    claim(teller, card, record, 0, Outcome.ACKED, Purpose.SETTLE)
    claim(teller, card, (1000, 0, 0, 0), 0, Outcome.ACKED, Purpose.SETTLE)
    send(client, teller)
    post_all()
    last = Certificate.objects.latest("feed")
    assert (last.loaded, last.floor_counter, last.floor_debited) == (15_000, 1001, 5000)


@pytest.mark.parametrize("first", [Outcome.PAID, Outcome.ABANDONED])
def test_the_books_hold_though_a_terminal_claims_a_record_twice(client, enrol, issue, first):
    teller, card = enrol(), issue(10_000)
    record = claim(teller, card, (2, 0, 0, 0), 5000, first)
    claim(teller, card, record, 0, Outcome.ACKED, Purpose.SETTLE)
    send(client, teller)
    post_all()
    while len(teller.records) < 1 + 256:
        teller.add(Seal(1))
    assert claim(teller, card, (2, 0, 0, 0), 5000, Outcome.PAID) == record
    send(client, teller)
    assert post_all().unattributed_fen == -5000


def test_the_books_hold_though_a_terminal_takes_a_posted_debit_back(client, enrol, issue):
    teller, card = enrol(), issue(10_000)
    sequence = teller.add(card.intent(teller, 5000))
    null_record(teller, card)
    send(client, teller)
    post_all()
    teller.add(OutcomeRecord(sequence, Outcome.UNSENT, 1))
    send(client, teller)
    assert post_all().in_doubt_fen == 5000


@pytest.mark.parametrize("purpose", [Purpose.FREE, Purpose.SETTLE, Purpose.DELIVERY, Purpose.SEAL])
def test_only_a_sale_debits(client, enrol, issue, purpose):
    teller, card = enrol(), issue(10_000)
    claim(teller, card, (2, 0, 0, 0), 1, Outcome.PAID, purpose)
    send(client, teller)
    assert post_all().quarantined == 1
    assert [reason for reason, *_ in posted()] == ["load"]


@pytest.mark.parametrize("change", [{"credit_account": "cash"}, {"amount": 0}])
def test_the_database_refuses_a_posting_that_does_not_move_money_between_two_accounts(issue, change):
    """I-07: a posting is one amount with two accounts, so that its legs cannot but sum to zero."""
    issue(10_000)
    posting = Posting.objects.get()
    posting.pk, posting.certificate = None, None
    for name, value in change.items():
        setattr(posting, name, value)
    with pytest.raises(IntegrityError):
        posting.save(force_insert=True)


@pytest.mark.parametrize("seed", range(4))
def test_the_end_does_not_depend_on_order_or_repetition(client, enrol, issue, sale, seed):
    """I-08, I-11."""
    dice = random.Random(seed)
    tellers, cards = [enrol("WDK"), enrol("JSG"), enrol("XDA")], [issue(50_000) for _ in range(3)]
    for _ in range(30):
        teller, card = dice.choice(tellers), dice.choice(cards)
        outcome = dice.choice([Outcome.PAID] * 4 + [Outcome.ABANDONED])
        writes = outcome is Outcome.PAID or dice.random() < 0.5
        sale(teller, card, dice.randrange(100, 900), outcome, writes=writes)
    for card in cards:
        null_record(dice.choice(tellers), card)
    parts = []
    for teller in tellers:
        cuts = sorted({0, len(teller.records), *(dice.randrange(len(teller.records)) for _ in range(4))})
        parts += [(teller, a + 1, b) for a, b in pairwise(cuts)]
    parts += dice.sample(parts, 3)
    dice.shuffle(parts)
    for teller, first, last in parts:
        send(client, teller, first, last)
        if dice.random() < 0.4:
            post_all()
    recount = post_all()
    assert (recount.in_doubt, recount.in_doubt_fen, recount.unattributed_fen, recount.gaps) == (0, 0, 0, 0)
    assert not Alarm.objects.exists()  # no honest card is ever forked, nor any journal accused (docs/purse.md, I7)
    assert recount.debited_fen == sum(max(card.ring)[1] for card in cards)
    assert recount.records == sum(max(card.ring)[0] for card in cards)
    standing = {(t, c, n) for card in cards for c, n, t, _ in card.ring}
    refunds = sum(Certificate.objects.filter(reason="refund").values_list("delta", flat=True))
    assert recount.loaded_fen == 150_000 + refunds
    assert recount.cash_fen == recount.float_fen + recount.sites_fen
    assert len(standing) >= 30 - recount.abandoned


def test_a_rolled_back_refund_leaves_a_gap_in_l_and_no_other_trace(client, enrol, issue, sale):
    teller, card = enrol(), issue(10_000)
    purse = Purse.objects.get()
    with pytest.raises(RuntimeError), transaction.atomic():
        issue_next_certificate(purse, 777, Certificate.Reason.REFUND, NOW, 1)
        raise RuntimeError
    assert key_process().latest_certificate(card.uid, 0) is not None
    sale(teller, card, 3000, Outcome.ABANDONED)
    null_record(teller, card)
    send(client, teller)
    recount = post_all()
    assert recount.loaded_fen == 13_000
    assert Purse.objects.get().load_sequence == 3


def test_the_database_itself_refuses_a_second_sale_refund_or_change(client, enrol, issue, sale):
    teller, card = enrol(), issue(10_000)
    sale(teller, card, 3000, Outcome.ABANDONED)
    null_record(teller, card)
    send(client, teller)
    post_all()
    for reason in ("doubt", "refund"):
        again = Posting.objects.get(reason=reason)
        again.pk, again.certificate = None, None
        with pytest.raises(IntegrityError):
            again.save(force_insert=True)
    certificate = Certificate.objects.get(reason="refund")
    certificate.pk, certificate.load_sequence = None, 99
    with pytest.raises(IntegrityError):
        certificate.save(force_insert=True)
    for table in ("ledger_posting", "cards_certificate"):
        for statement in (f"UPDATE {table} SET purse_id = purse_id", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="never change"), connection.cursor() as cursor:
                cursor.execute(statement)


def test_the_recount_sees_a_changed_head_and_a_changed_day(client, enrol, issue, sale):
    teller, card = enrol(), issue(10_000)
    sale(teller, card, 3000)
    send(client, teller)
    post_all()
    Purse.objects.update(head_debited=1)
    assert any("head" in difference for difference in verify_ledger().differences)
    Purse.objects.update(head_debited=3000)
    RollDay.objects.filter(reason="sale").update(amount=1)
    assert any("day" in difference for difference in verify_ledger().differences)

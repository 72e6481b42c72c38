"""What durable records say against a card or a terminal: the four alarms of P-R13, and who is put on the hotlist."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from onecard.hotlist import HOTLIST, number_bytes
from onecard.identity import CardNumber
from onecard.kinds import Outcome, Purpose
from onecard.packed_table import PackedTable
from onecard.purse.record import Identity
from onecard.records import OutcomeRecord, Seal
from server.cards.hotlist import hotlist_after
from server.cards.models import HotlistEntry
from server.cards.reports import forgive_copies
from server.ingest.models import Alarm, Bundle
from server.ledger.forks import branches, fork_cost
from server.ledger.posting import post_next
from server.ledger.verify import verify_ledger

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KIND = Alarm.Kind


@pytest.fixture
def post(client):
    """Sends terminals' records, from `first` on, and posts them."""

    def one(*tellers, first=1, last=None):
        for teller in tellers:
            response = client.post("/sync/v1/bundle", teller.bundle(first, last), content_type="application/cbor")
            assert response.status_code == 200, response.content
        while post_next(NOW):
            pass
        assert verify_ledger().differences == ()

    return one


def alarms():
    return sorted(Alarm.objects.values_list("kind", flat=True))


def is_listed(card):
    return number_bytes(CardNumber(card.number)) in PackedTable(HOTLIST).apply(hotlist_after(0))


def clone_of(card):
    return replace(card, ring=list(card.ring))


def test_a_small_fork_is_alarmed_and_the_card_stays_in_use(enrol, issue, sale, post):
    alice, bob, card = enrol(), enrol(), issue()
    clone = clone_of(card)
    sale(alice, card, 4999)
    sale(bob, clone, 5000)
    post(alice, bob)
    assert alarms() == [KIND.PURSE_FORK]
    assert not is_listed(card)


def test_a_large_fork_puts_the_card_on_the_hotlist(enrol, issue, sale, post):
    alice, bob, card, other = enrol(), enrol(), issue(), issue()
    clone = clone_of(card)
    sale(alice, card, 5000)
    sale(alice, other, 5000)
    sale(bob, clone, 5001)
    post(alice)
    assert not HotlistEntry.objects.exists()
    post(bob)
    assert alarms() == [KIND.COPIED, KIND.PURSE_FORK]
    assert is_listed(card)
    assert not is_listed(other)
    entry = HotlistEntry.objects.get()
    assert (entry.reason, entry.refused, entry.operator) == (HotlistEntry.Reason.COPIED, True, None)


def test_a_repeated_fork_puts_the_card_on_the_hotlist_however_small(enrol, issue, sale, post):
    alice, bob, card = enrol(), enrol(), issue()
    clone = clone_of(card)
    for one, teller in ((card, alice), (clone, bob)):
        sale(teller, one, 1)
        sale(teller, one, 2)
    post(alice, bob)
    assert alarms() == [KIND.COPIED, KIND.PURSE_FORK, KIND.PURSE_FORK]
    assert is_listed(card)


def test_what_a_large_fork_is_says_the_setting(enrol, issue, sale, post, settings_of):
    alice, bob, card = enrol(), enrol(), issue()
    clone = clone_of(card)
    sale(alice, card, 100)
    sale(bob, clone, 200)
    with settings_of(ONECARD_LARGE_FORK_FEN=100):
        post(alice, bob)
    assert is_listed(card)


def test_a_fork_that_is_only_claimed_lists_nobody(enrol, issue, sale, post):
    alice, bob, card = enrol(), enrol(), issue()
    clone = clone_of(card)
    sale(alice, card, 5000)
    sale(bob, clone, 5000, None)
    post(alice, bob)
    assert alarms() == []
    assert not is_listed(card)


def test_a_forgiven_fork_lists_no_more_and_a_new_one_does(enrol, issue, sale, post):
    alice, bob, card = enrol(), enrol(), issue()
    clone = clone_of(card)
    sale(alice, card, 5000)
    sale(bob, clone, 5000)
    post(alice, bob)
    forgive_copies(CardNumber(card.number), None, NOW)
    Bundle.objects.update(posted=False)
    sale(alice, card, 10)
    post(alice)
    assert not is_listed(card)
    sale(bob, clone, 10)
    post(bob)
    assert is_listed(card)


def claim(teller, card, base, amount, purpose=Purpose.SALE):
    """An acknowledged debit on `base`, (counter, N, terminal, sequence byte)."""
    liar = replace(card, ring=[(base[0] - 2, 0, 0, 0), (base[0] - 1, 0, 0, 0), base])
    sequence = teller.add(liar.intent(teller, amount, purpose=purpose))
    teller.add(OutcomeRecord(sequence, Outcome.PAID if amount else Outcome.ACKED, 1))
    return liar.ring[-1]


def test_a_base_that_is_not_the_durable_record_of_its_counter_is_alarmed(enrol, issue, sale, post):
    alice, bob, card = enrol(), enrol(), issue()
    sale(alice, card, 100)
    counter, debited, terminal, sequence = card.ring[-1]
    claim(bob, card, (counter, debited + 1, terminal, sequence), 50)
    post(alice, bob)
    assert KIND.PURSE_FORK in alarms()
    assert f"counter {counter}" in Alarm.objects.get(kind=KIND.PURSE_FORK).about


def test_debited_that_falls_is_alarmed_and_lists_nobody(enrol, issue, post):
    teller, card = enrol(), issue()
    claim(teller, card, (2, 0, 0, 0), 500)
    claim(teller, card, (9, 0, teller.number, 2), 0, Purpose.SETTLE)
    post(teller)
    assert KIND.PURSE_FORK in alarms()
    assert not is_listed(card)


def test_a_record_of_a_terminal_that_is_not_known_is_alarmed(enrol, issue, post):
    teller, card = enrol(), issue()
    claim(teller, card, (3, 700, 999, 5), 100)
    post(teller)
    assert alarms() == [KIND.UNJOURNALLED]
    assert "counter 3: terminal 999, debited 7.00" in Alarm.objects.get().about


def test_a_record_that_stands_on_nothing_ever_issued_is_alarmed(enrol, issue, post):
    teller, card = enrol(), issue()
    claim(teller, card, (3, 700, 0, 0), 100)
    post(teller)
    assert alarms() == [KIND.UNJOURNALLED]


def test_a_record_missing_from_a_journal_that_is_all_here_is_alarmed(enrol, issue, sale, post):
    """Written with a stolen terminal's keys, and not journalled there: the terminal's next debit proves it."""
    alice, bob, card = enrol(), enrol(), issue()
    card.ring.append((3, 700, alice.number, 77))
    sale(bob, card, 100)
    post(bob)
    assert alarms() == []  # alice may still have it
    alice.add(Seal(1))
    post(alice)
    assert alarms() == []
    sale(alice, card, 100)
    post(alice)
    assert alarms() == [KIND.UNJOURNALLED]
    assert not is_listed(card)


def test_a_record_that_may_lie_in_a_gap_is_not_alarmed(enrol, issue, sale, post):
    alice, bob, card = enrol(), enrol(), issue()
    sale(alice, card, 700)
    sale(bob, card, 100)
    later = sale(alice, card, 50)
    post(bob)
    post(alice, first=later)
    assert alarms() == []
    post(alice)
    assert alarms() == []


def test_a_fork_costs_what_was_taken_beside_the_dearest_branch():
    first, second, third, alone = (
        Identity(3, 10, 1, 1),
        Identity(3, 20, 2, 1),
        Identity(3, 5, 3, 1),
        Identity(4, 30, 2, 2),
    )
    forks = branches({first, second, third, alone})
    assert forks == {3: {first, second, third}}
    assert fork_cost(forks, {first: 10, second: 20}) == 10
    assert fork_cost({}, {}) == 0

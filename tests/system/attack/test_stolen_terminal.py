"""A terminal is stolen, with the chain's debit masters and its own signing key in it: what that is worth to the thief.

He can forge what a terminal writes on cards and what a terminal uploads; he cannot load (I-10). What he gains is the
goods beyond what was paid in.
"""

from __future__ import annotations

import pytest

from firmware.results import Declined, Paid
from onecard.kinds import DeclineReason, Outcome
from onecard.purse.certificate import verified
from server.cards.models import Purse
from server.keyring import server_public
from tests.system.attack.thief import Debit, Thief

LOADED = 10_000
PRICE = 1000
SEVEN_BYTES = bytes.fromhex("04d610b6264280")


@pytest.fixture
def stolen(open_till):
    return open_till()


@pytest.fixture
def thief(stolen):
    return Thief(stolen)


def test_a_forged_record_that_states_less_debited_is_refused_where_the_card_was_spent(centre, open_till, card, thief):
    till = open_till()
    till.spend(card, PRICE)
    thief.forge(card, card.newest.counter + 5, 0)
    assert till.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    till.restart()
    assert till.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    assert till.taken.total() == LOADED


@pytest.mark.parametrize("cap", [30_000, 4000])
def test_forged_records_take_one_balance_or_cap_at_each_till_that_knows_nothing_and_the_centre_sees_it(
    centre, open_till, card, thief, cap
):
    tills = [open_till(cap) for _ in range(3)]
    for till in tills:
        till.spend(card, PRICE)
        thief.forge(card, card.newest.counter + 5, 0)
    taken = [till.taken.total() for till in tills]
    assert taken == [min(cap, LOADED)] * 3
    assert sum(taken) - LOADED <= 2 * LOADED
    for till in tills:
        till.sync()
    assert centre.alarms >= {"purse-fork"}


def test_a_record_forged_while_a_sale_is_in_doubt_pays_nothing(centre, open_till, card, thief):
    till = open_till()
    assert isinstance(till.pay(card, PRICE), Paid)
    till.tear("after")
    till.pay(card, PRICE)
    thief.forge(card, card.newest.counter + 1, 0)
    while not isinstance(till.pay(card, PRICE), Declined):
        assert till.taken.total() == PRICE
    assert till.taken.total() == PRICE
    till.sync()
    assert centre.loaded(card) == LOADED


def test_an_emulated_desfire_takes_one_balance_at_each_till_that_knows_nothing_and_the_centre_sees_it(
    centre, open_till, thief, tmp_path
):
    genuine = centre.issue_desfire(tmp_path / "desfire", SEVEN_BYTES, LOADED)
    tills = [open_till() for _ in range(2)]
    assert tills[0].spend(genuine, PRICE) == LOADED
    emulated = thief.emulate_desfire(tmp_path / "emulated", SEVEN_BYTES, centre.certificate(genuine))
    assert tills[0].refusal(emulated, PRICE) is DeclineReason.CARD_BEHIND
    assert tills[1].spend(emulated, PRICE) == LOADED
    for till in tills:
        till.sync()
    assert centre.alarms >= {"purse-fork"}


def test_a_patrons_card_over_debited_by_the_thief_shows_as_a_debit_that_only_the_card_tells_of(
    centre, open_till, card, thief
):
    till = open_till()
    till.pay(card, PRICE)
    thief.forge(card, card.newest.counter + 1, PRICE + 2500)
    till.pay(card, PRICE)
    till.sync()
    recount = centre.settle()
    assert (recount.seen, recount.in_doubt_fen, recount.unattributed_fen) == (1, 2500, 0)
    assert (recount.sites_fen, recount.loaded_fen) == (2 * PRICE, LOADED)


def invented_refund(centre, card, thief, amount=5000):
    """INTENT and ABANDONED for a sale that never was, and an acknowledged null record on it."""
    statement = verified(centre.certificate(card), server_public())
    counter, debited = card.newest.counter, card.newest.debited
    thief.claim(card, statement, Debit(counter + 1, debited + amount, amount), Outcome.ABANDONED)
    thief.claim(card, statement, Debit(counter + 2, debited + amount, 0), Outcome.ACKED)


def test_invented_refunds_make_no_money_on_the_card_that_states_their_debits(centre, open_till, card, stolen, thief):
    till = open_till()
    invented_refund(centre, card, thief)
    stolen.sync()
    assert centre.settle().refunded == 1
    assert centre.loaded(card) == LOADED + 5000
    till.sync()
    assert till.spend(card, PRICE) == LOADED, "P rose by what N rose"
    till.sync()
    assert centre.settle().float_fen == 0
    assert centre.alarms == set()


def test_invented_refunds_make_no_money_on_the_state_before_them(centre, open_till, card, stolen, thief):
    till, cut_off, before = open_till(), open_till(), card.dump()
    invented_refund(centre, card, thief)
    stolen.sync()
    till.sync()
    card.restore(before)
    assert till.refusal(card, PRICE) is DeclineReason.CARD_BEHIND, "the refund's certificate has their floor"
    assert cut_off.spend(card, PRICE) == LOADED, "the old certificate, on a state that is not the newest"
    cut_off.sync()
    assert centre.alarms >= {"purse-fork"}
    assert till.taken.total() + cut_off.taken.total() == LOADED, "what was paid in"


def test_no_n_below_an_invented_refund_is_believed_and_the_bound_stays_what_it_was(
    centre, open_till, card, stolen, thief
):
    tills, before = [open_till() for _ in range(2)], card.dump()
    invented_refund(centre, card, thief)
    stolen.sync()
    for till in tills:
        till.sync()
    card.restore(before)
    thief.forge(card, 40, 0)
    for till in tills:
        assert till.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    thief.forge(card, 41, 5000)
    taken = []
    for till in tills:
        taken.append(till.spend(card, PRICE))
        thief.forge(card, card.newest.counter + 1, 5000)
    assert taken == [LOADED] * 2, "one balance at each of k terminals: (k - 1) × balance beyond what was paid in"
    for till in tills:
        till.sync()
    assert centre.alarms >= {"purse-fork"}


def test_flows_invented_on_two_branches_are_alarmed_and_refund_nothing_beyond_n(centre, open_till, card, stolen, thief):
    before = card.dump()
    invented_refund(centre, card, thief, 5000)
    card.restore(before)
    invented_refund(centre, card, thief, 4000)
    stolen.sync()
    recount = centre.settle()
    assert centre.alarms >= {"purse-fork"}
    assert recount.loaded_fen - LOADED <= recount.debited_fen


def test_a_revoked_terminal_uploads_nothing_more(centre, open_till, card, stolen, thief):
    stolen.sync()
    records = Purse.objects.get().head_counter
    stolen.revoke()
    invented_refund(centre, card, thief)
    assert not stolen.upload()
    assert "403" in stolen.said[-1]
    recount = centre.settle()
    assert (recount.refunded, Purse.objects.get().head_counter) == (0, records)
    assert centre.alarms == {"revoked"}
    till = open_till()
    till.sync()
    assert till.spend(card, PRICE) == LOADED - 5000, "his forged record debits his own card: no load comes of it"

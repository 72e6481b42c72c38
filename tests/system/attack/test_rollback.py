"""A Classic that its holder dumps, restores and clones: what he gains, to the fen, and that the centre sees it.

What he gains is the goods beyond what was paid in (docs/purse.md, Attackers and bounds). Each sale is besides held
against the bound of its terminal (`Till.pay`).
"""

from __future__ import annotations

import pytest

from firmware.results import InDoubt, Paid, Shown
from onecard.kinds import DeclineReason

LOADED = 10_000
PRICE = 1000
REFUSED = (DeclineReason.HOTLISTED, DeclineReason.CARD_BEHIND)


def test_a_restored_card_is_refused_where_it_was_spent(centre, open_till, card):
    till, dump = open_till(), card.dump()
    assert till.spend(card, PRICE) == LOADED
    card.restore(dump)
    assert till.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    till.restart()
    assert till.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    till.sync()
    assert till.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    till.sync()
    assert till.taken.total() == LOADED
    assert centre.declined == [DeclineReason.SHORT_OF_MONEY, *[DeclineReason.CARD_BEHIND] * 3]


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("cap", [30_000, 4000])
@pytest.mark.parametrize("clones", [False, True], ids=["restored", "cloned"])
def test_tills_that_know_nothing_of_each_other_lose_one_balance_or_cap_each_and_the_centre_sees_it(
    centre, open_till, card, count, cap, clones
):
    tills, dump = [open_till(cap) for _ in range(count)], card.dump()
    plastic = [card.clone(number) if clones else card for number in range(count)]
    for till, shown in zip(tills, plastic, strict=True):
        shown.restore(dump)
        till.spend(shown, PRICE)
    taken = [till.taken.total() for till in tills]
    assert taken == [min(cap, LOADED)] * count
    assert sum(taken) - LOADED <= (count - 1) * LOADED
    for till in tills:
        till.sync()
    assert centre.alarms >= {"purse-fork"}
    assert centre.settle().sites_fen == sum(taken)


def test_a_load_between_dump_and_restore_is_lost_once_more_where_nothing_is_known(centre, open_till, card):
    informed, cut_off, dump = open_till(), open_till(), card.dump()
    assert informed.spend(card, PRICE) == LOADED
    informed.sync()
    centre.load(card, 5000)
    informed.sync()
    assert informed.spend(card, PRICE) == 5000, "delivered, and spent"
    card.restore(dump)
    assert informed.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    assert cut_off.spend(card, PRICE) == LOADED, "the old certificate states no more than this"
    for till in (informed, cut_off):
        till.sync()
    assert centre.alarms >= {"purse-fork"}
    assert informed.taken.total() + cut_off.taken.total() == 2 * LOADED + 5000


def test_a_new_certificates_floor_refuses_an_old_dump_at_a_till_that_never_saw_the_card(centre, open_till, card):
    first, second, dump = open_till(), open_till(), card.dump()
    first.spend(card, PRICE)
    first.sync()
    centre.load(card, 5000)
    second.sync()
    card.restore(dump)
    assert second.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    assert second.taken.total() == 0


def test_an_old_ring_under_a_new_certificate_is_refused(centre, open_till, card):
    first, second = open_till(), open_till()
    old = card.newest
    dump = card.dump()
    first.spend(card, PRICE)
    first.sync()
    newest = centre.load(card, 5000)
    card.restore(dump)
    card.write_certificate(old.load_reference.copy, newest)
    assert second.refusal(card, PRICE) is DeclineReason.BAD_CERTIFICATE
    card.restore(dump)
    card.write_certificate(1 - old.load_reference.copy, newest)
    assert second.spend(card, PRICE) == LOADED, "the ring names the old one: that copy counts"


def test_a_clone_used_in_turns_at_tills_that_are_online_is_seen_after_its_first_sale(centre, open_till, card):
    first, second, clone = open_till(), open_till(), card.clone(1)
    assert isinstance(first.pay(card, PRICE), Paid)
    for till in (first, second):
        till.sync()
    second.pay(clone, PRICE)
    for till in (second, first):
        till.sync()
    stolen = second.taken.total()
    assert stolen <= PRICE
    assert centre.alarms >= ({"purse-fork"} if stolen else set())
    centre.refuse(card)
    for till in (first, second):
        till.sync()
        for shown in (card, clone):
            assert till.refusal(shown, PRICE) in REFUSED
    assert first.taken.total() + second.taken.total() == PRICE + stolen


def test_a_card_on_the_list_is_refused_in_every_state_it_ever_had(centre, open_till, card):
    till, cut_off = open_till(), open_till(4000)
    states = [card.dump()]
    for _ in range(3):
        till.pay(card, PRICE)
        states.append(card.dump())
    centre.refuse(card)
    till.sync()
    for state in states[::-1]:
        card.restore(state)
        assert till.refusal(card, PRICE) in REFUSED
    card.restore(states[0])
    assert cut_off.spend(card, PRICE) == 4000, "min(c_T, P - N_T) where the list did not arrive"
    cut_off.sync()
    assert cut_off.refusal(card, PRICE) is DeclineReason.HOTLISTED
    assert centre.alarms >= {"purse-fork"}


@pytest.mark.parametrize("mode", ["before", "erased", "half", "weak", "after"])
def test_a_roll_back_while_a_sale_is_in_doubt_pays_nothing(centre, open_till, card, mode):
    till, first = open_till(), card.dump()
    assert isinstance(till.pay(card, PRICE), Paid)
    till.tear(mode)
    assert isinstance(till.pay(card, PRICE), InDoubt)
    card.restore(first)
    assert not isinstance(till.pay(card, PRICE), Paid | InDoubt)
    assert not isinstance(till.pay(card, PRICE), Paid | InDoubt)
    assert till.taken.total() == PRICE


def test_the_state_before_the_tear_put_back_pays_the_same_sale_once(centre, open_till, card):
    till, before = open_till(), card.dump()
    till.tear("after")
    assert isinstance(till.pay(card, PRICE), InDoubt)
    torn = card.dump()
    card.restore(before)
    assert isinstance(till.pay(card, PRICE), Paid)
    card.restore(torn)
    assert till.spend(card, PRICE) == LOADED - PRICE, "the same record stood on both"
    till.sync()
    assert till.taken.total() == LOADED
    assert centre.alarms == set()


def test_a_refund_got_by_a_tear_is_not_spent_on_the_state_before_it(centre, open_till, card):
    till, other, before = open_till(), open_till(), card.dump()
    till.tear("after")
    assert isinstance(till.pay(card, PRICE), InDoubt)
    till.station.teller.abandon()
    assert isinstance(other.settle(card), Shown), "what is below is durable now"
    till.sync()
    other.sync()
    assert centre.settle().refunded == 1
    till.sync()
    other.sync()
    card.restore(before)
    for each in (till, other):
        assert each.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    assert till.taken.total() + other.taken.total() == 0


def test_a_sale_abandoned_on_a_state_that_was_put_back_is_void_and_not_refunded(centre, open_till, card):
    till, before = open_till(), card.dump()
    till.tear("after")
    assert isinstance(till.pay(card, PRICE), InDoubt)
    till.station.teller.abandon()
    card.restore(before)
    assert till.spend(card, PRICE) == LOADED
    till.sync()
    recount = centre.settle()
    assert (recount.refunded, recount.in_doubt_fen, recount.sites_fen) == (0, 0, LOADED)

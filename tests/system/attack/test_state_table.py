"""The same attackers where terminals hold the state table (P-R13): what was told of a card elsewhere bounds it here."""

from __future__ import annotations

import pytest

from firmware.results import InDoubt, Paid
from onecard.kinds import DeclineReason
from tests.system.attack.thief import Thief

LOADED = 10_000
PRICE = 1000


def sync_all(*tills):
    """Everybody has uploaded, then everybody has what came of it."""
    for till in (*tills, *tills):
        till.sync()


@pytest.fixture
def tills(open_till):
    return open_till(), open_till()


def test_a_card_spent_elsewhere_and_put_back_is_refused_where_the_table_came(centre, tills, card):
    first, second = tills
    dump = card.dump()
    assert first.spend(card, PRICE) == LOADED
    sync_all(*tills)
    card.restore(dump)
    assert second.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    second.restart()
    assert second.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    assert second.taken.total() == 0


def test_a_clone_used_in_turns_at_tills_that_are_online_gains_nothing(centre, tills, card):
    first, second = tills
    clone = card.clone(1)
    sync_all(*tills)
    while isinstance(first.pay(card, PRICE), Paid):
        sync_all(*tills)
        assert second.refusal(clone, PRICE) is DeclineReason.CARD_BEHIND
        sync_all(*tills)
    assert first.taken.total() + second.taken.total() == LOADED
    assert centre.alarms == set(), "nothing was written on a second branch"


def test_a_till_cut_off_since_a_sync_loses_what_the_card_held_then(centre, tills, card):
    online, cut_off = tills
    states = [card.dump()]
    for _ in range(3):
        online.pay(card, PRICE)
        states.append(card.dump())
    sync_all(*tills)
    assert online.spend(card, PRICE) == LOADED - 3 * PRICE
    online.sync()
    for older in states[:3]:
        card.restore(older)
        assert cut_off.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    card.restore(states[3])
    assert cut_off.spend(card, PRICE) == LOADED - 3 * PRICE, "P - N_T"
    sync_all(*tills)
    assert centre.alarms >= {"purse-fork"}


def test_a_new_table_does_not_give_a_copied_card_the_cap_once_more(centre, open_till, card):
    online, capped = open_till(), open_till(4000)
    dump = card.dump()
    assert capped.spend(card, PRICE) == 4000
    sync_all(online, capped)
    card.restore(dump)
    assert capped.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    assert online.refusal(card, PRICE) is DeclineReason.CARD_BEHIND


def test_copies_that_took_much_are_on_the_list_at_the_next_sync_without_a_person(centre, open_till, card):
    tills = [open_till() for _ in range(3)]
    plastic = [card.clone(number) for number in range(3)]
    for till, shown in zip(tills[:2], plastic[:2], strict=True):
        assert till.spend(shown, PRICE) == LOADED
    sync_all(*tills)
    assert centre.alarms == {"purse-fork", "copied"}
    for till in tills:
        for shown in plastic:
            assert till.refusal(shown, PRICE) in (DeclineReason.HOTLISTED, DeclineReason.CARD_BEHIND)
    assert tills[2].taken.total() == 0


def test_a_record_forged_below_the_row_is_refused_where_the_card_was_never_seen(centre, open_till, card):
    thief = Thief(open_till())
    first, second = open_till(), open_till()
    first.spend(card, PRICE)
    sync_all(first, second)
    thief.forge(card, card.newest.counter + 5, 0)
    assert second.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    assert second.taken.total() == 0


def test_a_sale_in_doubt_is_not_paid_on_a_state_below_what_was_told_since(centre, tills, card):
    """Hole H28: the same card was spent elsewhere meanwhile, and put back to where the sale would have stood."""
    first, second = tills
    first.tear("after")
    assert isinstance(first.pay(card, PRICE), InDoubt)
    torn = card.dump()
    assert second.spend(card, PRICE) == LOADED - PRICE, "on top of the record in doubt"
    sync_all(*tills)
    card.restore(torn)
    assert first.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    first.station.teller.abandon()
    assert first.refusal(card, PRICE) is DeclineReason.CARD_BEHIND
    sync_all(*tills)
    assert first.taken.total() + second.taken.total() == LOADED - PRICE
    assert centre.settle().refunded == 1, "his own sale, which stands, given up"

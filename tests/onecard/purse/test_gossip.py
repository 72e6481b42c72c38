"""The ring's gossip: which debits only cards tell of, and when nothing may be said of one alone."""

from __future__ import annotations

from onecard.kinds import Outcome
from onecard.purse.gossip import CardDebit, card_debits
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, resolve

_GENESIS = Identity(2, 0, 900, 2)
_FIRST = Identity(3, 1234, 9, 7)
_SECOND = Identity(4, 1300, 9, 9)


def _told(terminal: int, base: Identity, outcome: Outcome | None, *also_seen: Identity, amount: int = 500) -> Evidence:
    record = Identity(base.counter + 1, base.debited + amount, terminal, 10)
    return Evidence(10, record, base, (base, *also_seen), amount, outcome)


def _rebuilt(*evidence: Evidence) -> list[CardDebit]:
    return card_debits(_GENESIS, resolve(_GENESIS, evidence).durable, evidence)


def test_what_an_unacknowledged_intent_saw_is_not_rebuilt() -> None:
    """A mere read never settles (hole H4)."""
    for outcome in (None, Outcome.ABANDONED, Outcome.UNSENT):
        assert _rebuilt(_told(1, _SECOND, outcome, _FIRST, _GENESIS)) == []


def test_nothing_is_rebuilt_of_a_record_that_an_intent_here_claims() -> None:
    own = Evidence(7, _FIRST, _GENESIS, (_GENESIS,), 1234, None)
    assert _rebuilt(own, _told(1, _FIRST, Outcome.PAID, _GENESIS)) == []


def test_nothing_is_rebuilt_of_a_record_whose_intent_was_told_unsent() -> None:
    """Its terminal contradicts a card: somebody lies, and the sum alone is sure."""
    own = Evidence(7, _FIRST, _GENESIS, (_GENESIS,), 1234, Outcome.UNSENT)
    assert _rebuilt(own, _told(1, _FIRST, Outcome.PAID, _GENESIS)) == []


def test_a_debit_on_a_record_that_nobody_saw_is_only_in_the_sum() -> None:
    third = Identity(5, 1400, 9, 11)
    assert _rebuilt(_told(1, third, Outcome.PAID)) == []
    assert _rebuilt(_told(1, third, Outcome.PAID, _SECOND)) == [CardDebit(third, 100)]


def test_nothing_is_rebuilt_where_two_durable_records_stand() -> None:
    clone = Evidence(10, Identity(3, 200, 5, 10), _GENESIS, (_GENESIS,), 200, Outcome.PAID)
    assert _rebuilt(clone, _told(1, _SECOND, Outcome.PAID, _FIRST, _GENESIS)) == []


def test_null_records_and_the_desks_own_are_no_debits() -> None:
    genesis = Identity(2, 100, 900, 2)
    null = Identity(3, 100, 9, 7)
    told = _told(1, null, Outcome.PAID, genesis, Identity(1, 0, 900, 1))
    assert card_debits(genesis, resolve(genesis, [told]).durable, [told]) == []


def test_the_debits_of_a_destroyed_terminal_are_rebuilt_from_the_ring_that_the_next_one_saw() -> None:
    found = _rebuilt(_told(1, _SECOND, Outcome.PAID, _FIRST, _GENESIS))
    assert found == [CardDebit(_FIRST, 1234), CardDebit(_SECOND, 66)]


def test_the_record_below_may_be_known_from_another_ring() -> None:
    """Two cards' readers each saw a part: the older of three debits stands on a record that another intent wrote."""
    earlier = Evidence(10, Identity(3, 100, 5, 10), _GENESIS, (_GENESIS,), 100, Outcome.PAID)
    dead = [Identity(4, 150, 9, 1), Identity(5, 170, 9, 2), Identity(6, 175, 9, 3)]
    assert [debit.amount for debit in _rebuilt(earlier, _told(1, dead[2], Outcome.PAID, *dead))] == [50, 20, 5]

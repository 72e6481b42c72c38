"""Resolution: what stands, what is void, what is refunded, from the set of evidence alone (P-R9 … R12)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.kinds import Outcome
from onecard.purse.bounds import Bound
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, Resolution, State, resolve

_GENESIS = Identity(2, 0, 900, 2)
_PAID, _ACKED, _ABANDONED, _UNSENT = Outcome


def _told(
    terminal: int, sequence: int, base: Identity, amount: int, outcome: Outcome | None, *also_seen: Identity
) -> Evidence:
    record = Identity(base.counter + 1, base.debited + amount, terminal, sequence & 0xFF)
    return Evidence(sequence, record, base, (base, *also_seen), amount, outcome)


# Nothing is concluded from what is not durable.


@pytest.mark.parametrize("outcome", [None, Outcome.ABANDONED])
def test_an_unacknowledged_record_alone_stays_open(outcome: Outcome | None) -> None:
    """A mere read never settles, and neither does the terminal's final word (holes H3, H4)."""
    sale = _told(1, 10, _GENESIS, 30, outcome)
    settled = resolve(_GENESIS, [sale])
    assert settled.states == {(1, 10): State.OPEN}
    assert settled.refunds == frozenset()
    assert settled.head == Bound(2, 0)


def test_what_an_unacknowledged_intent_saw_is_no_evidence() -> None:
    """A weak record was read once, then vanished (hole H4)."""
    first = _told(1, 10, _GENESIS, 30, Outcome.ABANDONED)
    second = _told(2, 5, first.record, 20, None)
    settled = resolve(_GENESIS, [first, second])
    assert set(settled.states.values()) == {State.OPEN}
    assert settled.refunds == frozenset()


def test_a_paid_sale_is_never_refunded() -> None:
    sale = _told(1, 10, _GENESIS, 30, Outcome.PAID)
    settled = resolve(_GENESIS, [sale])
    assert settled.states == {(1, 10): State.STANDS}
    assert settled.refunds == frozenset()


def test_two_words_for_one_sale_weigh_for_the_acknowledged_one_in_any_order() -> None:
    """A rogue or broken terminal tells PAID and ABANDONED of one intent: goods were given, nothing is refunded."""
    words = [_told(1, 10, _GENESIS, 30, outcome) for outcome in (None, *Outcome)]
    for order in (words, words[::-1], words[2:] + words[:2]):
        settled = resolve(_GENESIS, order)
        assert settled.states == {(1, 10): State.STANDS}
        assert settled.refunds == frozenset()


def test_a_record_that_two_intents_claim_is_not_refunded() -> None:
    """The cashier cancels and sells for the same price at the same counter; the terminal burned no sequence (H10)."""
    cancelled = _told(1, 10, _GENESIS, 30, Outcome.ABANDONED)
    sold = _told(1, 10 + 256, _GENESIS, 30, Outcome.PAID)
    assert cancelled.record == sold.record
    for order in ([cancelled, sold], [sold, cancelled]):
        settled = resolve(_GENESIS, order)
        assert settled.states == {(1, 10): State.VOID, (1, 266): State.STANDS}
        assert settled.refunds == frozenset()
        assert settled.forks == (3,)
        assert settled.unattributed == 0


def test_a_twice_claimed_record_waits_for_nothing_but_is_flagged() -> None:
    cancelled = _told(1, 10, _GENESIS, 30, Outcome.ABANDONED)
    unknown = _told(1, 266, _GENESIS, 30, None)
    seal = _told(2, 1, cancelled.record, 0, Outcome.ACKED)
    assert resolve(_GENESIS, [cancelled, unknown]).forks == ()
    settled = resolve(_GENESIS, [cancelled, unknown, seal])
    assert settled.refunds == frozenset(), "the other word may still be PAID"
    assert settled.forks == (3,)


def test_an_abandoned_null_record_or_free_entry_is_no_refund() -> None:
    null = _told(1, 10, _GENESIS, 0, Outcome.ABANDONED)
    settled = resolve(_GENESIS, [null, _told(2, 1, null.record, 5, Outcome.PAID)])
    assert settled.states[1, 10] is State.STANDS
    assert settled.refunds == frozenset()


# Durable: the writer's acknowledgement, and all it stands on.


def test_an_abandoned_debit_that_stands_is_refunded_once() -> None:
    sale = _told(1, 10, _GENESIS, 30, Outcome.ABANDONED)
    seal = _told(2, 4, sale.record, 0, Outcome.ACKED)
    settled = resolve(_GENESIS, [sale, seal, sale, seal])
    assert settled.states == {(1, 10): State.STANDS, (2, 4): State.STANDS}
    assert settled.refunds == {(1, 10)}
    assert settled.head == Bound(4, 30)
    assert settled.unattributed == 0


def test_a_sale_in_doubt_that_stands_is_not_refunded_yet() -> None:
    """Its terminal may still see the card again and give the goods (hole H6)."""
    sale = _told(1, 10, _GENESIS, 30, None)
    settled = resolve(_GENESIS, [sale, _told(2, 4, sale.record, 0, Outcome.ACKED)])
    assert settled.states[1, 10] is State.STANDS
    assert settled.refunds == frozenset()


def test_the_ring_that_an_acknowledged_intent_saw_is_durable() -> None:
    """Records of a terminal that never uploads again are attributed from the ring (I-11)."""
    dead_first, dead_second = Identity(3, 30, 5, 1), Identity(4, 70, 5, 2)
    last = _told(2, 4, dead_second, 10, Outcome.PAID, dead_first)
    settled = resolve(_GENESIS, [last])
    assert {dead_first, dead_second, last.record, _GENESIS} == settled.durable
    assert settled.unattributed == 70


def test_unattributed_shrinks_exactly_as_records_arrive() -> None:
    chain = [_told(1, 10, _GENESIS, 30, Outcome.PAID)]
    for sequence, amount in ((11, 40), (12, 0), (13, 5)):
        chain.append(_told(1, sequence, chain[-1].record, amount, Outcome.PAID))
    for known in range(len(chain)):
        settled = resolve(_GENESIS, chain[known:])
        assert settled.unattributed == sum(item.amount for item in chain[:known])
        assert settled.head == Bound(6, 75)


# Void.


def test_a_record_displaced_at_its_counter_is_void() -> None:
    lost = _told(1, 10, _GENESIS, 30, Outcome.ABANDONED)
    kept = _told(2, 4, _GENESIS, 20, Outcome.PAID)
    settled = resolve(_GENESIS, [lost, kept])
    assert settled.states == {(1, 10): State.VOID, (2, 4): State.STANDS}
    assert settled.refunds == frozenset()
    assert settled.forks == ()


def test_a_record_on_a_displaced_base_is_void_and_so_is_the_chain_above() -> None:
    lost = _told(1, 10, _GENESIS, 30, None)
    above = _told(2, 4, lost.record, 20, None)
    higher = _told(1, 12, above.record, 20, Outcome.ABANDONED)
    highest = _told(2, 6, higher.record, 20, None)
    kept = _told(3, 1, _GENESIS, 5, Outcome.ACKED)
    settled = resolve(_GENESIS, [highest, higher, above, lost, kept])
    assert {name for name, state in settled.states.items() if state is State.VOID} == {(1, 10), (2, 4), (1, 12), (2, 6)}


def test_a_record_on_an_unknown_base_that_is_displaced_is_void() -> None:
    """The base's own intent never arrived: its counter is enough."""
    stranger = Identity(3, 99, 8, 8)
    above = _told(2, 4, stranger, 20, None)
    assert resolve(_GENESIS, [above]).states == {(2, 4): State.OPEN}
    assert resolve(_GENESIS, [above, _told(3, 1, _GENESIS, 5, Outcome.PAID)]).states[2, 4] is State.VOID


def test_an_unsent_record_is_void_and_supports_nothing() -> None:
    unsent = _told(1, 10, _GENESIS, 30, Outcome.UNSENT)
    again = _told(1, 266, _GENESIS, 30, Outcome.PAID)
    settled = resolve(_GENESIS, [unsent, again])
    assert settled.states == {(1, 10): State.VOID, (1, 266): State.STANDS}
    assert settled.forks == ()


def test_a_durable_record_is_never_void() -> None:
    """Two branches of a cloned card are both paid: flagged, claimed back, not unpaid."""
    one, other = _told(1, 10, _GENESIS, 30, Outcome.PAID), _told(2, 4, _GENESIS, 20, Outcome.PAID)
    above = _told(2, 5, other.record, 1, Outcome.PAID)
    settled = resolve(_GENESIS, [one, other, above])
    assert set(settled.states.values()) == {State.STANDS}
    assert settled.forks == (3, 4)
    assert settled.head == Bound(4, 30), "the floor of the next certificate is below neither branch"


def test_what_states_less_than_a_record_before_it_is_a_fork_and_no_lower_head() -> None:
    """A stolen terminal's null record far above, with N = 0, would take the floor from under a refund (hole H15)."""
    sale = _told(1, 10, _GENESIS, 30, Outcome.ABANDONED)
    seal = _told(1, 11, sale.record, 0, Outcome.ACKED)
    lower = _told(1, 12, Identity(99, 0, 1, 0), 0, Outcome.ACKED)
    settled = resolve(_GENESIS, [sale, seal, lower])
    assert settled.head == Bound(100, 30)
    assert settled.forks == (99,)


def test_a_base_above_its_record_ends_the_search() -> None:
    """Evidence that contradicts itself costs no time and settles nothing by itself."""
    up, down = Identity(9, 9, 1, 1), Identity(8, 8, 1, 2)
    loop = [Evidence(1, up, down, (down,), 1, None), Evidence(2, down, up, (up,), 1, None)]
    assert set(resolve(_GENESIS, loop).states.values()) == {State.OPEN}
    paid = [Evidence(1, up, down, (down,), 1, Outcome.PAID), loop[1]]
    assert set(resolve(_GENESIS, paid).states.values()) == {State.STANDS}


# A whole day on an honest card, in any order of arrival.


def _day(source: random.Random, length: int) -> tuple[list[Evidence], list[Evidence]]:
    """An honest card's evidence, and the part of it that is on the card, oldest first."""
    told: list[Evidence] = []
    chain: list[Evidence] = []
    newest, ring = _GENESIS, [_GENESIS]
    sequences = {terminal: 10 * terminal for terminal in (1, 2, 3)}
    for place in range(length):
        terminal = source.choice((1, 2, 3))
        sequences[terminal] += 1
        amount = source.choice((0, 10, 10, 25))
        landed = source.random() < 0.7 or place == length - 1
        acked = (landed and source.random() < 0.7) or place == length - 1
        null, sale = (Outcome.ACKED, Outcome.ABANDONED), (Outcome.PAID, Outcome.ABANDONED)
        word = (sale if amount else null)[0 if acked else 1]
        item = _told(terminal, sequences[terminal], newest, amount, word, *ring[-3:-1])
        told.append(item)
        if landed:
            chain.append(item)
            newest = item.record
            ring.append(newest)
    return told, chain


def _check_day(told: list[Evidence], chain: list[Evidence], settled: Resolution) -> None:
    standing = {(item.record.terminal, item.sequence) for item in chain}
    for item in told:
        name = (item.record.terminal, item.sequence)
        assert settled.states[name] is (State.STANDS if name in standing else State.VOID)
    due = {(i.record.terminal, i.sequence) for i in chain if i.outcome is Outcome.ABANDONED and i.amount}
    assert settled.refunds == due
    assert settled.forks == ()
    assert settled.unattributed == 0
    assert settled.head == Bound(chain[-1].record.counter, chain[-1].record.debited)


@given(st.integers(0, 1 << 32), st.integers(1, 25))
def test_after_one_acknowledged_record_and_all_uploads_nothing_is_in_doubt(seed: int, length: int) -> None:
    """I-11, on chains longer than the explorer goes."""
    told, chain = _day(random.Random(seed), length)
    _check_day(told, chain, resolve(_GENESIS, told))


@given(st.integers(0, 1 << 32), st.integers(1, 12))
def test_order_and_duplicates_and_late_outcomes_change_nothing(seed: int, length: int) -> None:
    source = random.Random(seed)
    told, _ = _day(source, length)
    late = [Evidence(i.sequence, i.record, i.base, i.seen, i.amount, None) for i in told if source.random() < 0.5]
    arrived = told + late + source.choices(told, k=3)
    expected = resolve(_GENESIS, told)
    for _ in range(3):
        source.shuffle(arrived)
        assert resolve(_GENESIS, arrived) == expected


@given(st.integers(0, 1 << 32), st.integers(1, 15))
def test_more_evidence_never_takes_a_conclusion_back(seed: int, length: int) -> None:
    """Durable only grows; what stands, is void or is refunded stays so (P-R9)."""
    source = random.Random(seed)
    told, _ = _day(source, length)
    arriving: list[tuple[Evidence, bool]] = [(item, with_word) for item in told for with_word in (False, True)]
    source.shuffle(arriving)
    here: list[Evidence] = []
    before = resolve(_GENESIS, here)
    for item, with_word in arriving:
        word = item.outcome if with_word else None
        here.append(Evidence(item.sequence, item.record, item.base, item.seen, item.amount, word))
        now = resolve(_GENESIS, here)
        assert before.durable <= now.durable
        assert before.refunds <= now.refunds
        assert before.head <= now.head
        settled = {name: state for name, state in before.states.items() if state is not State.OPEN}
        assert settled.items() <= now.states.items()
        paid = {(i.record.terminal, i.sequence) for i in told if i.outcome is Outcome.PAID}
        assert not now.refunds & paid
        before = now

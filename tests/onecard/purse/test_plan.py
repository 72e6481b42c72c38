"""Planning: what may be written next (P-R2, R4, R24), what a re-tap does (P-R5, R8), names that differ (P-R7)."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.purse.bounds import Bound
from onecard.purse.plan import (
    Behind,
    NotVisible,
    OpenIntent,
    Rewrite,
    SealOpen,
    Write,
    append,
    retap,
    usable_sequence,
    worn_out,
)
from onecard.purse.record import COUNTER_LIMIT, DEBITED_LIMIT, DebitRecord, Identity, LoadReference
from onecard.purse.ring import Ring, slot_of

_HERE, _ELSEWHERE = 7, 8
_REFERENCE = LoadReference.of(0, 3)


def _record(counter: int, debited: int, terminal: int = _ELSEWHERE, sequence: int = 0) -> DebitRecord:
    return DebitRecord(counter, _REFERENCE, debited, terminal, sequence & 0xFF)


def _ring(*records: DebitRecord) -> Ring:
    slots: list[DebitRecord | None] = [None, None, None]
    for record in records:
        assert slots[slot_of(record.counter)] is None
        slots[slot_of(record.counter)] = record
    return Ring(tuple(slots))


# A ring at counter 10 on which terminal 7 wanted 30 fen with its intent 0x55.
_OLDER, _BASE, _OWN = _record(9, 80), _record(10, 100), _record(11, 130, _HERE, 0x55)
_INTENT = OpenIntent(record=_OWN, base=_BASE)
_NEXT = _record(12, 130)


# Appending.


@pytest.mark.parametrize("amount", [0, 1, 4500])
def test_only_the_newest_counter_plus_one_is_appended(amount: int) -> None:
    write = append(_ring(_OLDER, _BASE), amount, _HERE, 0x1AB, LoadReference.of(1, 12))
    assert write.record == DebitRecord(11, LoadReference(1, 4), 100 + amount, _HERE, 0xAB)
    assert write.slot == slot_of(11) == 2


@pytest.mark.parametrize("amount", [-1, -4500])
def test_debited_never_falls(amount: int) -> None:
    with pytest.raises(AssertionError):
        append(_ring(_BASE), amount, _HERE, 1, _REFERENCE)


def test_nothing_is_appended_to_a_ring_without_a_record() -> None:
    """An unreadable ring never means that nothing was debited (hole H22)."""
    with pytest.raises(AssertionError):
        append(Ring((None, None, None)), 1, _HERE, 1, _REFERENCE)
    with pytest.raises(AssertionError):
        worn_out(Ring((None, None, None)), 0)


def test_unreadable_blocks_besides_the_target_are_blanked_first() -> None:
    """A weak record could come back later and hide a paid debit (hole H8)."""
    lone = _ring(_BASE)  # slot 1; the target is slot 2, slot 0 is unreadable
    assert append(lone, 5, _HERE, 1, _REFERENCE).blank == (0,)
    assert append(_ring(_OLDER, _BASE), 5, _HERE, 1, _REFERENCE).blank == ()
    full = _ring(_record(8, 70), _OLDER, _BASE)
    assert append(full, 5, _HERE, 1, _REFERENCE).blank == ()


@given(st.integers(0, COUNTER_LIMIT - 2), st.sets(st.integers(0, 2)), st.integers(0, 10**6))
def test_a_write_never_touches_the_newest_record(counter: int, unreadable: set[int], amount: int) -> None:
    records = [_record(c, c) for c in range(max(0, counter - 2), counter + 1)]
    ring = _ring(*[r for r in records if r.counter == counter or slot_of(r.counter) not in unreadable])
    write = append(ring, amount, _HERE, 1, _REFERENCE)
    assert slot_of(counter) not in {write.slot, *write.blank}
    assert write.slot not in write.blank
    assert all(ring.records[slot] is None for slot in write.blank)
    assert write.record.counter == counter + 1
    assert write.record.debited == counter + amount


def test_a_worn_out_card_is_refused() -> None:
    assert not worn_out(_ring(_record(COUNTER_LIMIT - 2, 0)), 0)
    assert worn_out(_ring(_record(COUNTER_LIMIT - 1, 0)), 0)
    assert not worn_out(_ring(_record(1, DEBITED_LIMIT - 5)), 5)
    assert worn_out(_ring(_record(1, DEBITED_LIMIT - 5)), 6)
    assert (COUNTER_LIMIT, DEBITED_LIMIT) == (1_048_560, 4_294_967_295)
    with pytest.raises(AssertionError):
        append(_ring(_record(COUNTER_LIMIT - 1, 0)), 0, _HERE, 1, _REFERENCE)


def test_a_delivery_counts_both_its_records() -> None:
    """It would be no use to begin what the counter does not let us finish (P-R16, R24)."""
    assert not worn_out(_ring(_record(COUNTER_LIMIT - 3, 0)), 0, records=2)
    assert worn_out(_ring(_record(COUNTER_LIMIT - 2, 0)), 0, records=2)


def test_a_family_has_its_own_limit_of_what_was_debited() -> None:
    """P-R24: a DESFire's value file counts to 2^31 - 1."""
    limit = (1 << 31) - 1
    assert not worn_out(_ring(_record(1, limit - 5)), 5, debited_limit=limit)
    assert worn_out(_ring(_record(1, limit - 5)), 6, debited_limit=limit)


# Re-tap: what may not be paid.


def test_a_card_rolled_back_during_doubt_is_behind() -> None:
    """Another terminal's debit is durable at the own counter; the old dump is presented again (hole H13)."""
    assert retap(_ring(_OLDER, _BASE), _INTENT, [Bound(11, 150)]) == Behind()


def test_a_foreign_record_with_our_counter_and_sum_is_not_ours() -> None:
    """Two sales of one price on one base: only the names differ. The own record is durable by a successor alone, so a
    bound at its counter speaks of the other one."""
    bound = [Bound(_OWN.counter, _OWN.debited)]
    assert retap(_ring(_OLDER, _BASE), _INTENT, bound) == Behind()
    assert retap(_ring(_BASE, _OWN), _INTENT, bound) == Behind()
    assert retap(_ring(_BASE, _OWN, _NEXT), _INTENT, bound) == Behind()


def test_a_card_behind_in_debited_alone_is_behind() -> None:
    """A thief with the MAC key raises the counter and lowers the sum (hole H14)."""
    forged = _record(14, 90, _ELSEWHERE)
    assert retap(_ring(forged), _INTENT, [Bound(10, 100)]) == Behind()


def test_a_newest_record_below_a_bound_is_behind_even_above_our_own() -> None:
    assert retap(_ring(_BASE, _OWN, _NEXT), _INTENT, [Bound(13, 160)]) == Behind()


def test_neither_own_nor_base_visible_abandons() -> None:
    stranger = _record(11, 150)
    assert retap(_ring(_BASE, stranger), _INTENT, []) == NotVisible()
    assert retap(_ring(_record(13, 170), _record(12, 150)), _INTENT, []) == NotVisible()


def test_an_honest_card_whose_debit_was_overtaken_is_not_behind() -> None:
    """Our write never landed, another terminal's did, and the state table already tells us (docs/purse.md, I7)."""
    stranger = _record(11, 150)
    assert retap(_ring(_BASE, stranger), _INTENT, [Bound(11, 150)]) == NotVisible()


@pytest.mark.parametrize("changed", [{"terminal": _ELSEWHERE}, {"sequence_byte": 0x56}, {"debited": 131}])
def test_another_record_in_our_place_is_not_ours(changed: dict[str, int]) -> None:
    other = dataclasses.replace(_OWN, **changed)  # type: ignore[arg-type]
    assert retap(_ring(_BASE, other), _INTENT, []) == NotVisible()


@pytest.mark.parametrize("changed", [{"terminal": _HERE}, {"sequence_byte": 1}, {"debited": 99}])
def test_another_record_in_the_bases_place_is_not_the_base(changed: dict[str, int]) -> None:
    other = dataclasses.replace(_BASE, **changed)  # type: ignore[arg-type]
    assert retap(_ring(_OLDER, other), _INTENT, []) == NotVisible()


# Re-tap: what is finished.


def test_on_its_base_the_same_record_is_written_again() -> None:
    assert retap(_ring(_OLDER, _BASE), _INTENT, [Bound(10, 100)]) == Rewrite(Write((), _OWN))


def test_our_newest_record_is_written_again_to_its_own_block() -> None:
    done = retap(_ring(_OLDER, _BASE, _OWN), _INTENT, [Bound(10, 100), Bound(9, 80)])
    assert done == Rewrite(Write((), _OWN))
    assert isinstance(done, Rewrite)
    assert done.write.slot == slot_of(_OWN.counter)


def test_a_rewrite_too_blanks_what_is_unreadable_first() -> None:
    """Without it a second weak record comes back after the first was built upon (hole H9)."""
    assert retap(_ring(_BASE, _OWN), _INTENT, []) == Rewrite(Write((0,), _OWN))
    assert retap(_ring(_BASE), _INTENT, []) == Rewrite(Write((0,), _OWN))


def test_the_only_readable_record_is_never_written_over() -> None:
    """Three torn rewrites would leave a ring without a record (hole H11)."""
    assert retap(_ring(_OWN), _INTENT, []) == SealOpen(_OWN)


def test_our_record_below_another_is_sealed_not_touched() -> None:
    """A tear in a refresh would destroy the other terminal's paid debit (hole H5)."""
    assert retap(_ring(_BASE, _OWN, _NEXT), _INTENT, []) == SealOpen(_NEXT)
    assert retap(_ring(_OWN, _record(13, 200)), _INTENT, [Bound(10, 100)]) == SealOpen(_record(13, 200))


def test_a_durable_successor_of_our_record_abandons_it_and_does_not_make_the_card_behind() -> None:
    """Another terminal sold on our record, and a state row or a certificate's floor came down before the patron did
    (docs/purse.md, I7). What stands in the ring may as well be of a branch that ours is not on (docs/adr/0007)."""
    ring = _ring(_BASE, _OWN, _record(12, 160))
    assert retap(ring, _INTENT, [Bound(10, 100), Bound(12, 160)]) == NotVisible()


def test_our_record_below_one_that_states_less_debited_is_abandoned() -> None:
    """Nothing honest stands on a record and states less: somebody with the record key made it (hole H31)."""
    assert retap(_ring(_BASE, _OWN, _record(12, 129)), _INTENT, []) == NotVisible()
    assert retap(_ring(_BASE, _OWN, _record(12, 130)), _INTENT, []) == SealOpen(_record(12, 130))


# Names.


def test_sequences_are_burned_until_the_record_names_one_intent() -> None:
    """Cancelled and sold again for the same price at the same counter (hole H10)."""
    unresolved = {Identity(11, 130, _HERE, low) for low in (0x55, 0x56, 0x58)}
    assert usable_sequence(0x155, 11, 130, unresolved) == 0x157
    assert usable_sequence(0x158, 11, 130, unresolved) == 0x159
    assert usable_sequence(0x155, 11, 131, unresolved) == 0x155
    assert usable_sequence(0x155, 12, 130, unresolved) == 0x155
    assert usable_sequence(0x155, 11, 130, set()) == 0x155


def test_burning_goes_round_the_byte() -> None:
    unresolved = {Identity(11, 130, _HERE, low) for low in range(256) if low != 3}
    assert usable_sequence(0x104, 11, 130, unresolved) == 0x203


@given(st.integers(0, 1 << 40), st.sets(st.integers(0, 255), max_size=255))
def test_a_usable_sequence_is_never_taken_and_never_goes_back(following: int, taken: set[int]) -> None:
    sequence = usable_sequence(following, 1, 2, {Identity(1, 2, _HERE, low) for low in taken})
    assert following <= sequence < following + 256
    assert sequence & 0xFF not in taken

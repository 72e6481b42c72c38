"""The state table's rows, and the hotlist's: what they may say, and whose they are (P-R8, R13)."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.hotlist import HOTLIST, number_bytes
from onecard.identity import CardNumber, DayNumber, card_number
from onecard.kinds import CardKind, PurseUnit
from onecard.packed_table import BadTable, PackedTable, open_change
from onecard.purse.bounds import Bound
from onecard.purse.certificate import Flags
from onecard.state_table import ROW_SIZE, STATE, StateRow, decode_row, encode_row, state_of

_ROW = StateRow(
    uid=bytes.fromhex("04a1b2c3d4e5f6"),
    purse=1,
    counter=0x010203,
    debited=0x04050607,
    load_sequence=0x08090A,
    loaded=0x0B0C0D0E,
    unit=PurseUnit.ENTRIES,
    kind=CardKind.FREE,
    flags=Flags.TEMPORARY,
    tier=0x11,
    unsettled=False,
    expiry=DayNumber(0x1213),
)
_RAW = encode_row(_ROW)
_UIDS = st.binary(min_size=4, max_size=4) | st.binary(min_size=7, max_size=7).filter(lambda uid: any(uid[4:]))
_ROWS = st.builds(
    StateRow,
    uid=_UIDS,
    purse=st.integers(0, 15),
    counter=st.integers(0, (1 << 24) - 1),
    debited=st.integers(0, (1 << 32) - 1),
    load_sequence=st.integers(0, (1 << 24) - 1),
    loaded=st.integers(0, (1 << 32) - 1),
    unit=st.sampled_from(PurseUnit),
    kind=st.sampled_from(CardKind),
    flags=st.integers(0, 7).map(Flags),
    tier=st.integers(0, 255),
    unsettled=st.booleans(),
    expiry=st.integers(0, 0xFFFF).map(DayNumber),
)


def _with(place: int, value: int) -> bytes:
    return _RAW[:place] + bytes([value]) + _RAW[place + 1 :]


@pytest.mark.parametrize(
    ("place", "value"), [(7, 16), (7, 0x70), (22, 5 << 3), (22, 0xF8), (24, 2), (24, 0x80), (24, 3)]
)
def test_a_purse_kind_or_bit_that_is_not_known_is_refused(place: int, value: int) -> None:
    with pytest.raises(BadTable, match=f"byte {place} of a row is {value}"):
        decode_row(_with(place, value))
    with pytest.raises(BadTable, match=f"byte {place} of a row is {value}"):
        open_change(STATE, 0, 1, [_with(place, value)])


@pytest.mark.parametrize("raw", [b"", _RAW[:-1], _RAW * 2])
def test_a_row_is_exactly_27_bytes(raw: bytes) -> None:
    with pytest.raises(BadTable, match="no row of 27"):
        decode_row(raw)


@pytest.mark.parametrize("number", [0, 10**12, (1 << 40) - 1])
def test_a_number_that_no_card_has_is_refused_in_a_hotlist(number: int) -> None:
    with pytest.raises(BadTable, match="not within"):
        open_change(HOTLIST, 0, 1, [number_bytes(CardNumber(number))])


@given(_ROWS)
def test_a_row_reads_as_it_was_written(row: StateRow) -> None:
    raw = encode_row(row)
    assert len(raw) == ROW_SIZE
    assert decode_row(raw) == row


def test_a_purse_is_found_by_its_uid_and_number_and_by_no_other() -> None:
    short = dataclasses.replace(_ROW, uid=bytes.fromhex("04a1b2c3"))
    rows = b"".join(sorted(map(encode_row, (_ROW, dataclasses.replace(_ROW, purse=0, unsettled=True), short))))
    table = PackedTable(STATE).apply(open_change(STATE, 0, 1, [rows]))
    assert state_of(table, _ROW.uid, 1) == _ROW
    assert state_of(table, short.uid, 1) == short
    assert state_of(table, _ROW.uid, 2) is None
    assert state_of(table, short.uid, 0) is None
    assert [found.unsettled for found in (state_of(table, _ROW.uid, n) for n in (0, 1)) if found] == [True, False]


def test_the_bound_of_a_row_is_its_counter_and_its_debited() -> None:
    assert _ROW.bound == Bound(_ROW.counter, _ROW.debited)


def test_a_listed_card_is_found_and_its_neighbours_are_not() -> None:
    listed = [card_number(serial) for serial in (1, 7, 99_999_999_999)]
    table = PackedTable(HOTLIST).apply(open_change(HOTLIST, 0, 1, [b"".join(map(number_bytes, listed))]))
    assert all(number_bytes(number) in table for number in listed)
    assert not any(number_bytes(card_number(serial)) in table for serial in (2, 6, 8, 99_999_999_998))

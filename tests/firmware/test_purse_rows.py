"""Rows of purses are a mapping, whatever was packed when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware.purse_memory import AMOUNT, UNRESOLVED
from firmware.purse_rows import KEY_SIZE, PurseRows, key_purse, purse_key
from onecard.purse.bounds import Bound

_UIDS = [bytes(4), bytes(7), b"\4\1\2\3", b"\4\1\2\3\0\0\0", b"\xff" * 7]
_NAMES = st.tuples(st.sampled_from(_UIDS), st.integers(0, 15))
_STEPS = st.lists(st.one_of(st.tuples(_NAMES, st.none() | st.integers(0, 9)), st.sampled_from(["pack", "clear"])))
_INTENTS = st.dictionaries(st.integers(0, 1 << 62), st.builds(Bound, st.integers(0, 9), st.integers(0, 9)), min_size=1)


@given(_STEPS)
def test_rows_say_what_a_mapping_would(steps: list[object]) -> None:
    rows, model = PurseRows(AMOUNT), dict[tuple[bytes, int], int]()
    for step in steps:
        match step:
            case "pack":
                packed, rows = rows.pack(), PurseRows(AMOUNT)
                rows.take(packed)
            case "clear":
                rows.clear()
                model.clear()
            case ((bytes(uid), int(purse)), None):
                rows.put((uid, purse), None)
                model.pop((uid, purse), None)
            case ((bytes(uid), int(purse)), int(fen)):
                rows.put((uid, purse), fen)
                model[uid, purse] = fen
        assert all(rows.get((uid, 0)) == model.get((uid, 0)) for uid in _UIDS)
    assert dict(rows.items()) == model
    packed = rows.pack()
    keys = [packed[at : at + KEY_SIZE] for at in range(0, len(packed), rows.row_size)]
    assert keys == sorted(set(keys)) == sorted(map(purse_key, model))


@given(st.dictionaries(_NAMES, _INTENTS))
def test_a_purse_may_have_several_rows(model: dict[tuple[bytes, int], dict[int, Bound]]) -> None:
    rows = PurseRows(UNRESOLVED)
    for name, intents in model.items():
        rows.put(name, intents)
    assert dict(rows.items()) == model
    assert all(rows.get(name) == intents for name, intents in model.items())


@given(_NAMES)
def test_a_key_names_one_purse(name: tuple[bytes, int]) -> None:
    """A UID of 4 bytes and one of 7 that ends in zeros are two cards."""
    assert key_purse(purse_key(name)) == name

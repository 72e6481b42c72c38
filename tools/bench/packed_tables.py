"""What a million cards cost a terminal: bytes of the state table, looks in it and in the hotlist, a delta of 1,000."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable

from onecard.hotlist import HOTLIST, number_bytes
from onecard.identity import CardNumber, DayNumber
from onecard.kinds import CardKind, PurseUnit
from onecard.packed_table import PackedTable, TableChange, open_change
from onecard.purse.certificate import Flags
from onecard.state_table import STATE, StateRow, encode_row, state_key, state_of

_CARDS = 1_000_000
_DELTA = 1_000
_LOOKS = 10_000
_RUNS = 9
_SEED = 1


def measure() -> dict[str, float]:
    """`state_table_bytes_per_card` of a snapshot's rows; `state_lookup_us` (found and decoded) and `hotlist_lookup_us`,
    among a million rows, every second look for what is not there; `state_delta_1k_ms` (checking and applying 500
    changed rows, 250 new ones, 250 removals) and `state_snapshot_1m_ms` (checking and applying all). Each the p50 of
    nine runs.
    """
    draw = random.Random(_SEED)  # noqa: S311 - a bench repeats itself
    serials = range(0, 2 * _CARDS, 2)  # the odd ones are not there
    snapshot = b"".join(encode_row(_row(serial)) for serial in serials)
    state = PackedTable(STATE).apply(open_change(STATE, 0, 1, [snapshot]))
    listed = b"".join(number_bytes(CardNumber(serial + 2)) for serial in serials)
    hotlist = PackedTable(HOTLIST).apply(open_change(HOTLIST, 0, 1, [listed]))
    sought = [draw.randrange(_CARDS) * 2 + at % 2 for at in range(_LOOKS)]
    delta = _delta(draw.sample(serials, _DELTA - _DELTA // 4), draw)

    def look_in_state() -> None:
        found = sum(state_of(state, _uid(serial), 0) is not None for serial in sought)
        assert found == _LOOKS // 2

    def look_in_hotlist() -> None:
        found = sum(number_bytes(CardNumber(serial + 2)) in hotlist for serial in sought)
        assert found == _LOOKS // 2

    def change() -> None:
        assert len(state.apply(open_change(STATE, 1, 2, delta.body()))) == _CARDS

    def replace() -> None:
        assert len(state.apply(open_change(STATE, 0, 2, [snapshot]))) == _CARDS

    return {
        "state_table_bytes_per_card": len(snapshot) / len(state),
        "state_lookup_us": 1e6 * _seconds(look_in_state) / _LOOKS,
        "hotlist_lookup_us": 1e6 * _seconds(look_in_hotlist) / _LOOKS,
        "state_delta_1k_ms": 1e3 * _seconds(change),
        "state_snapshot_1m_ms": 1e3 * _seconds(replace),
    }


def _seconds(work: Callable[[], None]) -> float:
    times = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _delta(known: list[int], draw: random.Random) -> TableChange:
    """A third of the `known` purses removed, as many new, the others changed."""
    third = len(known) // 3
    removed, changed = known[:third], known[third:]
    new = [2 * serial + 1 for serial in draw.sample(range(_CARDS), third)]
    rows = _joined(encode_row(_row(serial, debited=500)) for serial in (*changed, *new))
    return TableChange(1, 2, rows, _joined(state_key(_uid(serial), 0) for serial in removed))


def _joined(parts: Iterable[bytes]) -> bytes:
    return b"".join(sorted(parts))


def _uid(serial: int) -> bytes:
    return b"\x04" + serial.to_bytes(6, "big")


def _row(serial: int, debited: int = 0) -> StateRow:
    return StateRow(
        uid=_uid(serial),
        purse=0,
        counter=2 + debited,
        debited=debited,
        load_sequence=1,
        loaded=10_000,
        unit=PurseUnit.FEN,
        kind=CardKind.STORED_VALUE,
        flags=Flags.NONE,
        tier=1,
        unsettled=False,
        expiry=DayNumber(11_000),
    )

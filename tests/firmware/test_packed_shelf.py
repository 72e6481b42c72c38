"""A kept packed table is whole and this terminal's, or it is told and passed over."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from firmware.packed_shelf import MAC_SIZE, BadKept, Kept, PackedShelf, decode, encode, packed_key
from onecard.downlink import Table
from onecard.durable_file import NotKept
from onecard.hotlist import HOTLIST
from onecard.inbox_names import version_name
from onecard.packed_table import PackedTable
from onecard.state_table import STATE, encode_row
from tests.firmware.bed import CHAIN_KEY, NUMBER
from tests.firmware.records import AT, CARDS, state_row
from tests.onecard.journal.conftest import FaultyDisk, PowerCut

_KEY = packed_key(CHAIN_KEY)
_OLD = Kept(
    PackedTable(STATE, 7, b"".join(sorted(encode_row(state_row(uid, 9, 800)) for uid in (CARDS[0], CARDS[3])))), AT
)
_NEW = Kept(PackedTable(STATE, 8, encode_row(state_row(CARDS[0], 10, 900))), AT + 60)
_RAW = encode(_OLD, Table.STATE, NUMBER, _KEY)


def _shelf(folder: Path, disk: FaultyDisk | None = None) -> PackedShelf:
    return PackedShelf(folder / "packed", NUMBER, _KEY, disk)


def _file(folder: Path, version: int) -> Path:
    return folder / "packed/state" / version_name(version)


def test_a_byte_changed_cut_or_added_anywhere_is_refused() -> None:
    for at in range(len(_RAW)):
        with pytest.raises(BadKept):
            decode(_RAW[:at] + bytes([_RAW[at] ^ 1]) + _RAW[at + 1 :], Table.STATE, NUMBER, _KEY)
        with pytest.raises(BadKept):
            decode(_RAW[:at], Table.STATE, NUMBER, _KEY)
    with pytest.raises(BadKept):
        decode(_RAW + b"\0", Table.STATE, NUMBER, _KEY)


@pytest.mark.parametrize(
    ("number", "terminal", "key", "why"),
    [
        (Table.HOTLIST, NUMBER, _KEY, "it is table 4"),
        (Table.STATE, NUMBER + 1, _KEY, "it is that of terminal 7"),
        (Table.STATE, NUMBER, packed_key(bytes(32)), "another key wrote it"),
    ],
)
def test_a_table_of_another_kind_terminal_or_key_is_refused(number: Table, terminal: int, key: bytes, why: str) -> None:
    with pytest.raises(BadKept, match=why):
        decode(_RAW, number, terminal, key)


def test_an_authentic_file_of_rows_out_of_form_is_refused() -> None:
    raw = encode(Kept(PackedTable(STATE, 7, bytes(26)), AT), Table.STATE, NUMBER, _KEY)
    with pytest.raises(BadKept, match="26 bytes are no rows of 27"):
        decode(raw, Table.STATE, NUMBER, _KEY)


def test_nothing_kept_is_nothing_found(tmp_path: Path) -> None:
    shelf = _shelf(tmp_path)
    assert shelf.newest(Table.STATE) is None
    assert shelf.version(Table.STATE) == 0
    assert shelf.faults == []


@pytest.mark.parametrize("kept", [_OLD, _NEW, Kept(PackedTable(STATE, 1), 0)])
def test_what_is_kept_is_found_and_takes_the_place_of_the_older(kept: Kept, tmp_path: Path) -> None:
    shelf = _shelf(tmp_path)
    if kept.table.version > 7:
        shelf.put(Table.STATE, _OLD)
    shelf.put(Table.STATE, kept)
    shelf.put(Table.HOTLIST, Kept(PackedTable(HOTLIST, 99, b"\0\0\0\0\x12"), AT))
    again = _shelf(tmp_path)
    assert again.newest(Table.STATE) == kept
    assert again.version(Table.STATE) == kept.table.version
    assert [file.name for file in (tmp_path / "packed/state").iterdir()] == [version_name(kept.table.version)]


@pytest.mark.parametrize("at", [0, 8, 12, 40, -1])
def test_a_damaged_file_is_told_set_aside_and_the_older_one_found(at: int, tmp_path: Path) -> None:
    """The daemon counts on names: one that is no good must not stay."""
    _shelf(tmp_path).put(Table.STATE, _NEW)
    spoilt = bytearray(_file(tmp_path, 8).read_bytes())
    spoilt[at] ^= 1
    _file(tmp_path, 8).write_bytes(spoilt)
    _file(tmp_path, 7).write_bytes(_RAW)
    shelf = _shelf(tmp_path)
    assert shelf.newest(Table.STATE) == _OLD
    assert [fault.startswith(f"state/{version_name(8)} is passed over") for fault in shelf.faults] == [True]
    assert shelf.version(Table.STATE) == 7
    assert (tmp_path / "packed/state/damaged").read_bytes() == spoilt


def test_a_file_under_the_name_of_another_version_is_passed_over(tmp_path: Path) -> None:
    """An older copy under a newer name would send chunks away that lead past it."""
    _shelf(tmp_path).put(Table.STATE, _OLD)
    _file(tmp_path, 7).rename(_file(tmp_path, 9))
    shelf = _shelf(tmp_path)
    assert shelf.newest(Table.STATE) is None
    assert "it is version 7" in shelf.faults[0]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    shelf = _shelf(tmp_path)
    shelf.put(Table.STATE, _OLD)
    (tmp_path / "packed/state/notes").write_bytes(b"mine")
    shelf.put(Table.STATE, _NEW)
    assert shelf.newest(Table.STATE) == _NEW
    assert (tmp_path / "packed/state/notes").exists()


def _calls(tmp_path: Path) -> int:
    probe = FaultyDisk()
    _shelf(tmp_path / "probe").put(Table.STATE, _OLD)
    _shelf(tmp_path / "probe", probe).put(Table.STATE, _NEW)
    return len(probe.calls)


def test_a_power_cut_anywhere_leaves_the_old_table_or_the_new_one_each_whole(tmp_path: Path) -> None:
    found = set()
    for at in range(_calls(tmp_path)):
        for seed in range(16):
            folder = tmp_path / f"{at}-{seed}"
            _shelf(folder).put(Table.STATE, _OLD)
            disk = FaultyDisk({at: "cut"})
            with pytest.raises(PowerCut):
                _shelf(folder, disk).put(Table.STATE, _NEW)
            disk.power_cut(random.Random(seed))
            shelf = _shelf(folder)
            kept = shelf.newest(Table.STATE)
            assert kept in (_OLD, _NEW), (at, seed)
            assert shelf.faults == []
            found.add(kept.table.version)
            shelf.put(Table.STATE, _NEW)
            assert _shelf(folder).newest(Table.STATE) == _NEW
    assert found == {7, 8}


@pytest.mark.parametrize("fault", [errno.EIO, errno.ENOSPC, "short"])
def test_a_disk_that_fails_anywhere_is_told_and_the_old_table_is_still_there(fault: int | str, tmp_path: Path) -> None:
    for at in range(_calls(tmp_path)):
        folder = tmp_path / str(at)
        _shelf(folder).put(Table.STATE, _OLD)
        disk = FaultyDisk({at: fault})
        shelf = _shelf(folder, disk)
        if fault == "short" and disk_call(folder, at) != "pwrite":
            continue
        with pytest.raises(NotKept):
            shelf.put(Table.STATE, _NEW)
        assert _shelf(folder).newest(Table.STATE) in (_OLD, _NEW)
        assert _file(folder, 7).exists()


def disk_call(folder: Path, at: int) -> str:
    """The name of the call at that place of a `put`."""
    probe = FaultyDisk()
    _shelf(folder / "calls", probe).put(Table.STATE, _NEW)
    return probe.calls[at][0]


def test_a_mac_is_over_all_before_it() -> None:
    assert decode(_RAW, Table.STATE, NUMBER, _KEY) == _OLD
    assert len(_RAW) == 28 + len(_OLD.table.rows) + MAC_SIZE

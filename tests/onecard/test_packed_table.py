"""A packed table: strict rows, looks over bytes, and changes that lead from exactly one version to a later one."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard import cbor
from onecard.hotlist import HOTLIST
from onecard.packed_table import BadTable, Form, GoesBack, PackedTable, TableChange, WrongBase, open_change

_FORM = Form("pairs", row_size=3, least=b"\0\1", greatest=b"\xff\xf0", allowed={2: frozenset(range(8))})
_HELD = PackedTable(_FORM, 5, b"\1\0\1\2\0\2\3\0\3")
_KEYS = st.integers(1, 40).map(lambda n: n.to_bytes(2, "big"))
_TABLES = st.dictionaries(_KEYS, st.integers(0, 7).map(lambda n: bytes([n])))


def _joined(rows: dict[bytes, bytes]) -> bytes:
    return b"".join(key + rows[key] for key in sorted(rows))


# Refused.


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (b"\1\0\1\2", "no rows of 3"),
        (b"\2\0\2\1\0\1", "do not rise"),
        (b"\1\0\1\1\0\2", "do not rise"),
        (b"\0\0\1\1\0\1", "not within"),
        (b"\1\0\1\xff\xf1\1", "not within"),
        (b"\1\0\1\2\0\x08", "byte 2 of a row is 8"),
    ],
)
@pytest.mark.parametrize("base", [0, 4])
def test_rows_out_of_form_are_refused(base: int, rows: bytes, why: str) -> None:
    with pytest.raises(BadTable, match=why):
        open_change(_FORM, base, 5, [rows, b""] if base else [rows])


@pytest.mark.parametrize(
    ("keys", "why"),
    [(b"\1", "no keys of 2"), (b"\2\0\1\0", "do not rise"), (b"\1\0\1\0", "do not rise"), (b"\0\0", "not within")],
)
def test_removed_keys_out_of_form_are_refused(keys: bytes, why: str) -> None:
    with pytest.raises(BadTable, match=why):
        open_change(_FORM, 4, 5, [b"", keys])


def test_a_key_changed_and_removed_is_refused() -> None:
    with pytest.raises(BadTable, match="key 0200 is changed and removed"):
        open_change(_FORM, 4, 5, [b"\1\0\1\2\0\2", b"\2\0\3\0"])


@pytest.mark.parametrize("base", [0, 4])
@pytest.mark.parametrize("body", [[], [1], [b"", "a"], [b"", b"", b""], [[b""]]])
def test_a_body_of_other_parts_is_refused(base: int, body: list[cbor.Value]) -> None:
    with pytest.raises(BadTable, match="a snapshot is its rows"):
        open_change(_FORM, base, 5, body)


def test_a_snapshot_removes_nothing_and_a_delta_says_what_it_removes() -> None:
    for base, body in ((0, [b"", b""]), (4, [b""])):
        with pytest.raises(BadTable, match="a snapshot is its rows"):
            open_change(_FORM, base, 5, body)


@pytest.mark.parametrize("base", [4, 6])
def test_a_delta_from_another_version_is_refused_by_name(base: int) -> None:
    with pytest.raises(WrongBase, match=f"to version {base}, held is version 5") as refused:
        _HELD.apply(TableChange(base, 7, b""))
    assert (refused.value.base, refused.value.held) == (base, 5)


@pytest.mark.parametrize("change", [TableChange(0, 5, b""), TableChange(0, 4, b""), TableChange(3, 5, b"")])
def test_versions_never_go_back(change: TableChange) -> None:
    with pytest.raises(GoesBack, match=f"version {change.version} would follow version 5"):
        _HELD.apply(change)


# Taken.


def test_a_snapshot_replaces_whatever_was_held() -> None:
    assert _HELD.apply(open_change(_FORM, 0, 9, [b"\7\0\1"])) == PackedTable(_FORM, 9, b"\7\0\1")
    assert _HELD.apply(open_change(_FORM, 0, 9, [b""])) == PackedTable(_FORM, 9, b"")


def test_a_removed_key_need_not_be_there() -> None:
    assert _HELD.apply(open_change(_FORM, 5, 6, [b"", b"\1\1\4\0"])).rows == _HELD.rows


@given(_TABLES, _KEYS)
def test_a_look_finds_the_row_of_its_key_and_no_other(rows: dict[bytes, bytes], key: bytes) -> None:
    table = PackedTable(_FORM, 1, _joined(rows))
    assert len(table) == len(rows)
    assert (key in table) == (key in rows)
    assert table.find(key) == (key + rows[key] if key in rows else None)


@given(_TABLES, _TABLES, st.sets(_KEYS))
def test_a_delta_gives_the_table_that_a_snapshot_gives(
    held: dict[bytes, bytes], changed: dict[bytes, bytes], removed: set[bytes]
) -> None:
    gone = removed - changed.keys()
    after = {key: value for key, value in (held | changed).items() if key not in gone}
    body = TableChange(5, 6, _joined(changed), b"".join(sorted(gone))).body()
    by_delta = PackedTable(_FORM, 5, _joined(held)).apply(open_change(_FORM, 5, 6, body))
    assert by_delta == PackedTable(_FORM).apply(open_change(_FORM, 0, 6, [_joined(after)]))


def test_a_delta_takes_no_more_memory_than_the_tables_and_itself() -> None:
    """A million rows are bytes, not a million objects, while they change too."""
    held = b"".join((2 * n).to_bytes(5, "big") for n in range(1, 20_001))
    new = b"".join((2 * n + 1).to_bytes(5, "big") for n in range(1, 20_001))
    change = open_change(HOTLIST, 3, 4, [new, held])
    tracemalloc.start()
    changed = PackedTable(HOTLIST, 3, held).apply(change)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert changed.rows == new
    assert peak < 2 * (len(held) + len(new))

"""The bytes of docs/formats/tables.md, computed there without our code; and that such tables are read for ever."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from onecard.cbor import encode
from onecard.journal.frame import OVERHEAD
from onecard.journal.mutable_change import (
    CHUNK,
    SNAPSHOT,
    BadChange,
    ChangeKind,
    Clear,
    Delete,
    Drop,
    Listed,
    Operations,
    Put,
    encode_operation,
)
from onecard.journal.mutable_journal import MutableJournal
from onecard.journal.mutable_replay import BadTables
from onecard.journal.mutable_state import TableState
from onecard.records import RecordKind

PAGE = (Path(__file__).parents[3] / "docs" / "formats" / "tables.md").read_text("utf-8")
KEY = bytes(range(32))
SIZE = 16_384
WORK = [
    [Listed("config", 1), Put("config", 1, b'{"lang":"zh"}')],
    [Delete("config", 1)],
    [Clear("config")],
    [Drop("config")],
]


def example(name: str) -> bytes:
    (block,) = re.findall(rf"```{name}\n(.*?)```", PAGE, re.S)
    return bytes.fromhex(block)


def salts():
    yield bytes([0x11] * 8)
    yield bytes([0x22] * 8)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (ChangeKind.PUT, b""),
        (ChangeKind.PUT, b"\x80"),
        (ChangeKind.PUT, encode(0)),
        (ChangeKind.PUT, encode([-1, "t", 1, b"{}"])),
        (ChangeKind.PUT, encode(["t", 1, b"{}"])),
        (ChangeKind.PUT, encode([0, "t", 1, "{}"])),
        (ChangeKind.PUT, encode([0, "t", 1, b"{}", 0])),
        (ChangeKind.DEL, encode([0, "t"])),
        (ChangeKind.CLEAR, encode([0, "t", 1])),
        (ChangeKind.TABLE, encode([0, "t"])),
        (ChangeKind.DROP, encode([0, b"t"])),
        (ChangeKind.MORE, encode([0, b"x"])),
        (ChangeKind.SNAPSHOT, encode([0, 0])),
        (ChangeKind.SNAPSHOT, encode([1])),
        (RecordKind.BOOT, encode([0])),
        (0xE0, encode([0])),
        (0xE8, encode([0])),
    ],
)
def test_a_payload_that_is_no_change_is_refused(kind, payload):
    with pytest.raises(BadChange):
        Operations().add(kind, payload)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (ChangeKind.DEL, encode([2, "t", 1])),
        (ChangeKind.DEL, encode([0, "t", 1])),
        (ChangeKind.MORE, encode([1, b"x"])),
        SNAPSHOT,
    ],
)
def test_an_operation_counts_down_by_one(kind, payload):
    operations = Operations()
    operations.add(ChangeKind.DEL, encode([2, "t", 9]))
    assert operations.unfinished
    with pytest.raises(BadChange):
        operations.add(kind, payload)


@pytest.mark.parametrize(
    "change",
    [Put("t", 1, b"{}"), Delete("t", 1), Clear("t"), Drop("t"), Delete("listed", 1), Put("listed", -1, b"{}")],
)
def test_a_change_that_contradicts_those_before_it_is_refused(change):
    state = TableState()
    state.apply([Listed("listed", 1), Listed("t", 1), Drop("t")])
    before = state.snapshot()
    with pytest.raises(BadChange):
        state.after([Listed("more", 1), change])
    assert state.snapshot() == before


def test_a_whole_frame_that_contradicts_is_damage_at_its_place(tmp_path):
    directory, random = tmp_path / "tables", bytes
    MutableJournal.create(directory, terminal=4711, chain_key=KEY, random=random, size=SIZE)
    with MutableJournal.open(directory, chain_key=KEY, random=random) as journal:
        end = journal._active.end
        journal._append(encode_operation([Delete("nowhere", 1)]), journal.state)
    with pytest.raises(BadTables, match="no table 'nowhere'") as raised:
        MutableJournal.open(directory, chain_key=KEY, random=random)
    assert raised.value.offset == end


def test_kinds_are_apart_from_those_of_records():
    assert not {int(kind) for kind in ChangeKind} & {int(kind) for kind in RecordKind}
    assert not {int(kind) for kind in ChangeKind} & set(range(0xE0))


def test_payload_bytes():
    rows = dict(re.findall(r"^\| ([A-Z]+) \| E\d \| .* \| `([0-9a-f]+)` \|$", PAGE, re.M))
    assert {ChangeKind[name] for name in rows} == set(ChangeKind)
    bytes_of = dict(re.findall(r"^\| ([A-Z]+) \| (E\d) \|", PAGE, re.M))
    assert {name: int(text, 16) for name, text in bytes_of.items()} == {kind.name: kind.value for kind in ChangeKind}
    made = [SNAPSHOT, *(payload for changes in WORK for payload in encode_operation(changes))]
    assert {kind.name: payload.hex() for kind, payload in made} == {k: v for k, v in rows.items() if k != "MORE"}
    operations = Operations()
    operations.add(ChangeKind.PUT, encode([1, "t", 1, b'{"a":"']))
    assert operations.add(ChangeKind.MORE, bytes.fromhex(rows["MORE"])) == [Put("t", 1, b'{"a":""}')]


def test_generation_bytes(tmp_path):
    given = salts()
    directory = tmp_path / "tables"
    MutableJournal.create(directory, terminal=4711, chain_key=KEY, random=lambda _: next(given), size=SIZE)
    with MutableJournal.open(directory, chain_key=KEY, random=lambda _: next(given)) as journal:
        for changes in WORK:
            journal.commit(changes)
        assert (directory / "seg-00000001.ocj").read_bytes() == example("generation-1").ljust(SIZE, b"\0")
        journal.compact()
    assert (directory / "seg-00000002.ocj").read_bytes() == example("generation-2").ljust(SIZE, b"\0")
    assert (directory / "DURABLE").read_bytes() == example("mark")


@pytest.mark.parametrize("generation", [1, 2])
def test_tables_of_version_1_are_read(tmp_path, generation):
    (tmp_path / "LOCK").touch()
    image = example(f"generation-{generation}").ljust(SIZE, b"\0")
    (tmp_path / f"seg-{generation:08d}.ocj").write_bytes(image)
    with MutableJournal.open(tmp_path, chain_key=KEY, random=bytes) as journal:
        assert journal.state.names() == []
        assert journal.state.next_number("config") == 2
        journal.commit([Listed("config", 1), Put("config", 2, b"{}")])
    with MutableJournal.open(tmp_path, chain_key=KEY, random=bytes) as journal:
        assert dict(journal.state.documents("config")) == {2: b"{}"}


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 20_000])
def test_a_document_of_any_size_comes_back_and_weighs_no_less_than_its_frames(size):
    state = TableState()
    name = "院" * 66
    state.apply([Listed(name, 1), Put(name, (1 << 63) - 1, b"x" * size), Listed("gone", 1), Drop("gone")])
    payloads = state.snapshot()
    assert all(len(payload) <= 4096 for _, payload in payloads)
    assert sum(OVERHEAD + len(payload) for _, payload in payloads) <= state.weight
    again, operations = TableState(), Operations()
    for kind, payload in payloads:
        again.apply(operations.add(kind, payload) or ())
    assert again.documents(name) == {(1 << 63) - 1: b"x" * size}
    assert (again.names(), again.next_number(name)) == ([name], 1 << 63)
    assert again.weight == state.weight
    again.apply([Put(name, (1 << 63) - 1, b"y"), Delete(name, (1 << 63) - 1)])
    assert again.weight == state.after([Clear(name)]).weight == state.after([Drop(name)]).weight


def test_the_state_before_is_left_as_it_was():
    state = TableState()
    state.apply([Listed("t", 1), Put("t", 1, b"{}")])
    before = state.snapshot(), state.weight
    after = state.after([Put("t", 2, b"{}"), Listed("u", 5), Delete("t", 1)])
    assert (state.snapshot(), state.weight) == before
    assert (dict(after.documents("t")), after.next_number("u")) == ({2: b"{}"}, 5)

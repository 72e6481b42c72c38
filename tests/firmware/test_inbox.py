"""The inbox: only what the server signed for this terminal, newer than what is held, comes into force."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.inbox import Certificates, Inbox, PackedChange, Tariffs, Word
from onecard import tariff
from onecard.cbor import Value
from onecard.downlink import Acknowledgement, Table
from onecard.identity import TerminalNumber
from onecard.inbox_names import chunk_name, version_name
from onecard.keys import KeyRing, Role
from onecard.packed_table import TableChange
from tests.firmware.bed import NUMBER, SEAL_SEED, TARIFF, Server, make_inbox, server_public

_TAG = bytes(range(8))
_KEYS = KeyRing({(Role.SERVER_SIGN, 1): server_public()})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_inbox(tmp_path)
    return tmp_path


@pytest.fixture
def server(data: Path) -> Server:
    return Server(data)


@pytest.fixture
def inbox(data: Path) -> Inbox:
    return _inbox(data)


def _inbox(
    data: Path,
    keys: KeyRing = _KEYS,
    applied: dict[Table, int] | None = None,
    held: dict[Table, int] | None = None,
    generation: int = 0,
) -> Inbox:
    def own_tag(sequence: int) -> bytes | None:
        return _TAG if sequence <= 9 else None

    return Inbox(
        data / "inbox",
        NUMBER,
        keys,
        seal_private=SEAL_SEED,
        own_tag=own_tag,
        applied=applied or {},
        held=held or {},
        generation=generation,
    )


def _news(inbox: Inbox) -> list[Word]:
    return list(inbox.news())


def _refused(inbox: Inbox, name: str) -> bool:
    """Nothing is given, that file is refused by name, and it stays so without being read again."""
    return not _news(inbox) and list(inbox.refused) == [name] and not _news(inbox) and list(inbox.refused) == [name]


def test_an_empty_inbox_has_no_news(inbox: Inbox, tmp_path: Path) -> None:
    assert _news(inbox) == []
    assert _news(_inbox(tmp_path / "not there")) == []


def test_tables_are_given_before_the_acknowledgement_that_came_with_them(inbox: Inbox, server: Server) -> None:
    server.acknowledge(9, _TAG)
    server.certificates(1, bytes(96))
    server.state(0, 1)
    server.hotlist(1, 26)
    server.tariff(TARIFF)
    assert [type(word) for word in _news(inbox)] == [Tariffs, PackedChange, PackedChange, Certificates, Acknowledgement]
    assert _news(inbox) == []


def test_a_table_is_given_as_it_was_sent(inbox: Inbox, server: Server) -> None:
    server.tariff(TARIFF)
    server.hotlist(3, 26, 18)
    prices, hotlist = _news(inbox)
    assert isinstance(prices, Tariffs)
    assert tariff.encode(prices.tariffs[0]) == tariff.encode(TARIFF)
    assert isinstance(hotlist, PackedChange)
    assert hotlist.change == TableChange(0, 3, b"\0\0\0\0\x12\0\0\0\0\x1a")


@pytest.mark.parametrize("place", [0, 5, 20, 60, -70, -1])
def test_a_changed_byte_is_refused_and_stops_nothing_else(place: int, inbox: Inbox, data: Path, server: Server) -> None:
    server.tariff(TARIFF)
    server.hotlist(1, 26)
    file = data / "inbox/tariff"
    raw = bytearray(file.read_bytes())
    raw[place] ^= 1
    file.write_bytes(raw)
    assert [type(word) for word in _news(inbox)] == [PackedChange]
    assert list(inbox.refused) == ["tariff"]


@pytest.mark.parametrize("raw", [b"", b"\xff" * 40, bytes(100_000)])
def test_a_foreign_file_is_refused(raw: bytes, inbox: Inbox, data: Path) -> None:
    (data / "inbox/acknowledgement").write_bytes(raw)
    assert _refused(inbox, "acknowledgement")


def test_a_folder_in_place_of_a_file_is_refused(inbox: Inbox, data: Path) -> None:
    (data / "inbox/tariff").mkdir()
    assert _refused(inbox, "tariff")


def test_a_pipe_or_an_endless_file_does_not_hold_the_terminal_up(inbox: Inbox, data: Path) -> None:
    os.mkfifo(data / "inbox/tariff")
    assert _refused(inbox, "tariff")
    (data / "inbox/tariff").unlink()
    (data / "inbox/tariff").symlink_to("/dev/zero")
    assert _refused(inbox, "tariff")


def test_a_word_for_another_terminal_is_refused(inbox: Inbox, data: Path) -> None:
    Server(data, TerminalNumber(NUMBER + 1)).hotlist(1, 26)
    assert _refused(inbox, chunk_name(Table.HOTLIST, 1))


def test_a_word_under_an_unknown_server_key_is_refused(data: Path, server: Server) -> None:
    server.hotlist(1, 26)
    assert _refused(_inbox(data, KeyRing({(Role.SERVER_SIGN, 1): bytes(32)})), chunk_name(Table.HOTLIST, 1))
    assert _refused(_inbox(data, KeyRing({(Role.SERVER_SIGN, 2): server_public()})), chunk_name(Table.HOTLIST, 1))


def test_one_table_in_the_place_of_another_is_refused(inbox: Inbox, server: Server) -> None:
    server.table(Table.HOTLIST, 1, [b""], "tariff")
    assert _refused(inbox, "tariff")


def test_a_chunk_under_the_name_of_another_version_is_refused(inbox: Inbox, server: Server) -> None:
    server.table(Table.HOTLIST, 1, [b""], chunk_name(Table.HOTLIST, 2))
    assert _refused(inbox, chunk_name(Table.HOTLIST, 2))


@pytest.mark.parametrize("body", [[], [1], [b"x"], [bytes(5)], [b"", b""], [[26, 1]]])
def test_a_hotlist_of_another_shape_is_refused(body: list[Value], inbox: Inbox, server: Server) -> None:
    server.table(Table.HOTLIST, 1, body, chunk_name(Table.HOTLIST, 1))
    assert _refused(inbox, chunk_name(Table.HOTLIST, 1))


@pytest.mark.parametrize(("base", "parts"), [(0, [bytes(26)]), (0, [b"", b""]), (3, [b""]), (3, [b"", bytes(7)])])
def test_a_state_table_out_of_form_is_refused(base: int, parts: list[Value], inbox: Inbox, server: Server) -> None:
    server.table(Table.STATE, 4, parts, chunk_name(Table.STATE, 4), base)
    assert _refused(inbox, chunk_name(Table.STATE, 4))


def test_changes_are_given_in_the_order_of_their_versions(inbox: Inbox, server: Server) -> None:
    for base, version in ((99, 100), (9, 99), (0, 9)):
        server.state(base, version)
    found = [word.change for word in _news(inbox) if isinstance(word, PackedChange)]
    assert found == [TableChange(0, 9, b""), TableChange(9, 99, b""), TableChange(99, 100, b"")]


def test_what_the_firmware_keeps_is_not_read_again(data: Path, server: Server) -> None:
    server.state(0, 9)
    server.state(9, 10)
    server.state(10, 11)
    inbox = _inbox(data, held={Table.STATE: 10})
    assert [word.header.version for word in _news(inbox) if isinstance(word, PackedChange)] == [11]
    assert inbox.refused == {}


def test_a_refused_chunk_that_was_taken_away_is_told_no_more(inbox: Inbox, data: Path) -> None:
    name = chunk_name(Table.STATE, 3)
    (data / "inbox" / name).write_bytes(b"half a fi")
    assert _refused(inbox, name)
    (data / "inbox" / name).unlink()
    assert _news(inbox) == []
    assert inbox.refused == {}


@pytest.mark.parametrize("body", [[1], [b"no tariff"]])
def test_a_tariff_of_another_shape_is_refused(body: list[Value], inbox: Inbox, server: Server) -> None:
    server.table(Table.TARIFF, 1, body)
    assert _refused(inbox, "tariff")


def test_a_change_of_a_table_is_refused_where_only_whole_ones_are_known(inbox: Inbox, server: Server) -> None:
    server.table(Table.TARIFF, 2, [], base=1)
    assert _refused(inbox, "tariff")


def _prices(server: Server, version: int) -> None:
    server.tariff(replace(TARIFF, version=version))


def test_versions_never_go_back(inbox: Inbox, server: Server) -> None:
    _prices(server, 2)
    assert len(_news(inbox)) == 1
    _prices(server, 1)
    assert _refused(inbox, "tariff")


def test_versions_never_go_back_behind_what_the_journal_says(data: Path, server: Server) -> None:
    _prices(server, 2)
    assert _refused(_inbox(data, applied={Table.TARIFF: 3}), "tariff")


def test_a_start_takes_the_held_version_in_again_and_calls_only_newer_ones_fresh(data: Path, server: Server) -> None:
    _prices(server, 3)
    inbox = _inbox(data, applied={Table.TARIFF: 3})
    (word,) = _news(inbox)
    assert isinstance(word, Tariffs)
    assert not inbox.is_fresh(word.header)
    _prices(server, 4)
    (word,) = _news(inbox)
    assert isinstance(word, Tariffs)
    assert inbox.is_fresh(word.header)
    assert not inbox.is_fresh(word.header)


def test_a_kept_version_is_not_given_again_and_none_before_it(data: Path, server: Server) -> None:
    _prices(server, 3)
    inbox = _inbox(data, held={Table.TARIFF: 3})
    assert _news(inbox) == []
    assert inbox.refused == {}
    _prices(server, 4)
    assert len(_news(inbox)) == 1
    _prices(server, 2)
    assert _refused(_inbox(data, held={Table.TARIFF: 3}), "tariff")


def test_a_refused_file_is_read_again_when_it_changes(inbox: Inbox, data: Path, server: Server) -> None:
    (data / "inbox/tariff").write_bytes(b"half a fi")
    assert _refused(inbox, "tariff")
    server.tariff(TARIFF)
    assert len(_news(inbox)) == 1
    assert inbox.refused == {}


def test_unfinished_files_of_the_daemon_are_not_looked_at(inbox: Inbox, data: Path) -> None:
    (data / "inbox/certificates" / f".{version_name(1)}.new").write_bytes(b"half")
    (data / "inbox/.tariff.new").write_bytes(b"half")
    assert _news(inbox) == []
    assert inbox.refused == {}


def test_an_acknowledgement_of_another_chain_is_refused(inbox: Inbox, server: Server) -> None:
    """I-06, F19: the server knows another journal under this number; nothing may be forgotten on its word."""
    server.acknowledge(5, bytes(8))
    assert _refused(inbox, "acknowledgement")
    assert "call the centre" in inbox.refused["acknowledgement"]


def test_an_acknowledgement_beyond_this_journal_is_refused(inbox: Inbox, server: Server) -> None:
    server.acknowledge(10, _TAG)
    assert _refused(inbox, "acknowledgement")


def test_an_acknowledgement_of_nothing_is_believed(inbox: Inbox, server: Server) -> None:
    server.acknowledge(0, bytes(8))
    assert len(_news(inbox)) == 1


def test_generations_never_go_back(data: Path, inbox: Inbox, server: Server) -> None:
    server.acknowledge(5, _TAG, generation=2)
    assert len(_news(inbox)) == 1
    server.acknowledge(9, _TAG, generation=1)
    assert _refused(inbox, "acknowledgement")
    assert _refused(_inbox(data, generation=2), "acknowledgement")

"""Hotlist and state table: in force at once, kept in idle time, and never mixed of two versions."""

from __future__ import annotations

import errno
import random
import shutil
from pathlib import Path

import pytest

from firmware.boot import Station
from firmware.packed_shelf import PackedShelf, packed_key
from firmware.packed_tables import AGAIN_SECONDS, KEEP_CHANGES, KEEP_SECONDS, PackedTables
from firmware.purse_memory import PurseName
from firmware.upkeep import SEAL_SECONDS, Upkeep
from onecard.downlink import Header, Table
from onecard.hotlist import is_listed, number_bytes
from onecard.identity import CardNumber
from onecard.inbox_names import chunk_name, version_name
from onecard.packed_table import GoesBack, TableChange, WrongBase
from onecard.purse.bounds import Bound
from onecard.records import Ack, Applied, decode_record
from tests.firmware.bed import (
    CHAIN_KEY,
    NUMBER,
    TARIFF,
    Server,
    StandingTime,
    make_data,
    make_inbox,
    start_here,
)
from tests.firmware.records import AT, CARDS, state_row
from tests.onecard.journal.conftest import FaultyDisk, PowerCut
from tools.bench.till import NOON, Issuer

_PURSE = PurseName(CARDS[0], 0)
_STATES = {version: state_row(CARDS[0], version, 100 * version) for version in range(1, 200)}


def _shelf(folder: Path, disk: FaultyDisk | None = None) -> PackedShelf:
    return PackedShelf(folder / "packed", NUMBER, packed_key(CHAIN_KEY), disk)


def _tables(shelf: PackedShelf) -> PackedTables:
    return PackedTables(shelf, Issuer().terminal_keys)


def _listing(base: int, version: int, *cards: int, removed: bytes = b"") -> tuple[Header, TableChange]:
    rows = b"".join(number_bytes(CardNumber(card)) for card in cards)
    return Header(NUMBER, Table.HOTLIST, base, version, AT + version, 0), TableChange(base, version, rows, removed)


def test_an_older_change_and_one_without_its_base_are_refused_and_change_nothing(tmp_path: Path) -> None:
    tables = _tables(_shelf(tmp_path))
    tables.take(*_listing(0, 5, 26))
    for change in (_listing(0, 5), _listing(0, 4, 18), _listing(4, 5, 18)):
        with pytest.raises(GoesBack):
            tables.take(*change)
    with pytest.raises(WrongBase):
        tables.take(*_listing(6, 7, 18))
    assert tables.versions == {Table.HOTLIST: 5, Table.STATE: 0, Table.CERTIFICATES: 0}
    assert tables[Table.HOTLIST].rows == number_bytes(CardNumber(26))


def test_a_table_comes_in_pieces_and_a_new_start_replaces_it_whole(tmp_path: Path) -> None:
    tables = _tables(_shelf(tmp_path))
    for change in (_listing(0, 5, 26), _listing(5, 9, 34), _listing(9, 12, 18, removed=number_bytes(CardNumber(26)))):
        tables.take(*change)
    assert tables[Table.HOTLIST].rows == number_bytes(CardNumber(18)) + number_bytes(CardNumber(34))
    tables.take(*_listing(0, 13, 42))
    assert tables[Table.HOTLIST].rows == number_bytes(CardNumber(42))


def test_a_table_is_kept_at_once_when_none_is_and_then_seldom(tmp_path: Path) -> None:
    """Flash wears; the inbox has what the kept table lacks."""
    shelf = _shelf(tmp_path)
    tables = _tables(shelf)
    assert not tables.keep(0.0)
    tables.take(*_listing(0, 1, 26))
    assert tables.keep(0.0)
    assert not tables.keep(KEEP_SECONDS)
    tables.take(*_listing(1, 2, 34))
    assert not tables.keep(KEEP_SECONDS - 1)
    assert tables.keep(KEEP_SECONDS)
    for version in range(2, 2 + KEEP_CHANGES):
        assert not tables.keep(KEEP_SECONDS + 1)
        tables.take(*_listing(version, version + 1, 100 * version))
    assert tables.keep(KEEP_SECONDS + 1)
    assert shelf.version(Table.HOTLIST) == 2 + KEEP_CHANGES


def test_a_table_is_kept_at_once_when_the_chunks_no_longer_lead_to_it_or_its_file_is_gone(tmp_path: Path) -> None:
    """The daemon asks for what follows the last chunk that it has: without this nothing would ever follow again."""
    shelf = _shelf(tmp_path)
    tables = _tables(shelf)
    tables.take(*_listing(0, 1, 26))
    assert tables.keep(0.0)
    tables.take(*_listing(1, 3, 34))
    with pytest.raises(WrongBase):
        tables.take(*_listing(2, 4, 18))
    assert tables.keep(1.0)
    assert shelf.version(Table.HOTLIST) == 3
    tables.take(*_listing(3, 5, 42))
    assert not tables.keep(2.0)
    shutil.rmtree(tmp_path / "packed")
    assert tables.keep(2.0)
    assert shelf.version(Table.HOTLIST) == 5


def test_a_disk_that_fails_is_told_shown_and_tried_again_later(tmp_path: Path) -> None:
    disk = FaultyDisk({0: errno.ENOSPC})
    tables = _tables(_shelf(tmp_path, disk))
    tables.take(*_listing(0, 1, 26))
    assert tables.keep(0.0)
    assert tables.lacking
    assert "hotlist version 1 is in force and not kept" in tables.faults[0]
    assert not tables.keep(AGAIN_SECONDS - 1)
    assert tables.keep(AGAIN_SECONDS)
    assert not tables.lacking


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A terminal that has not started yet, with prices, a hotlist and a state table in its inbox."""
    make_data(tmp_path / "data", Issuer())
    server = Server(tmp_path / "data")
    server.tariff(TARIFF)
    server.hotlist(1, 26)
    server.state(0, 1, _STATES[1])
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> Server:
    return Server(data)


def _upkeep(station: Station) -> Upkeep:
    return Upkeep(
        station.journal, station.log, station.books, tables=station.tables, packed=station.packed, shelf=station.shelf
    )


def _keep(station: Station) -> None:
    """Idle time: both tables."""
    for _ in range(2):
        station.packed.keep(station.clock.monotonic())


def _kept(data: Path) -> None:
    """The terminal started once, kept its tables and stopped."""
    station = start_here(data)
    _keep(station)
    station.close()


def _in_force(station: Station) -> tuple[set[int], list[Bound]]:
    """Which of the cards 18 and 26 are refused, and the bounds of the purse."""
    listed = {card for card in (18, 26) if is_listed(station.teller.hotlist, CardNumber(card))}
    return listed, station.books.memory.bounds(_PURSE)


def _told(station: Station, table: Table) -> list[int]:
    records = (decode_record(e.kind, e.payload) for e in station.journal.entries(missing=lambda _: None))
    return [record.version for record in records if isinstance(record, Applied) and record.table == table]


def test_tables_are_in_force_told_once_and_the_same_after_a_restart(data: Path) -> None:
    for _ in range(2):
        station = start_here(data)
        assert _in_force(station) == ({26}, [Bound(1, 100)])
        assert (_told(station, Table.HOTLIST), _told(station, Table.STATE)) == ([1], [1])
        station.close()


def test_what_is_kept_outlives_the_inbox(data: Path) -> None:
    _kept(data)
    shutil.rmtree(data / "inbox")
    station = start_here(data)
    assert _in_force(station) == ({26}, [Bound(1, 100)])
    assert station.intake.hotlist_at is not None
    assert station.intake.refused == {}
    assert _told(station, Table.STATE) == [1]
    station.close()


def test_the_chunks_above_the_kept_table_are_taken_in_at_a_start(data: Path, server: Server) -> None:
    _kept(data)
    server.state(1, 2, _STATES[2])
    server.state(2, 3, _STATES[3])
    station = start_here(data)
    assert _in_force(station)[1] == [Bound(3, 300)]
    assert _told(station, Table.STATE) == [1, 3], "the version reached, not each step"
    station.close()


def test_a_gap_in_the_chunks_is_told_by_name_and_passed_over(data: Path, server: Server) -> None:
    server.state(1, 2, _STATES[2])
    server.state(3, 4, _STATES[4])
    station = start_here(data)
    assert _in_force(station)[1] == [Bound(2, 200)]
    name = chunk_name(Table.STATE, 4)
    assert station.intake.refused == {name: "state table: the change is to version 3, held is version 2"}
    server.state(2, 3, _STATES[3])
    server.state(3, 4, _STATES[4])
    station.intake.take(station.teller)
    assert _in_force(station)[1] == [Bound(4, 400)]
    assert station.intake.refused == {}
    station.close()


def test_an_older_chunk_laid_down_again_is_refused(data: Path, server: Server) -> None:
    server.state(1, 5, _STATES[5])
    station = start_here(data)
    server.state(0, 4, _STATES[4])
    station.intake.take(station.teller)
    assert station.intake.refused == {chunk_name(Table.STATE, 4): "state table: version 4 would follow version 5"}
    assert _in_force(station)[1] == [Bound(5, 500)]
    station.close()


def test_a_kept_table_that_is_damaged_is_told_and_what_is_sent_anew_comes_into_force(
    data: Path, server: Server
) -> None:
    server.state(1, 9, _STATES[9])
    _kept(data)
    for chunk in (data / "inbox/state").iterdir():
        chunk.unlink()
    file = data / "packed/state" / version_name(9)
    file.write_bytes(file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1]))
    station = start_here(data)
    assert _in_force(station) == ({26}, [])
    assert "is passed over" in station.packed.faults[0]
    assert station.packed.faults[1] == "state version 0 is in force: version 9 was"
    assert _told(station, Table.STATE) == [9, 0], "so that no acknowledgement counts as a table sync until it is back"
    server.state(0, 4, _STATES[4])
    server.state(4, 9, _STATES[9])
    station.intake.take(station.teller)
    assert _in_force(station)[1] == [Bound(9, 900)]
    station.close()


def test_a_kept_table_of_another_terminal_is_passed_over(data: Path, tmp_path: Path) -> None:
    other = PackedShelf(data / "packed", NUMBER + 1, packed_key(bytes(32)))
    tables = _tables(other)
    tables.take(*_listing(0, 9, 18))
    tables.keep(0.0)
    station = start_here(data)
    assert _in_force(station)[0] == {26}
    assert f"it is that of terminal {NUMBER + 1}" in station.packed.faults[0]
    station.close()


def test_an_older_hotlist_stays_in_force_is_told_and_is_no_younger_than_it_is(data: Path, server: Server) -> None:
    """The kept tables put back to an earlier copy, the inbox emptied: an old hotlist stops more cards than none."""
    _kept(data)
    shutil.copytree(data / "packed", data.parent / "older")
    server.hotlist(2, 18)
    _kept(data)
    for name in ("packed", "inbox"):
        shutil.rmtree(data / name)
    shutil.copytree(data.parent / "older", data / "packed")
    make_inbox(data)
    station = start_here(data)
    assert _in_force(station)[0] == {26}
    assert "hotlist version 1 is in force: version 2 was" in station.packed.faults
    before = station.intake.hotlist_at
    server.acknowledge(*station.journal.head, newest={Table.HOTLIST: 2}, at=NOON + 10**8)
    station.intake.take(station.teller)
    assert station.intake.hotlist_at == before
    station.close()


def test_without_a_hotlist_there_is_none_to_be_young(data: Path) -> None:
    shutil.rmtree(data / "inbox/hotlist")
    station = start_here(data)
    assert station.intake.hotlist_at is None
    station.close()


@pytest.mark.parametrize(
    ("newest", "is_younger"), [({Table.HOTLIST: 1}, True), ({}, True), ({Table.HOTLIST: 2}, False)]
)
def test_an_acknowledgement_makes_the_hotlist_young_only_when_it_names_no_newer_one(
    newest: dict[Table, int], *, is_younger: bool, data: Path, server: Server
) -> None:
    station = start_here(data)
    late = NOON + 10**8
    server.acknowledge(*station.journal.head, newest=newest, at=late)
    station.intake.take(station.teller)
    assert (station.intake.hotlist_at == late) is is_younger
    station.close()


def test_the_acknowledgement_is_journaled_with_the_versions_that_it_names(data: Path, server: Server) -> None:
    station = start_here(data)
    server.acknowledge(*station.journal.head, newest={Table.TARIFF: 1, Table.HOTLIST: 3, Table.STATE: 8})
    station.intake.take(station.teller)
    records = (decode_record(e.kind, e.payload) for e in station.journal.entries(missing=lambda _: None))
    (ack,) = [record for record in records if isinstance(record, Ack)]
    assert (ack.hotlist, ack.state) == (3, 8)
    assert station.books.memory.sync.awaited == {Table.HOTLIST: 3, Table.STATE: 8}
    station.close()


def test_the_state_table_is_told_once_a_minute_at_most_and_the_hotlist_at_once(data: Path, server: Server) -> None:
    """It changes with every debit anywhere: the journal is not for that."""
    time = StandingTime()
    station = start_here(data, time=time)
    for version in (2, 3):
        server.state(version - 1, version, _STATES[version])
        server.hotlist(version, 18)
        time.at += 29
        station.intake.take(station.teller)
    assert _in_force(station) == ({18}, [Bound(3, 300)])
    assert (_told(station, Table.HOTLIST), _told(station, Table.STATE)) == ([1, 2, 3], [1])
    time.at += 2
    station.intake.take(station.teller)
    assert _told(station, Table.STATE) == [1, 3]
    station.close()


def test_tables_are_kept_in_idle_time_and_never_in_a_busy_moment(data: Path) -> None:
    time = StandingTime()
    station = start_here(data, time=time)
    upkeep = _upkeep(station)
    upkeep.turn(time.at)
    upkeep.chores(time.at)
    assert not (data / "packed").exists()
    for _ in range(2):
        time.at += SEAL_SECONDS + 1
        upkeep.turn(time.at)
        upkeep.chores(time.at)
    assert (data / "packed/hotlist" / version_name(1)).exists()
    assert (data / "packed/state" / version_name(1)).exists()
    station.close()


def test_a_power_cut_anywhere_leaves_each_table_old_or_new_and_the_next_start_finishes(
    data: Path, server: Server
) -> None:
    """Between in force, APPLIED and kept; the inbox is there, as the daemon leaves it until the table is kept."""
    _kept(data)
    server.hotlist(2, 18)
    server.state(1, 2, _STATES[2])
    shutil.copytree(data, data.parent / "before")

    def run(disk: FaultyDisk) -> None:
        station = start_here(data, disk=disk)
        _keep(station)
        station.close()

    probe = FaultyDisk()
    run(probe)
    found = set()
    for at in range(len(probe.calls)):
        shutil.rmtree(data)
        shutil.copytree(data.parent / "before", data)
        disk = FaultyDisk({at: "cut"})
        with pytest.raises(PowerCut):
            run(disk)
        disk.power_cut(random.Random(at))
        alone = data.parent / "alone/data"
        shutil.copytree(data, alone)
        shutil.rmtree(alone / "inbox")
        station = start_here(alone)
        listed, bounds = _in_force(station)
        found.add((*listed, *bounds))
        assert not [fault for fault in station.packed.faults if "passed over" in fault], at
        station.close()
        shutil.rmtree(alone)
        station = start_here(data)
        assert _in_force(station) == ({18}, [Bound(2, 200)]), at
        assert (_told(station, Table.HOTLIST)[-1], _told(station, Table.STATE)[-1]) == (2, 2), at
        assert station.intake.refused == {}, at
        station.close()
    assert found == {(26, Bound(1, 100)), (18, Bound(1, 100)), (18, Bound(2, 200))}

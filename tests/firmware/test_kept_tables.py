"""Prices outlive a restart, whatever becomes of the inbox, the power and the tables' own disk."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.boot import Station
from firmware.kept_tables import HEARD_SECONDS, KeptTables
from firmware.session import State
from firmware.upkeep import SEAL_SECONDS, Upkeep
from onecard import tariff
from onecard.downlink import Table
from onecard.journal.disk import OsDisk
from onecard.journal.mutable_journal import MutableJournal
from onecard.journal.mutable_table import tables_db
from onecard.money import Fen
from onecard.records import Applied, decode_record
from onecard.tariff import FilmClass, Tier
from tests.firmware.bed import CHAIN_KEY, NUMBER, TARIFF, Server, StandingTime, make_data, make_inbox, start_here
from tests.onecard.journal.conftest import FaultyDisk, PowerCut
from tools.bench.till import Issuer

_SECOND = replace(TARIFF, version=2)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A terminal that has not started yet, with prices in its inbox."""
    make_data(tmp_path / "data", Issuer())
    Server(tmp_path / "data").tariff(TARIFF)
    return tmp_path / "data"


def _lay_many_prices(server: Server, version: int, count: int = 450) -> None:
    """As many price tables, each of some 1,250 bytes."""
    films = {number: FilmClass(number, "普通片" * 4, Fen(5000), Fen(3000)) for number in range(1, 10)}
    tiers = {number: Tier(number, "普通" * 4) for number in range(1, 10)}
    discounts = {(tier, film, 1): 700 for tier in tiers for film in films}
    prices = replace(TARIFF, version=version, films=films, tiers=tiers, discounts=discounts)
    server.table(Table.TARIFF, version, [tariff.encode(prices)] * count)


@pytest.fixture
def server(data: Path) -> Server:
    return Server(data)


class _TablesDisk(OsDisk):
    """The disk under `tables/` fails once `failure` is set; the journal's does not."""

    failure = 0

    def __init__(self) -> None:
        self._tables: set[int] = set()
        self.written = 0

    def open(self, path: Path, flags: int) -> int:
        if self.failure and path.parent.name == "tables":
            raise OSError(self.failure, os.strerror(self.failure))
        descriptor = super().open(path, flags)
        if path.parent.name == "tables":
            self._tables.add(descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        self._tables.discard(descriptor)
        super().close(descriptor)

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        if descriptor in self._tables:
            if self.failure:
                raise OSError(self.failure, os.strerror(self.failure))
            self.written += len(data)
        return super().pwrite(descriptor, data, offset)


def _restart(data: Path) -> Station:
    """A start that has been stopped and started again at once."""
    start_here(data).close()
    return start_here(data)


def _empty_inbox(data: Path) -> None:
    shutil.rmtree(data / "inbox")
    make_inbox(data)


def _spoil_inbox(data: Path) -> None:
    (data / "inbox/tariff").write_bytes(b"\xff" * 40)


def _lose_inbox(data: Path) -> None:
    shutil.rmtree(data / "inbox")


def _in_force(station: Station) -> int | None:
    """The version of the prices in force."""
    prices = station.intake.tariff
    return prices and prices.version


def _applied(station: Station) -> list[tuple[int, int]]:
    records = (decode_record(e.kind, e.payload) for e in station.journal.entries(missing=lambda _: None))
    return [(record.table, record.version) for record in records if isinstance(record, Applied)]


def _open_tables(data: Path) -> MutableJournal:
    return MutableJournal.open(data / "tables", chain_key=CHAIN_KEY, random=os.urandom)


def _open_kept(data: Path) -> KeptTables:
    return KeptTables.open(data / "tables", terminal=NUMBER, chain_key=CHAIN_KEY, random=os.urandom)


@pytest.mark.parametrize("lose", [_empty_inbox, _spoil_inbox, _lose_inbox])
def test_prices_outlive_the_inbox(lose: Callable[[Path], None], data: Path) -> None:
    start_here(data).close()
    lose(data)
    station = start_here(data)
    assert _in_force(station) == 1
    assert not station.tables.lacking
    station.close()


def test_an_inbox_put_back_is_refused_and_the_newer_words_stay_in_force(data: Path, server: Server) -> None:
    shutil.copytree(data / "inbox", data.parent / "older")
    server.tariff(_SECOND)
    start_here(data).close()
    shutil.rmtree(data / "inbox")
    shutil.copytree(data.parent / "older", data / "inbox")
    station = start_here(data)
    assert _in_force(station) == 2
    assert list(station.intake.refused) == ["tariff"]
    station.close()


def test_the_tables_remember_a_version_that_the_journal_does_not(data: Path, server: Server) -> None:
    """APPLIED rides along: a power cut may take it after the table came into force."""
    start_here(data).close()
    shutil.copytree(data / "inbox", data.parent / "older")
    shutil.copytree(data / "journal", data.parent / "before")
    server.tariff(_SECOND)
    start_here(data).close()
    for name in ("inbox", "journal"):
        shutil.rmtree(data / name)
    shutil.copytree(data.parent / "older", data / "inbox")
    shutil.copytree(data.parent / "before", data / "journal")
    station = start_here(data)
    assert _in_force(station) == 2
    assert list(station.intake.refused) == ["tariff"]
    assert _applied(station) == [(Table.TARIFF, 1), (Table.TARIFF, 2)]
    station.close()


def test_a_word_is_kept_before_it_is_in_force_and_told(data: Path, server: Server) -> None:
    disk = FaultyDisk()
    start_here(data).close()
    station = start_here(data, disk=disk)
    sequence = station.journal.next_sequence
    server.tariff(_SECOND)
    disk.faults = {len(disk.calls): "cut"}
    with pytest.raises(PowerCut):
        station.intake.take(station.teller)
    assert _in_force(station) == 1
    assert station.journal.next_sequence == sequence
    disk.faults = {}
    station.close()


def test_a_power_cut_anywhere_leaves_each_word_old_or_new_and_the_next_start_finishes(
    data: Path, server: Server
) -> None:
    start_here(data).close()
    shutil.copytree(data, data.parent / "before")
    for _ in range(2):
        server.tariff(_SECOND)
    shutil.copytree(data / "inbox", data.parent / "newer")

    def back() -> None:
        shutil.rmtree(data)
        shutil.copytree(data.parent / "before", data)
        shutil.rmtree(data / "inbox")
        shutil.copytree(data.parent / "newer", data / "inbox")

    probe = FaultyDisk()
    start_here(data, disk=probe).close()
    found = set()
    for at in range(len(probe.calls)):
        back()
        disk = FaultyDisk({at: "cut"})
        with pytest.raises(PowerCut):
            start_here(data, disk=disk).close()
        disk.power_cut(random.Random(at))
        with MutableJournal.open(data / "tables", chain_key=CHAIN_KEY, random=os.urandom):
            pass
        with_inbox = data.parent / "with-inbox"
        shutil.copytree(data, with_inbox)
        _empty_inbox(data)
        station = start_here(data)
        found.add(_in_force(station))
        station.close()
        shutil.rmtree(data)
        with_inbox.rename(data)
        station = start_here(data)
        assert _in_force(station) == 2, at
        assert (Table.TARIFF, 2) in _applied(station), at
        assert not station.tables.lacking
        station.close()
    assert found == {1, 2}


def test_a_power_cut_in_the_first_start_is_made_good_by_the_next(data: Path) -> None:
    shutil.copytree(data, data.parent / "before")
    probe = FaultyDisk()
    start_here(data, disk=probe).close()
    opened = [at for at, (_, name) in enumerate(probe.calls) if name == "LOCK"]
    for at in range(opened[2], len(probe.calls)):  # the journal's making and opening come before
        shutil.rmtree(data)
        shutil.copytree(data.parent / "before", data)
        disk = FaultyDisk({at: "cut"})
        with pytest.raises(PowerCut):
            start_here(data, disk=disk).close()
        disk.power_cut(random.Random(at))
        station = start_here(data)
        assert _in_force(station) == 1, at
        assert not station.tables.lacking
        station.close()


@pytest.mark.parametrize("failure", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_tables_that_fail_stop_no_sale_and_are_told(failure: int, data: Path, server: Server) -> None:
    start_here(data).close()
    disk = _TablesDisk()
    station = start_here(data, disk=disk)
    disk.failure = failure
    server.tariff(_SECOND)
    station.intake.take(station.teller)
    station.till.tick()
    assert _in_force(station) == 2
    assert station.till.state is State.SIGNED_OFF
    assert station.till.block() is None
    assert station.tables.lacking
    assert [fault for fault in station.tables.faults if "tariff version 2 is in force and not kept" in fault]
    assert (Table.TARIFF, 2) in _applied(station)
    station.close()
    station = start_here(data)
    assert not station.tables.lacking
    station.close()
    _empty_inbox(data)
    station = start_here(data)
    assert _in_force(station) == 2
    station.close()


@pytest.mark.parametrize("started_before", [False, True])
def test_a_start_without_its_tables_sells_with_what_the_inbox_has(*, started_before: bool, data: Path) -> None:
    if started_before:
        start_here(data).close()
    disk = _TablesDisk()
    disk.failure = errno.EIO
    station = start_here(data, disk=disk)
    assert _in_force(station) == 1
    assert station.tables.lacking
    assert "nothing is kept until the next start" in station.tables.faults[0]
    station.close()
    _empty_inbox(data)
    station = start_here(data, disk=disk)
    assert _in_force(station) is None
    assert station.tables.lacking, "nor will it keep what comes"
    station.close()


def test_tables_in_other_hands_stop_no_sale(data: Path) -> None:
    start_here(data).close()
    with _open_tables(data):
        station = start_here(data)
        assert _in_force(station) == 1
        assert station.tables.lacking
        station.close()


def test_prices_too_long_to_keep_are_in_force_and_told_until_shorter_ones_come(data: Path, server: Server) -> None:
    start_here(data).close()
    station = start_here(data)
    _lay_many_prices(server, 2)
    station.intake.take(station.teller)
    assert _in_force(station) == 2
    assert station.tables.lacking
    assert "remove documents first" in station.tables.faults[-1]
    server.tariff(replace(TARIFF, version=3))
    station.intake.take(station.teller)
    assert not station.tables.lacking
    station.close()


def _flip(file: Path, at: int) -> None:
    image = bytearray(file.read_bytes())
    image[at] ^= 1
    file.write_bytes(image)


@pytest.mark.parametrize(
    "damage",
    [
        lambda tables: _flip(tables / "seg-00000001.ocj", 9),
        lambda tables: _flip(tables / "seg-00000001.ocj", 300),
        lambda tables: os.truncate(tables / "seg-00000001.ocj", 300),
        lambda tables: (tables / "LOCK").unlink(),
        lambda tables: (tables / "seg-00000001.ocj").rename(tables / "seg-00000004.ocj"),
    ],
)
def test_damaged_tables_are_kept_aside_told_and_made_again_from_the_inbox(
    damage: Callable[[Path], None], data: Path
) -> None:
    start_here(data).close()
    for _ in range(2):
        damage(data / "tables")
        left = {file.name: file.read_bytes() for file in (data / "tables").iterdir()}
        station = start_here(data)
        assert _in_force(station) == 1
        assert not station.tables.lacking
        assert "now in tables-damaged, made anew from the inbox" in station.tables.faults[0]
        assert {file.name: file.read_bytes() for file in (data / "tables-damaged").iterdir()} == left
        station.close()
    _empty_inbox(data)
    station = start_here(data)
    assert _in_force(station) == 1
    assert station.tables.faults == []
    station.close()


def test_lost_tables_are_made_again_from_the_inbox(data: Path) -> None:
    start_here(data).close()
    shutil.rmtree(data / "tables")
    station = _restart(data)
    assert _in_force(station) == 1
    assert not station.tables.lacking
    station.close()


def test_tables_of_another_terminal_are_not_believed(data: Path, tmp_path: Path) -> None:
    """Their key is the terminal's: those of another say nothing here."""
    with MutableJournal.open(_foreign(tmp_path / "foreign"), chain_key=bytes(32), random=os.urandom):
        pass
    shutil.copytree(tmp_path / "foreign", data / "tables")
    station = start_here(data)
    assert _in_force(station) == 1
    assert (data / "tables-damaged").is_dir()
    station.close()


def _foreign(directory: Path) -> Path:
    MutableJournal.create(directory, terminal=8, chain_key=bytes(32), random=os.urandom)
    return directory


def test_a_power_cut_while_damaged_tables_are_set_aside_is_made_good(data: Path) -> None:
    start_here(data).close()
    _flip(data / "tables/seg-00000001.ocj", 300)
    shutil.copytree(data, data.parent / "before")
    probe = FaultyDisk()
    start_here(data, disk=probe).close()
    aside = next(at for at, call in enumerate(probe.calls) if call == ("rename", "tables-damaged"))
    for at in range(aside, len(probe.calls)):
        shutil.rmtree(data)
        shutil.copytree(data.parent / "before", data)
        disk = FaultyDisk({at: "cut"})
        with pytest.raises(PowerCut):
            start_here(data, disk=disk).close()
        disk.power_cut(random.Random(at))
        station = start_here(data)
        assert _in_force(station) == 1, at
        assert not station.tables.lacking
        station.close()


def test_kept_documents_that_are_no_table_are_told_and_replaced_from_the_inbox(data: Path) -> None:
    start_here(data).close()
    with _open_tables(data) as journal:
        tables_db(journal).table("tariff").remove(doc_ids=[2])
    station = _restart(data)
    assert _in_force(station) == 1
    station.close()
    with _open_tables(data) as journal:
        tables_db(journal).table("tariff").remove(doc_ids=[2])
    _empty_inbox(data)
    station = start_here(data)
    assert _in_force(station) is None
    assert ["the kept tariff is not used" in fault for fault in station.tables.faults] == [True]
    station.close()


def test_older_kept_prices_do_not_come_back(data: Path, server: Server) -> None:
    """The tables put back to an earlier copy, the inbox emptied."""
    start_here(data).close()
    shutil.copytree(data / "tables", data.parent / "older")
    server.tariff(_SECOND)
    start_here(data).close()
    shutil.rmtree(data / "tables")
    shutil.copytree(data.parent / "older", data / "tables")
    _empty_inbox(data)
    station = start_here(data)
    assert _in_force(station) is None
    assert [fault.rpartition(":")[0] for fault in station.tables.faults] == ["the kept tariff version 1 is old"]
    server.tariff(TARIFF)
    station.intake.take(station.teller)
    assert list(station.intake.refused) == ["tariff"]
    server.tariff(_SECOND)
    station.intake.take(station.teller)
    assert _in_force(station) == 2
    station.close()


def test_an_acknowledgement_from_before_the_server_was_put_back_is_refused_after_a_start(
    data: Path, server: Server
) -> None:
    """I-06: what it calls safe, the server put back may not have."""
    station = start_here(data)
    sequence, tag = station.journal.head
    server.acknowledge(sequence, tag, generation=2)
    station.intake.take(station.teller)
    station.close()
    server.acknowledge(sequence, tag, generation=1)
    station = start_here(data)
    assert list(station.intake.refused) == ["acknowledgement"]
    station.close()


def test_the_servers_time_outlives_the_inbox(data: Path) -> None:
    """A board without a battery wakes up in the past."""
    time = StandingTime()
    station = start_here(data, time=time)
    late = int(time.at) + 400 * 86_400
    station.tables.heard(1, late)
    station.close()
    _empty_inbox(data)
    station = start_here(data, time=time)
    assert station.clock.now().at == late
    station.close()


def test_the_servers_time_is_kept_once_an_hour_and_a_new_generation_at_once(data: Path) -> None:
    disk = _TablesDisk()
    tables = KeptTables.open(data / "tables", terminal=NUMBER, chain_key=CHAIN_KEY, random=os.urandom, disk=disk)

    def wrote(generation: int, server_at: int) -> bool:
        before = disk.written
        tables.heard(generation, server_at)
        return disk.written > before

    assert wrote(1, 1_900_000_000)
    assert not wrote(1, 1_900_000_000 + HEARD_SECONDS - 1)
    assert wrote(1, 1_900_000_000 + HEARD_SECONDS)
    assert wrote(2, 1_900_000_000)
    tables.close()
    tables = _open_kept(data)
    assert (tables.generation, tables.server_at) == (2, 1_900_000_000 + HEARD_SECONDS)
    tables.close()


def test_a_start_does_not_write_what_is_kept_already(data: Path) -> None:
    time = StandingTime()
    station = start_here(data, time=time)
    assert station.tables.faults == []
    station.close()
    time.at += 60
    disk = _TablesDisk()
    start_here(data, time=time, disk=disk).close()
    assert disk.written == 0


def test_the_tables_are_compacted_in_idle_time_when_the_next_words_may_not_fit(data: Path, server: Server) -> None:
    time = StandingTime()
    station = start_here(data, time=time)
    upkeep = Upkeep(
        station.journal, station.log, station.books, tables=station.tables, packed=station.packed, shelf=station.shelf
    )
    for version in (2, 3):
        _lay_many_prices(server, version, 240)
        station.intake.take(station.teller)
    upkeep.turn(time.at)
    generations = sorted((data / "tables").glob("seg-*"))
    upkeep.chores(time.at)
    assert sorted((data / "tables").glob("seg-*")) == generations, "never in a busy moment"
    for _ in range(2):
        time.at += SEAL_SECONDS + 1
        upkeep.turn(time.at)
        upkeep.chores(time.at)
    after = sorted((data / "tables").glob("seg-*"))
    assert after != generations
    time.at += SEAL_SECONDS + 1
    upkeep.chores(time.at)
    assert sorted((data / "tables").glob("seg-*")) == after, "once is enough"
    station.close()
    _empty_inbox(data)
    station = start_here(data, time=time)
    assert _in_force(station) == 3
    station.close()


def test_a_compaction_that_fails_stops_nothing(data: Path, server: Server) -> None:
    disk = _TablesDisk()
    station = start_here(data, disk=disk)
    for version in (2, 3):
        _lay_many_prices(server, version, 240)
        station.intake.take(station.teller)
    disk.failure = errno.EIO
    station.tables.compact()
    station.tables.compact()
    assert [fault for fault in station.tables.faults if fault.startswith("the tables are not compacted")] != []
    assert len(station.tables.faults) == len(set(station.tables.faults))
    station.close()

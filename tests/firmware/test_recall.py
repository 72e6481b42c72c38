"""A start from a checkpoint: what it takes, what it refuses, and what it knows."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.books import Books
from firmware.boot import Station
from firmware.purse_memory import PurseMemory, PurseName
from firmware.session import State
from firmware.shelf import Shelf
from firmware.unfit import BooksLost, JournalRolledBack
from onecard.downlink import Table
from onecard.identity import CardNumber
from onecard.journal import JournalReader, LostSegment
from onecard.journal.header import decode_header
from onecard.kinds import Outcome
from onecard.records import Applied, Gap, decode_record
from tests.firmware.bed import NUMBER, TARIFF, Server, make_data, start_here
from tests.firmware.records import SALE
from tools.bench.till import NOON, Issuer


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_data(tmp_path / "data", Issuer())
    Server(tmp_path / "data").tariff(TARIFF)
    return tmp_path / "data"


def _sell(station: Station, amount: int, outcome: Outcome | None) -> None:
    sequence = station.log.write(replace(SALE, amount=amount, debited=amount), durable=True)
    if outcome is not None:
        station.log.conclude(sequence, outcome, durable=True)


def _open_shift(station: Station) -> None:
    station.log.write(station.books.shift.opening(CardNumber(18), station.clock.now(), 6), durable=True)


def _checkpoint(station: Station) -> None:
    station.journal.flush()
    station.shelf.put(station.books, station.journal.head[1])


def _checkpoints(data: Path) -> list[Path]:
    return sorted((data / "checkpoints").iterdir())


def _fill_a_segment(station: Station) -> None:
    journal = station.config.data / "journal"
    number = len(list(journal.glob("seg-*")))
    while len(list(journal.glob("seg-*"))) == number:
        station.log.write(Applied(NOON, Table.TARIFF, 1), durable=False)


def _gaps(station: Station) -> list[tuple[int, int]]:
    records = (decode_record(entry.kind, entry.payload) for entry in station.journal.entries(missing=lambda _: None))
    return [(record.first, record.last) for record in records if isinstance(record, Gap)]


def _begins(data: Path, number: int) -> int:
    file = data / "journal" / f"seg-{number:08d}.ocj"
    return decode_header(file.read_bytes()[:64], file).first_sequence


def _damage(data: Path, sequence: int) -> None:
    """The record no longer reads."""
    file = data / "journal" / "seg-00000001.ocj"
    entry = next(JournalReader(data / "journal").entries(sequence))
    image = bytearray(file.read_bytes())
    image[image.index(entry.payload) + 3] ^= 1
    file.write_bytes(image)


def test_a_start_reads_what_follows_the_checkpoint_and_knows_what_went_before(data: Path) -> None:
    """The first segment is unreadable, and no start looks; the daily scrub and the daemon will tell of it."""
    station = start_here(data)
    _open_shift(station)
    _sell(station, 9000, Outcome.ABANDONED)
    _fill_a_segment(station)
    _checkpoint(station)
    _sell(station, 9001, None)
    station.close()
    file = data / "journal" / "seg-00000001.ocj"
    file.write_bytes(file.read_bytes()[:64] + bytes(65472))
    station = start_here(data)
    assert station.books.shift.is_open
    assert station.books.shift.totals.abandoned_fen == 9000
    unresolved = station.books.memory.unresolved(PurseName(SALE.uid, SALE.purse))
    assert {identity.debited for identity in unresolved} == {9000, 9001}
    assert station.till.state is State.IN_DOUBT
    assert station.books.gaps == set()
    assert station.shelf.refused == {}
    station.close()


def test_a_damaged_checkpoint_is_passed_over_for_the_older_and_then_for_the_whole_journal(data: Path) -> None:
    station = start_here(data)
    _open_shift(station)
    _checkpoint(station)
    _sell(station, 9000, Outcome.PAID)
    _checkpoint(station)
    station.close()
    for count, file in enumerate(reversed(_checkpoints(data)), start=1):
        file.write_bytes(file.read_bytes()[:-1])
        station = start_here(data)
        assert station.books.shift.totals.paid_fen == 9000
        assert len(station.shelf.refused) == count
        station.close()


def test_an_older_journal_than_its_checkpoint_is_refused_and_not_written(data: Path) -> None:
    """F12, P-R7: what the checkpoint tells was durable, so its numbers are taken."""
    start_here(data).close()
    shutil.copytree(data / "journal", data.parent / "older")
    station = start_here(data)
    _sell(station, 9000, Outcome.PAID)
    _checkpoint(station)
    station.close()
    shutil.rmtree(data / "journal")
    shutil.copytree(data.parent / "older", data / "journal")
    before = (data / "journal/seg-00000001.ocj").read_bytes()
    with pytest.raises(JournalRolledBack, match=r"a checkpoint tells of record .*new number"):
        start_here(data)
    assert (data / "journal/seg-00000001.ocj").read_bytes() == before


def test_a_journal_that_has_another_record_in_the_checkpoints_place_is_refused(data: Path) -> None:
    """F12: the older copy was used meanwhile."""
    start_here(data).close()
    shutil.copytree(data / "journal", data.parent / "older")
    station = start_here(data)
    _sell(station, 9000, Outcome.PAID)
    _checkpoint(station)
    station.close()
    shutil.move(data / "checkpoints", data.parent / "kept")
    shutil.rmtree(data / "journal")
    shutil.copytree(data.parent / "older", data / "journal")
    station = start_here(data)
    for amount in range(1, 9):
        _sell(station, amount, Outcome.PAID)
    station.close()
    shutil.move(data.parent / "kept", data / "checkpoints")
    with pytest.raises(JournalRolledBack, match="a checkpoint tells of record "):
        start_here(data)


def test_the_checkpoint_of_another_terminal_is_refused_by_name(data: Path) -> None:
    station = start_here(data)
    other = Books(PurseMemory(NUMBER + 1, station.identity.keys), 2)
    Shelf(data / "checkpoints", NUMBER + 1, bytes(32)).put(other, bytes(8))
    station.close()
    station = start_here(data)
    assert list(station.shelf.refused.values()) == [
        f"no checkpoint of this terminal: it is that of terminal {NUMBER + 1}"
    ]
    station.close()


def test_a_recycled_journal_without_a_checkpoint_never_goes_on_under_its_number(data: Path) -> None:
    """P-R7: what the intents of the records that are gone left on cards is not known."""
    station = start_here(data)
    _fill_a_segment(station)
    _checkpoint(station)
    station.close()
    (data / "journal" / "seg-00000001.ocj").unlink()
    start_here(data).close()
    (file,) = _checkpoints(data)
    file.write_bytes(b"")
    segments = sorted((data / "journal").glob("seg-*"))
    before = [segment.read_bytes() for segment in segments]
    with pytest.raises(BooksLost, match=f"{file.name}: .*new number"):
        start_here(data)
    assert [segment.read_bytes() for segment in segments] == before


def test_a_checkpoint_whose_record_is_lost_is_passed_over(data: Path) -> None:
    """Its tag cannot be compared: the whole journal is read, and the gap is told."""
    station = start_here(data)
    _open_shift(station)
    lost = station.books.sequence
    _checkpoint(station)
    _sell(station, 9000, Outcome.PAID)
    station.close()
    _damage(data, lost)
    station = start_here(data)
    assert list(station.shelf.refused.values()) == ["its record is not in this journal"]
    assert not station.books.shift.is_open
    assert _gaps(station) == [(lost, lost)]
    station.close()


def test_a_gap_behind_the_checkpoint_is_told_once(data: Path) -> None:
    station = start_here(data)
    _open_shift(station)
    _checkpoint(station)
    _sell(station, 9000, Outcome.PAID)
    lost = station.books.sequence
    _sell(station, 9001, Outcome.PAID)
    station.close()
    _damage(data, lost)
    for _ in range(2):
        station = start_here(data)
        assert _gaps(station) == [(lost, lost)]
        assert station.shelf.refused == {}
        _checkpoint(station)
        station.close()


@pytest.mark.parametrize("gone", [False, True])
def test_a_sealed_segment_lost_whole_is_told_once_and_sales_go_on(*, gone: bool, data: Path) -> None:
    station = start_here(data)
    _open_shift(station)
    _checkpoint(station)
    _fill_a_segment(station)
    first = _begins(data, 2)
    _fill_a_segment(station)
    end = _begins(data, 3) - 1
    station.close()
    file = data / "journal" / "seg-00000002.ocj"
    spoiled = bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:]
    file.write_bytes(spoiled)
    if gone:
        file.unlink()
    for _ in range(2):
        station = start_here(data)
        assert _gaps(station) == [(first, end)]
        assert station.shelf.refused == {}
        _sell(station, 9000, Outcome.PAID)
        _checkpoint(station)
        station.close()
    assert gone or file.read_bytes() == spoiled


def test_a_newest_segment_whose_header_does_not_read_is_refused_by_name_and_nothing_is_written(data: Path) -> None:
    """I-04: what was numbered in it is not known, and no name may be used twice."""
    station = start_here(data)
    _open_shift(station)
    _fill_a_segment(station)
    _sell(station, 9000, Outcome.PAID)
    station.close()
    file = data / "journal" / "seg-00000002.ocj"
    file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    before = {path: path.read_bytes() for path in (data / "journal").iterdir()}
    with pytest.raises(LostSegment, match="seg-00000002"):
        start_here(data)
    assert {path: path.read_bytes() for path in (data / "journal").iterdir()} == before


@pytest.mark.parametrize("last", [False, True])
def test_an_acknowledged_record_lost_to_damage_makes_no_older_copy(*, last: bool, data: Path) -> None:
    """The mark or a later record tells that the journal once had it: it goes on and tells the gap."""
    station = start_here(data)
    _sell(station, 9000, Outcome.PAID)
    sequence, tag = station.journal.head
    _checkpoint(station)
    if not last:
        _sell(station, 9001, Outcome.PAID)
    station.close()
    Server(data).acknowledge(sequence, tag)
    _damage(data, sequence)
    station = start_here(data)
    assert _gaps(station) == [(sequence, sequence)]
    station.close()


def test_an_older_checkpoint_with_another_tag_is_refused_too(data: Path) -> None:
    """The record of the newest one is lost, so it cannot be compared; the older one can, and is not this journal's."""
    station = start_here(data)
    _open_shift(station)
    station.journal.flush()
    station.shelf.put(station.books, bytes(8))
    _sell(station, 9000, Outcome.PAID)
    lost = station.books.sequence
    _checkpoint(station)
    _sell(station, 9001, Outcome.PAID)
    station.close()
    _damage(data, lost)
    station = start_here(data)
    assert list(station.shelf.refused.values()) == ["its record is not in this journal"] * 2
    assert station.books.shift.is_open
    station.close()

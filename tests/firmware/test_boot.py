"""A start: what must be there, what must never happen twice, and what it finds again."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.boot import Station
from firmware.purse_memory import PurseName
from firmware.results import Declined
from firmware.session import State
from firmware.unfit import ForeignJournal, JournalLost, JournalRolledBack, NotEnrolled
from firmware.view import Block
from hardware.keypad.keys import Key
from onecard.downlink import Table
from onecard.errors import OnecardError
from onecard.hotlist import is_listed
from onecard.identity import CardNumber, TerminalNumber
from onecard.inbox_names import chunk_name
from onecard.journal import JournalFull, JournalLocked, JournalReader
from onecard.journal.disk import OsDisk
from onecard.kinds import DeclineReason, Outcome, Purpose
from onecard.records import Ack, Applied, Boot, Gap, Intent, OutcomeRecord, Record, decode_record
from tests.firmware.bed import CONFIG, NUMBER, SHOW, TARIFF, Server, StandingTime, make_data, start_here
from tools.bench.till import NOON, Issuer


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_data(tmp_path / "data", Issuer())
    Server(tmp_path / "data").tariff(TARIFF)
    return tmp_path / "data"


def _stop(station: Station) -> None:
    station.close()


def _records(station: Station, kind: type[Record]) -> list[Record]:
    records = (decode_record(entry.kind, entry.payload) for entry in station.journal.entries(missing=lambda _: None))
    return [record for record in records if isinstance(record, kind)]


def _sell(station: Station, amount: int, outcome: Outcome | None) -> None:
    intent = Intent(
        at=station.clock.now().at, clock=1, shift=1, business_day=1, operator=18, uid=bytes(4), card_number=26,
        purse=0, purpose=Purpose.SALE, amount=amount, counter=3, debited=amount, base_slot=2, ring=bytes(48), copy=0,
        load_sequence=1, loaded=10_000, pays=0, list_price=amount, tier=1, film_class=2, time_slot=1, tickets=3,
        tariff_version=1,
    )  # fmt: skip
    sequence = station.log.write(intent, durable=True)
    if outcome is not None:
        station.log.conclude(sequence, outcome, durable=True)


def _open_shift(station: Station) -> None:
    station.log.write(station.books.shift.opening(CardNumber(18), station.clock.now(), 6), durable=True)


@pytest.mark.parametrize("name", ["identity", "card.keys", "seal.key"])
def test_a_terminal_that_is_not_enrolled_says_what_to_run(name: str, data: Path) -> None:
    (data / name).unlink()
    with pytest.raises(NotEnrolled, match=f"{name}.*onecard terminal enrol"):
        start_here(data)


def test_keys_of_another_terminal_are_refused(data: Path, tmp_path: Path) -> None:
    make_data(tmp_path / "other", Issuer(), TerminalNumber(NUMBER + 1))
    shutil.copy(tmp_path / "other/card.keys", data / "card.keys")
    with pytest.raises(NotEnrolled, match=r"card\.keys"):
        start_here(data)


@pytest.mark.parametrize("name", ["identity", "card.keys"])
def test_a_damaged_identity_is_named(name: str, data: Path) -> None:
    (data / name).write_bytes(b"\x85")
    with pytest.raises(OnecardError, match=name):
        start_here(data)


def test_the_first_start_makes_the_journal_and_each_start_opens_an_epoch(data: Path) -> None:
    _stop(start_here(data))
    station = start_here(data)
    boots = _records(station, Boot)
    assert [boot.epoch for boot in boots if isinstance(boot, Boot)] == [1, 2]
    assert len({boot.incarnation for boot in boots if isinstance(boot, Boot)}) == 2
    _stop(station)


def test_a_lost_journal_is_never_made_again_under_the_same_number(data: Path) -> None:
    """P-R7, hole H26: sequences would name other records than before."""
    _stop(start_here(data))
    shutil.rmtree(data / "journal")
    with pytest.raises(JournalLost, match="new number"):
        start_here(data)
    assert not (data / "journal").exists()


@pytest.mark.parametrize("grown", [False, True])
def test_an_older_copy_of_the_journal_is_refused_and_not_written(*, grown: bool, data: Path) -> None:
    """F12: the acknowledgement in the inbox proves that the journal went on; its numbers are taken."""
    _stop(start_here(data))
    shutil.copytree(data / "journal", data.parent / "older")
    station = start_here(data)
    for amount in range(1, 4):
        _sell(station, amount, Outcome.PAID)
    _stop(station)
    if grown:  # the older copy was used: another record has the acknowledged number
        shutil.copytree(data / "journal", data.parent / "newest")
        shutil.rmtree(data / "journal")
        shutil.copytree(data.parent / "older", data / "journal")
        station = start_here(data)
        for amount in range(4, 8):
            _sell(station, amount, Outcome.PAID)
        _stop(station)
        newest = JournalReader(data.parent / "newest")
    else:
        newest = JournalReader(data / "journal")
    last = list(newest.all_entries())[-1]
    Server(data).acknowledge(last.name.sequence, last.tag)
    if not grown:
        _stop(start_here(data))
        shutil.rmtree(data / "journal")
        shutil.copytree(data.parent / "older", data / "journal")
    before = (data / "journal/seg-00000001.ocj").read_bytes()
    with pytest.raises(JournalRolledBack, match=f"record {last.name.sequence}.*new number"):
        start_here(data)
    assert (data / "journal/seg-00000001.ocj").read_bytes() == before


def test_a_terminal_enrolled_anew_does_not_write_into_the_old_journal(data: Path) -> None:
    _stop(start_here(data))
    made = (data / "journal/seg-00000001.ocj").read_bytes()
    kept = data.parent / "kept"
    shutil.move(data, kept)
    make_data(data, Issuer(), TerminalNumber(NUMBER + 1))
    shutil.copytree(kept / "journal", data / "journal")
    with pytest.raises(ForeignJournal, match=f"terminal {NUMBER}, this is terminal {NUMBER + 1}"):
        start_here(data)
    assert (data / "journal/seg-00000001.ocj").read_bytes() == made


def test_two_processes_never_write_one_journal(data: Path) -> None:
    station = start_here(data)
    with pytest.raises(JournalLocked):
        start_here(data)
    _stop(station)


def test_checks_are_never_switched_off(data: Path) -> None:
    text = CONFIG.format(sale=SHOW, limits="")
    (data.parent / "terminal.toml").write_text(text)
    code = "from tools.cli import main; main()"
    command = [sys.executable, "-O", "-c", code, "terminal", "run", "--config", str(data.parent / "terminal.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "without -O" in done.stderr
    assert not (data / "journal").exists()


def test_an_open_shift_goes_on_after_a_restart(data: Path) -> None:
    station = start_here(data)
    assert station.till.state is State.SIGNED_OFF
    _open_shift(station)
    _sell(station, 3500, Outcome.PAID)
    before = station.books.shift.totals
    _stop(station)
    station = start_here(data)
    assert station.till.state is State.READY
    assert station.books.shift.totals == before
    assert station.log.shop.operator == 18
    _stop(station)


def test_a_sale_in_doubt_is_asked_for_again_with_what_was_sold(data: Path) -> None:
    station = start_here(data)
    _open_shift(station)
    _sell(station, 9000, None)
    _stop(station)
    station = start_here(data)
    assert station.till.state is State.IN_DOUBT
    assert (station.till.view().basket.film_class, station.till.view().basket.tickets) == (2, 3)
    _stop(station)


def test_reboot_and_time_out_abandon_a_sale_in_doubt(data: Path) -> None:
    """P-R6: the time-out runs from the start on; the final word is durable before it is shown."""
    station = start_here(data)
    _open_shift(station)
    _sell(station, 9000, None)
    _stop(station)
    time = StandingTime()
    station = start_here(data, "in_doubt_seconds = 60", time)
    time.at += 59
    station.till.tick()
    assert station.till.state is State.IN_DOUBT
    time.at += 1
    station.till.tick()
    assert station.till.state is State.ABANDONED
    (outcome,) = _records(station, OutcomeRecord)
    assert isinstance(outcome, OutcomeRecord)
    assert outcome.outcome == Outcome.ABANDONED
    assert station.journal.durable_sequence == station.journal.next_sequence - 1
    _stop(station)


def test_cancel_abandons_a_sale_in_doubt(data: Path) -> None:
    station = start_here(data)
    _open_shift(station)
    _sell(station, 9000, None)
    _stop(station)
    station = start_here(data)
    station.till.press(Key.CANCEL)
    assert station.till.state is State.ABANDONED
    assert station.books.memory.open_sale is None
    _stop(station)


def test_too_much_money_not_uploaded_stops_the_selling_until_it_is(data: Path) -> None:
    """P-R22."""
    station = start_here(data, 'unsent_cap = "100.00"')
    _open_shift(station)
    station.log.shop = station.books.shift.shop
    _stop(station)
    station = start_here(data, 'unsent_cap = "100.00"')
    _sell(station, 9999, Outcome.PAID)
    station.till.tick()
    assert station.till.state is State.READY
    _sell(station, 1, Outcome.PAID)
    station.till.tick()
    assert (station.till.state, station.till.block()) == (State.OUT_OF_SERVICE, Block.UNSENT_MONEY)
    sequence, tag = station.journal.head
    Server(data).acknowledge(sequence, tag)
    station.intake.take(station.teller)
    station.till.tick()
    assert station.till.state is State.READY
    assert isinstance(_records(station, Ack)[-1], Ack)
    _stop(station)


def test_too_long_not_uploaded_stops_the_selling(data: Path) -> None:
    """P-R22."""
    time = StandingTime()
    station = start_here(data, "unsent_days = 1", time)
    _open_shift(station)
    _stop(station)
    station = start_here(data, "unsent_days = 1", time)
    time.at += 86_399
    assert station.till.block() is None
    time.at += 1
    assert station.till.block() is Block.UNSENT_TIME
    _stop(station)


def test_a_table_is_journaled_once_however_often_it_is_read(data: Path) -> None:
    Server(data).hotlist(1, 26)
    _stop(start_here(data))
    station = start_here(data)
    applied = [(record.table, record.version) for record in _records(station, Applied) if isinstance(record, Applied)]
    assert sorted(applied) == [(Table.TARIFF, 1), (Table.HOTLIST, 1)]
    assert is_listed(station.teller.hotlist, CardNumber(26))
    _stop(station)


def test_a_heartbeats_acknowledgement_is_journaled_once(data: Path) -> None:
    station = start_here(data)
    for _ in range(3):
        sequence, tag = station.journal.head
        Server(data).acknowledge(sequence, tag)
        station.intake.take(station.teller)
    assert len(_records(station, Ack)) == 1
    assert station.books.backlog.count == 0
    _stop(station)


def test_a_bad_certificate_of_a_chunk_is_told_and_the_others_are_kept(data: Path) -> None:
    station = start_here(data)
    good = Issuer().certificate(b"\x01\x02\x03\x04", 2, 500)
    Server(data).certificates(1, bytes(96), good)
    station.intake.take(station.teller)
    assert list(station.intake.refused) == [chunk_name(Table.CERTIFICATES, 1)]
    assert station.books.memory.certificate(PurseName(b"\x01\x02\x03\x04", 0)) is not None
    _stop(station)


def test_a_film_class_that_is_not_priced_is_not_taken(data: Path) -> None:
    station = start_here(data)
    _open_shift(station)
    _stop(station)
    station = start_here(data)
    station.till.press(Key.DIGIT_9)
    assert station.till.state is State.READY
    assert station.till.view().unknown_film == 9
    for key in (Key.DIGIT_2, Key.DIGIT_0, Key.DIGIT_4, Key.OK):
        station.till.press(key)
    assert station.till.state is State.ARMED
    assert (station.till.view().basket.film_class, station.till.view().basket.tickets) == (2, 4)
    _stop(station)


def test_a_reader_that_is_not_there_stops_nostart_here(data: Path) -> None:
    station = start_here(data)
    station.till.look()
    assert station.till.view().reader_lost
    assert "no-such-tty" in station.till.trouble
    _stop(station)


def test_a_full_journal_stops_the_selling_and_still_takes_the_final_word(data: Path) -> None:
    """F14."""
    station = start_here(data)
    _open_shift(station)
    _sell(station, 9000, None)
    _stop(station)
    station = start_here(data)
    with pytest.raises(JournalFull):
        while True:
            station.log.write(Applied(NOON, Table.TARIFF, 1), durable=False)
    assert station.till.block() is Block.JOURNAL_FULL
    station.till.press(Key.CANCEL)
    assert station.till.state is State.ABANDONED
    _stop(station)


def test_a_card_refused_on_a_full_journal_gets_the_full_screen(data: Path) -> None:
    """A DECLINE may not use the space kept back, and does not end the loop."""
    station = start_here(data)
    with pytest.raises(JournalFull):
        while True:
            station.log.write(Applied(NOON, Table.TARIFF, 1), durable=False)

    station.till._guarded(lambda: station.teller._decline(DeclineReason.TWO_CARDS))
    view = station.till.view()
    assert station.till.state is State.SIGN_ON_REFUSED
    assert view.result == Declined(DeclineReason.OUT_OF_SERVICE)
    assert view.block is Block.JOURNAL_FULL
    _stop(station)


def test_a_journal_damaged_in_its_middle_goes_on_and_tells_the_gap_once(data: Path) -> None:
    station = start_here(data)
    _open_shift(station)
    _sell(station, 9000, Outcome.PAID)
    lost = station.journal.next_sequence - 1  # its final word
    doubt = station.journal.next_sequence
    _sell(station, 9001, None)
    _stop(station)
    file = data / "journal" / "seg-00000001.ocj"
    entry = next(e for e in JournalReader(data / "journal").entries(lost))
    image = bytearray(file.read_bytes())
    image[image.index(entry.payload) + 3] ^= 1
    file.write_bytes(image)
    for _ in range(2):
        station = start_here(data)
        sale = station.books.memory.open_sale
        assert sale is not None
        assert sale.sequence == doubt, "of the one before the gap no word is given any more"
        gaps = [record for record in _records(station, Gap) if isinstance(record, Gap)]
        assert [(gap.first, gap.last) for gap in gaps] == [(lost, lost)]
        assert gaps[0].reason.startswith("seg-00000001.ocj at byte ")
        assert station.books.shift.is_open
        assert station.till.block() is None
        _stop(station)


class _FailingDisk(OsDisk):
    """A disk that takes nothing more once it is broken."""

    broken = False

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        if self.broken:
            raise OSError(errno.EIO, "input/output error")
        return super().pwrite(descriptor, data, offset)


def test_a_journal_that_fails_ends_the_session_until_a_restart(data: Path) -> None:
    """F14: nothing is shown that is not durable."""
    station = start_here(data)
    _open_shift(station)
    _sell(station, 9000, None)
    _stop(station)
    disk = _FailingDisk()
    station = start_here(data, disk=disk)
    disk.broken = True
    station.till.press(Key.CANCEL)
    assert station.till.state is State.BROKEN
    assert "replace the disk" in station.till.trouble
    for key in Key:
        station.till.press(key)
    station.till.tick()
    station.till.look()
    assert station.till.state is State.BROKEN
    _stop(station)
    station = start_here(data)
    assert station.till.state is State.IN_DOUBT
    _stop(station)

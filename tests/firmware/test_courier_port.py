"""The courier's port: who opens it, for how long, and what is left of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from firmware.boot import Station
from firmware.courier_port import CourierPort
from firmware.results import Shown
from hardware.board.boot_id import boot_id
from onecard.identity import CardNumber
from onecard.journal import JournalFull
from onecard.kinds import CardKind
from onecard.money import Fen
from onecard.port_word import OPEN_SECONDS, open_seconds
from onecard.records import Applied, Decline, Port, Record, decode_record
from tests.firmware.bed import FIXED, NOON, StandingTime, TestBed, make_data, start_here
from tools.bench.till import Issuer

_CARD = Shown(b"\1\2\3\4", CardNumber(26), CardKind.AUTHORISATION, 0, Fen(0), loaded=False)


class _Place:
    """A station with a port, and what the daemon sees of it."""

    def __init__(self, data: Path) -> None:
        self.time = StandingTime()
        self.data = data
        self.station: Station = start_here(data, time=self.time)
        self.port = CourierPort(data, self.station.log, "this start")

    @property
    def open_for(self) -> float:
        file = self.data / "port"
        return open_seconds(file.read_bytes() if file.exists() else b"", "this start", self.time.at)

    def records(self) -> list[Record]:
        self.station.journal.flush()
        records = (decode_record(entry.kind, entry.payload) for entry in self.station.journal.entries())
        return [record for record in records if isinstance(record, Port)]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[_Place]:
    make_data(tmp_path / "data", Issuer())
    place = _Place(tmp_path / "data")
    yield place
    place.station.close()


def test_a_tap_opens_the_port_for_ten_minutes_and_the_record_is_durable_first(place: _Place) -> None:
    assert place.open_for == 0.0
    place.port.turn(_CARD)
    assert 599 < place.open_for <= place.port.seconds_left == OPEN_SECONDS
    assert place.station.journal.undurable == 0
    assert place.records() == [Port(NOON, 1, 26, b"\1\2\3\4", 1, OPEN_SECONDS)]


def test_it_closes_by_itself(place: _Place) -> None:
    place.port.turn(_CARD)
    place.time.at += OPEN_SECONDS - 1
    place.port.tick()
    assert len(place.records()) == 1
    place.time.at += 1
    place.port.tick()
    assert (place.open_for, place.port.seconds_left) == (0.0, 0.0)
    assert place.records()[-1] == Port(NOON + OPEN_SECONDS, 1, 0, b"", 0, 0)
    place.port.tick()
    assert len(place.records()) == 2


def test_a_second_tap_closes_it(place: _Place) -> None:
    place.port.turn(_CARD)
    place.port.turn(_CARD)
    assert place.open_for == 0.0
    assert place.records()[-1] == Port(NOON, 1, 26, b"\1\2\3\4", 0, 0)


def test_a_start_finds_it_closed_whatever_was_left(place: _Place) -> None:
    place.port.turn(_CARD)
    again = CourierPort(place.data, place.station.log, "this start")
    assert (place.open_for, again.seconds_left) == (0.0, 0.0)


def test_a_stop_in_order_closes_it_with_a_record(place: _Place) -> None:
    place.port.turn(_CARD)
    place.port.close()
    assert place.open_for == 0.0
    assert [record.opened for record in place.records() if isinstance(record, Port)] == [1, 0]


def test_a_firmware_that_died_leaves_a_word_that_ends_by_itself(place: _Place) -> None:
    place.port.turn(_CARD)
    place.time.at += OPEN_SECONDS
    assert place.open_for == 0.0


def test_a_disk_that_does_not_take_the_word_leaves_the_port_closed_and_says_so(place: _Place) -> None:
    (place.data / ".port.new").mkdir()  # a directory in the way, because root writes through permissions
    place.port.turn(_CARD)
    assert place.port.seconds_left == 0.0
    assert "could not be written" in place.port.trouble
    assert [record.opened for record in place.records() if isinstance(record, Port)] == [1, 0]


def test_a_full_journal_can_still_be_collected(place: _Place) -> None:
    with pytest.raises(JournalFull):
        while True:
            place.station.log.write(Applied(NOON, 1, 1), durable=False)
    place.port.turn(_CARD)
    assert place.open_for > 0


MakeBed = Callable[..., TestBed]


@pytest.fixture
def make_bed(tmp_path: Path) -> Iterator[MakeBed]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(TestBed(tmp_path, Issuer(), **settings))


def _is_open(bed: TestBed) -> bool:
    return (bed.data / "port").exists() and boot_id() in (bed.data / "port").read_text()


def test_an_authorisation_card_opens_the_port_of_a_signed_off_till_and_a_restart_closes_it(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.wait_for("signed off")
    card = bed.card(0, CardKind.AUTHORISATION)
    bed.present(card)
    shown = bed.wait_for("port turned, signed off")
    assert shown["title"] == ["Port opened"]
    assert "Courier's port open, 10 min left" in shown["message"]
    assert _is_open(bed)
    bed.kill()
    bed.take_away()
    bed.start()
    bed.wait_for("signed off")
    assert not _is_open(bed)
    bed.present(card)
    bed.wait_for("port turned, signed off")
    bed.take_away()
    bed.wait_for("signed off")
    bed.present(card)
    assert bed.wait_for("port turned, signed off")["title"] == ["Port closed"]
    assert not _is_open(bed)
    assert [record.opened for record in bed.wait_for_record(Port, 3) if isinstance(record, Port)] == [1, 1, 0]


def test_in_show_mode_a_card_on_the_status_page_turns_the_port(make_bed: MakeBed) -> None:
    bed = make_bed()
    bed.sign_on()
    bed.press("A")
    bed.wait_for("status")
    bed.present(bed.card(0, CardKind.CASHIER))
    bed.wait_for("not authorised")
    assert not _is_open(bed)
    bed.take_away()
    bed.wait_for("ready")
    bed.press("A")
    bed.wait_for("status")
    bed.present(bed.card(0, CardKind.AUTHORISATION))
    bed.wait_for("port turned")
    assert _is_open(bed)
    bed.take_away()
    bed.wait_for("ready")


def test_a_turnstile_without_keys_takes_the_card_as_it_is_and_charges_nothing(make_bed: MakeBed) -> None:
    bed = make_bed(sale=FIXED)
    bed.sign_on()
    bed.present(bed.card(0, CardKind.AUTHORISATION))
    bed.wait_for("port turned")
    assert _is_open(bed)
    bed.take_away()
    bed.wait_for("armed")
    assert bed.records(Decline) == []


@pytest.mark.parametrize("wrong", ["expired", "stored value"])
def test_no_other_card_opens_the_port(make_bed: MakeBed, wrong: str) -> None:
    bed = make_bed()
    bed.wait_for("signed off")
    changes = {"kind": CardKind.AUTHORISATION, "expiry": 1000} if wrong == "expired" else {}
    bed.present(bed.card(500, **changes))  # type: ignore[arg-type]
    bed.wait_for("sign-on refused")
    assert not _is_open(bed)
    assert len(bed.wait_for_record(Decline)) == 1

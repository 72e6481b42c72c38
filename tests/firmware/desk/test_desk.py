"""Issue and load at a desk: cut anywhere, continued with the same card; nothing public is left on it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from firmware.desk.issuing import Pace
from firmware.desk.link import SignedLink
from hardware.cards.classic_layout import SECTORS
from hardware.cards.desfire.opening import Openings
from hardware.cards.personalisation_script import PUBLIC_KEYS
from hardware.cards.selection import select_purse
from hardware.pn532.opening import open_reader
from hardware.reader import Reader, Target
from hardware.sam.software import SoftwareSam
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from hardware.virtual.process import VirtualReader
from onecard import desk
from onecard.desk import BadDeskMessage, CardPlaced, Found, JobDone, JobFailed, Next
from onecard.envelope import terminal_key_id
from onecard.keys import BadSignature, sign
from onecard.kinds import Outcome, Purpose
from onecard.purse.certificate import Certificate, open_certificate
from onecard.purse.ring import Ring, read_ring
from onecard.records import Intent, Issue, OutcomeRecord
from tests.firmware.desk.conftest import ISSUE, LOAD, STATION, TRANSPORT, UID, Centre, Place


def witness(place: Place) -> tuple[Ring, Certificate]:
    """What a terminal sees of the card that lies there: its ring, and the certificate in force."""
    keys = place.centre.identity.keys
    sam = SoftwareSam(keys)
    (target,) = place.reader.poll()
    purse = select_purse(place.reader, target, sam, 0, Openings())
    ring = read_ring(purse.read_ring(), lambda image: sam.record(image, target.uid, 0))
    assert ring.newest is not None
    reference = ring.newest.load_reference
    certificate = open_certificate(purse.read_certificate(reference.copy), keys, target.uid, 0)
    assert certificate.load_sequence & 7 == reference.load_mod8
    return ring, certificate


def outcomes(place: Place) -> list[Outcome]:
    return [Outcome(record.outcome) for record in place.records(OutcomeRecord)]


def assert_issued(place: Place) -> None:
    ring, certificate = witness(place)
    assert sorted(record.identity for record in ring.readable) == [(0, 0, 0, 0), (1, 0, 0, 0), (2, 0, 0, 0)]
    assert (certificate.load_sequence, certificate.loaded) == (1, 100_00)
    assert [type(request) for request in place.centre.asked].count(JobDone) == 1
    assert outcomes(place)[-1] is Outcome.ACKED
    assert place.centre.jobs == []


def lay(virtual: VirtualReader, *cards: Path) -> None:
    virtual.command("remove")
    for card in cards:
        virtual.command(f"place {card}")


def test_a_desk_without_a_job_idles(place: Place) -> None:
    place.centre.jobs = []
    assert place.work() is Pace.IDLE


def test_a_desk_asks_for_the_card_once(place: Place) -> None:
    for _ in range(3):
        assert place.work() is Pace.CARD
    assert place.lines == ["job 1: issue", "job 1: put the card on the reader"]


def test_a_blank_card_is_issued(place: Place, virtual: VirtualReader, blank: Path) -> None:
    lay(virtual, blank)
    assert place.work() is Pace.IDLE
    assert_issued(place)
    (issue,) = place.records(Issue)
    assert isinstance(issue, Issue)
    assert (issue.job, issue.uid) == (1, UID)
    assert outcomes(place) == [Outcome.ACKED]


def test_no_default_key_remains_on_any_sector(place: Place, virtual: VirtualReader, blank: Path) -> None:
    lay(virtual, blank)
    place.work()
    blocks = card_file.load(blank).blocks
    for sector in range(SECTORS):
        trailer = blocks[4 * sector + 3]
        assert not {bytes(trailer[:6]), bytes(trailer[10:])} & PUBLIC_KEYS


def test_the_issue_is_durable_before_the_first_write(place: Place, virtual: VirtualReader, blank: Path) -> None:
    lay(virtual, blank)
    virtual.command("tear before 0")
    assert place.work() is Pace.CARD
    assert card_file.load(blank).blocks[4:] == blank_image(UID, TRANSPORT).blocks[4:]
    assert len(place.records(Issue)) == 1
    assert place.journal.durable_sequence == place.journal.next_sequence - 1


# Sixteen sectors, four writes each but sector 0: 63 writes. A trailer torn half-way closes its sector for ever, so
# the trailers (every fourth write) are torn only where they land whole or not at all.
CUTS = [
    ("before", 0),
    ("half", 0),
    ("weak", 1),
    ("after", 3),
    ("before", 3),
    ("erased", 18),
    ("after", 62),
]
LOAD_CUTS = [
    ("before", 0),
    ("half", 0),
    ("after", 0),
    ("weak", 1),
    ("erased", 5),
    ("after", 6),
    ("half", 7),
    ("after", 7),
]
"""Of eight writes: the null record, six blocks of the other copy, the null record under it."""


@pytest.mark.parametrize(("mode", "writes"), CUTS)
def test_an_issue_cut_at_a_write_goes_on_with_the_same_card(
    place: Place, virtual: VirtualReader, blank: Path, mode: str, writes: int
) -> None:
    lay(virtual, blank)
    virtual.command(f"tear {mode} {writes}")
    assert place.work() is Pace.CARD
    assert place.lines[-1] == f"job 1: interrupted; put card {UID.hex()} back, alone and still"
    assert place.work() is Pace.CARD
    lay(virtual, blank)
    assert place.work() is Pace.IDLE
    assert_issued(place)
    assert len(place.records(Issue)) == 1


@pytest.mark.parametrize("commands", [3, 30, 100, 150, 210, 260, 300])
def test_a_card_taken_away_at_a_command_goes_on_after_a_power_cut(
    place: Place, virtual: VirtualReader, blank: Path, commands: int
) -> None:
    lay(virtual, blank)
    virtual.command(f"tear before command {commands}")
    assert place.work() is Pace.CARD
    place.restart()
    lay(virtual, blank)
    assert place.work() is Pace.IDLE
    assert_issued(place)
    assert len(place.records(Issue)) <= 1


class KillingReader:
    """A reader whose host is killed at an exchange."""

    def __init__(self, reader: Reader, exchanges: int) -> None:
        self._reader = reader
        self._left = exchanges

    @property
    def name(self) -> str:
        return self._reader.name

    @property
    def commands(self) -> int:
        return self._reader.commands

    def poll(self) -> tuple[Target, ...]:
        return self._reader.poll()

    def exchange(self, data: bytes, timeout: float) -> bytes:
        self._left -= 1
        answer = self._reader.exchange(data, timeout)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def release(self) -> None:
        self._reader.release()


@pytest.mark.parametrize("exchanges", [40, 130, 200, 290])
def test_a_killed_desk_goes_on_with_its_job_at_the_next_start(
    virtual: VirtualReader, centre: Centre, blank: Path, tmp_path: Path, exchanges: int
) -> None:
    """SIGKILL within the survey, the writing and the verification."""
    lay(virtual, blank)
    virtual.command("tear before command 1000000")
    child = os.fork()
    if child == 0:
        with open_reader(str(virtual.link)) as reader:
            Place(KillingReader(reader, exchanges), tmp_path / "journal", centre).work()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with open_reader(str(virtual.link)) as reader:
        place = Place(reader, tmp_path / "journal", centre)
        assert place.work() is Pace.IDLE
        assert_issued(place)
        assert len(place.records(Issue)) == 1
        place.journal.close()


def test_a_finished_card_is_reported_after_a_restart_without_the_card(
    place: Place, virtual: VirtualReader, blank: Path
) -> None:
    """It may be in use by now: writing its first ring again would lower what was debited."""
    place.centre.lose = lambda request: isinstance(request, JobDone)
    lay(virtual, blank)
    with pytest.raises(ConnectionError):
        place.work()
    place.centre.lose = lambda request: False
    place.centre.jobs = [ISSUE]
    place.centre.asked.clear()
    lay(virtual)
    place.restart()
    assert place.work() is Pace.IDLE
    assert [type(request) for request in place.centre.asked] == [Next, JobDone, Next]


def test_a_lost_answer_is_asked_for_again(place: Place, virtual: VirtualReader, blank: Path) -> None:
    for lost in (Next, CardPlaced, JobDone):
        place.centre.lose = lambda request, lost=lost: isinstance(request, lost)
        lay(virtual, blank)
        with pytest.raises(ConnectionError):
            place.work()
    place.centre.lose = lambda request: False
    place.centre.jobs, place.centre.asked = [ISSUE], []
    assert place.work() is Pace.IDLE
    assert_issued(place)


def test_a_torn_trailer_ends_the_job_and_the_card(place: Place, virtual: VirtualReader, blank: Path) -> None:
    lay(virtual, blank)
    virtual.command("tear half 3")
    assert place.work() is Pace.CARD
    lay(virtual, blank)
    assert place.work() is Pace.IDLE
    assert "destroy the card" in place.centre.failed[0]
    assert outcomes(place) == [Outcome.ABANDONED]


def test_two_cards_are_not_issued(place: Place, virtual: VirtualReader, blank: Path, tmp_path: Path) -> None:
    card_file.save(tmp_path / "other", blank_image(b"\1\2\3\4", TRANSPORT))
    lay(virtual, blank, tmp_path / "other")
    assert place.work() is Pace.CARD
    assert CardPlaced not in [type(request) for request in place.centre.asked]


@pytest.mark.parametrize(
    ("keys", "found"), [(TRANSPORT, Found.BLANK), ([*TRANSPORT[:-1], (b"strang", b"keykey")], Found.UNKNOWN)]
)
def test_a_card_is_blank_only_when_every_sector_is(
    place: Place, virtual: VirtualReader, tmp_path: Path, keys: list[tuple[bytes, bytes]], found: Found
) -> None:
    card_file.save(tmp_path / "card", blank_image(UID, keys))
    place.centre.refuse = desk.Refused(1, final=False, words="no")
    lay(virtual, tmp_path / "card")
    assert place.work() is Pace.CARD
    assert place.centre.asked[-1] == CardPlaced(1, UID, 1, found, b"")


def test_a_refused_card_is_asked_about_once_until_it_was_taken_away(
    place: Place, virtual: VirtualReader, blank: Path
) -> None:
    place.centre.refuse = desk.Refused(1, final=False, words="take another")
    lay(virtual, blank)
    for _ in range(3):
        assert place.work() is Pace.CARD
    assert [type(request) for request in place.centre.asked] == [Next, CardPlaced]
    place.centre.refuse = None
    lay(virtual)
    place.work()
    lay(virtual, blank)
    assert place.work() is Pace.IDLE


def test_a_job_that_is_over_is_dropped(place: Place, virtual: VirtualReader, blank: Path) -> None:
    place.centre.refuse = desk.Refused(1, final=True, words="given up")
    lay(virtual, blank)
    assert place.work() is Pace.CARD
    place.centre.jobs = []
    assert place.work() is Pace.IDLE


def issued_card(place: Place, virtual: VirtualReader, blank: Path) -> None:
    lay(virtual, blank)
    place.work()
    place.centre.jobs, place.centre.asked = [LOAD], []


def test_a_load_is_delivered_as_a_terminal_does(place: Place, virtual: VirtualReader, blank: Path) -> None:
    """P-R16: a null record, the other copy, a null record under it."""
    issued_card(place, virtual, blank)
    assert place.work() is Pace.IDLE
    ring, certificate = witness(place)
    assert (certificate.load_sequence, certificate.loaded) == (2, 150_00)
    assert ring.newest is not None
    assert (ring.newest.counter, ring.newest.debited, ring.newest.load_reference.copy) == (4, 0, 1)
    intents = [record for record in place.records(Intent) if isinstance(record, Intent)]
    assert [intent.purpose for intent in intents] == [Purpose.DELIVERY, Purpose.SETTLE]


@pytest.mark.parametrize(("mode", "writes"), LOAD_CUTS)
def test_a_load_cut_at_a_write_goes_on_with_the_same_card(
    place: Place, virtual: VirtualReader, blank: Path, mode: str, writes: int
) -> None:
    issued_card(place, virtual, blank)
    virtual.command(f"tear {mode} {writes}")
    assert place.work() is Pace.CARD
    place.restart()
    lay(virtual, blank)
    assert place.work() is Pace.IDLE
    assert witness(place)[1].loaded == 150_00
    assert place.centre.failed == []


def test_a_load_whose_answer_was_lost_is_not_written_twice(place: Place, virtual: VirtualReader, blank: Path) -> None:
    issued_card(place, virtual, blank)
    place.centre.lose = lambda request: isinstance(request, JobDone)
    with pytest.raises(ConnectionError):
        place.work()
    place.centre.lose, place.centre.jobs = (lambda request: False), [LOAD]
    place.restart()
    assert place.work() is Pace.IDLE
    assert witness(place)[0].newest.counter == 4  # type: ignore[union-attr]


def test_a_certificate_of_another_card_is_not_delivered(place: Place, virtual: VirtualReader, blank: Path) -> None:
    issued_card(place, virtual, blank)
    good = place.centre.issue

    place.centre.issue = lambda uid, load_sequence, loaded: bytes([0]) + good(uid, load_sequence, loaded)[1:]  # type: ignore[method-assign]
    assert place.work() is Pace.IDLE
    assert len(place.centre.failed) == 1
    assert witness(place)[1].loaded == 100_00


def test_an_answer_for_another_station_or_of_another_signer_is_refused(centre: Centre) -> None:
    link = SignedLink(centre.identity, centre.signing, lambda path, body: answer)
    answer = desk.pack_answer(desk.Idle(), STATION + 1, 1, centre._sign)
    with pytest.raises(BadDeskMessage, match="not for station"):
        link.ask(Next())
    answer = desk.pack_answer(desk.Idle(), STATION, 1, lambda message: sign(bytes(32), b"", message))
    with pytest.raises(BadSignature):
        link.ask(Next())
    answer = desk.pack_request(Next(), terminal_key_id(STATION), centre._sign)
    with pytest.raises(BadDeskMessage, match="not signed by a server"):
        link.ask(Next())


def test_a_failed_report_is_sent_until_it_is_heard(place: Place, virtual: VirtualReader, blank: Path) -> None:
    place.centre.lose = lambda request: isinstance(request, JobFailed)
    lay(virtual, blank)
    virtual.command("tear half 3")
    place.work()
    lay(virtual, blank)
    with pytest.raises(ConnectionError):
        place.work()
    place.centre.lose, place.centre.jobs = (lambda request: False), [ISSUE, LOAD]
    place.desk.step()
    assert isinstance(place.centre.asked[-1], JobFailed)
    assert place.centre.jobs == [LOAD]

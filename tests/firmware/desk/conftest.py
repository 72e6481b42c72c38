"""A desk on a real reader process, and a centre in this process with the key process's own code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from firmware.desk.book import IssueBook
from firmware.desk.issuing import Desk, Pace
from firmware.desk.link import SignedLink
from firmware.logbook import Logbook
from firmware.purse_memory import PurseMemory
from firmware.tap import Teller
from hardware.cards.classic_layout import SECTORS
from hardware.pn532.opening import open_reader
from hardware.reader import Reader
from hardware.sam.software import SoftwareSam
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from hardware.virtual.process import VirtualReader
from onecard import desk
from onecard.desk import Answer, CardPlaced, JobAction, JobDone, JobFailed, Next, Order, Recover
from onecard.enrolment import Identity, open_answer
from onecard.envelope import Domain, open_envelope, verify
from onecard.hotlist import HOTLIST
from onecard.identity import DayNumber, card_number
from onecard.journal import BootInfo, Journal
from onecard.keys import Role
from onecard.kinds import CardKind, ClockQuality, PurseUnit
from onecard.packed_table import PackedTable
from onecard.purse.certificate import Certificate, Flags
from onecard.records import Record, decode_record
from server.keyd import store
from server.keyd.issued import IssuedLog, Reason
from server.keyd.statement import write_statement
from server.keyd.wire import Op
from server.keyd.work import KeyWork
from tools.bench.till import NO_LIMIT, NOON, StandingClock

STATION = 9
UID = bytes.fromhex("d610b626")
TRANSPORT = [(b"\xff" * 6, b"\xff" * 6)] * SECTORS


def statement(uid: bytes, load_sequence: int, loaded: int) -> Certificate:
    """What the centre states of a card."""
    return Certificate(
        purse=0,
        key_id=0,
        unit=PurseUnit.FEN,
        kind=CardKind.STORED_VALUE,
        flags=Flags.NONE,
        tier=1,
        load_sequence=load_sequence,
        loaded=loaded,
        floor_counter=2,
        floor_debited=0,
        expiry=DayNumber(20_000),
        uid=uid,
        card_number=card_number(1),
    )


@dataclass
class Centre:
    """The server as the desk sees it: jobs in order, each until it is done; answers may be lost."""

    folder: Path
    signing: bytes
    sealing: bytes
    jobs: list[Order]
    asked: list[desk.Request] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    bound: dict[int, bytes] = field(default_factory=dict)
    station: int = STATION
    lose: Callable[[desk.Request], bool] = lambda request: False
    refuse: Answer | None = None
    recovered: Answer | None = None

    def __post_init__(self) -> None:
        log = IssuedLog(self.folder / store.ISSUED_LOG)
        self.work = KeyWork(store.load(self.folder), log, lambda: NOON)
        public = X25519PrivateKey.from_private_bytes(self.sealing).public_key().public_bytes_raw()
        raw = self.work.answer([int(Op.ENROL), self.station, "WDK", "五道口", public])[0]
        assert isinstance(raw, bytes)
        self.identity: Identity = open_answer(open_envelope(raw), self.sealing)
        self._public = public

    def post(self, path: str, body: bytes) -> bytes:
        """What the HTTPS line does, to the byte."""
        signing = Ed25519PrivateKey.from_private_bytes(self.signing).public_key().public_bytes_raw()
        request = desk.read_request(verify(open_envelope(body), Domain.DESK, signing))
        self.asked.append(request)
        answer = self._answer(request)
        if self.lose(request):
            raise ConnectionError("the answer was lost")
        return desk.pack_answer(answer, self.station, 1, self._sign)

    def _answer(self, request: desk.Request) -> Answer:
        match request:
            case Next():
                return self.jobs[0] if self.jobs else desk.Idle()
            case CardPlaced(uid=uid, job=job):
                if self.refuse is not None:
                    return self.refuse
                self.bound[job] = uid
                if self.jobs[0].action is JobAction.ISSUE:
                    image = self.issue(uid, 1, 100_00)
                    sealed = self.work.answer([int(Op.PERSONALISE), image, request.family, self._public])[0]
                    assert isinstance(sealed, bytes)
                    return desk.IssueCard(job, sealed)
                if self.jobs[0].action is JobAction.RENEW_KEYS:
                    sealed = self.work.answer([int(Op.RENEW), uid, request.family, self._public])[0]
                    assert isinstance(sealed, bytes)
                    return desk.RenewKeys(job, sealed)
                return desk.DeliverLoad(job, self.issue(uid, 2, 150_00))
            case Recover(uid=uid):
                if self.recovered is not None:
                    return self.recovered
                for order in self.jobs:
                    if self.bound.get(order.job) == uid:
                        return order
                return desk.Refused(0, final=True, words="no job waits for this card")
            case JobDone() | JobFailed():
                del self.jobs[0]
                if isinstance(request, JobFailed):
                    self.failed.append(request.why)
                return desk.Accepted(request.job)

    def renew_key(self, role: Role) -> None:
        """The chain has a newer master; whoever enrolled before knows only the earlier ones."""
        store.renew(self.folder, role, os.urandom)
        self.__post_init__()

    def elsewhere(self) -> Centre:
        """The same centre, with the same jobs, as another desk's station sees it."""
        return Centre(self.folder, os.urandom(32), os.urandom(32), self.jobs, bound=self.bound, station=STATION + 1)

    def issue(self, uid: bytes, load_sequence: int, loaded: int) -> bytes:
        """A certificate, the same for the same."""
        words = write_statement(statement(uid, load_sequence, loaded))
        image = self.work.answer([int(Op.ISSUE), words, int(Reason.LOAD), loaded])[0]
        assert isinstance(image, bytes)
        return image

    def _sign(self, message: bytes) -> bytes:
        signature = self.work.answer([int(Op.SIGN), int(Role.SERVER_SIGN), 1, message])[1]
        assert isinstance(signature, bytes)
        return signature


class Place:
    """The desk's place of work: reader, journal and centre; `restart` is a power cut and a start."""

    def __init__(self, reader: Reader, folder: Path, centre: Centre) -> None:
        self.reader = reader
        self.centre = centre
        self.lines: list[str] = []
        self._folder = folder
        self._chain = centre.identity.keys.key(Role.CHAIN, 1)
        if not folder.exists():
            Journal.create(
                folder,
                terminal=centre.station,
                chain_key=self._chain,
                salt=os.urandom,
                segments=4,
                segment_size=1 << 18,
            )
        self.start()

    def start(self) -> None:
        info = BootInfo(os.urandom(8), NOON, ClockQuality.TRUSTED, "test")
        self.journal = Journal.open(self._folder, chain_key=self._chain, boot=info, random=os.urandom)
        memory, issues = PurseMemory(self.centre.station, self.centre.identity.keys), IssueBook()
        for entry in self.journal.entries():
            record = decode_record(entry.kind, entry.payload)
            memory.note(entry.name.sequence, record)
            issues.note(entry.name.sequence, record)
        log = Logbook(self.journal, memory, StandingClock())
        log.close_unfinished()
        sam = SoftwareSam(self.centre.identity.keys)
        teller = Teller(self.reader, sam, log, self.centre.station, hotlist=PackedTable(HOTLIST), limits=NO_LIMIT)
        link = SignedLink(self.centre.identity, self.centre.signing, self.centre.post)
        self.desk = Desk(
            self.reader,
            teller,
            sam,
            log,
            issues,
            link=link,
            sealing_private=self.centre.sealing,
            say=self.lines.append,
        )

    def restart(self) -> None:
        self.journal.close()
        self.start()

    def work(self, steps: int = 12) -> Pace:
        """Steps until the desk waits for a card or a job."""
        for _ in range(steps):
            pace = self.desk.step()
            if pace is not Pace.NOW:
                return pace
        raise AssertionError(self.lines)

    def records(self, *schemas: type[Record]) -> list[Record]:
        """The journal's records of these kinds."""
        entries = (decode_record(entry.kind, entry.payload) for entry in self.journal.entries())
        return [entry for entry in entries if isinstance(entry, schemas)]


ISSUE = Order(1, JobAction.ISSUE, 0, 100_00, "issue")
LOAD = Order(2, JobAction.LOAD, 0, 50_00, "load")
RENEWAL = Order(3, JobAction.RENEW_KEYS, 0, 0, "renew keys")


@pytest.fixture(scope="session")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualReader]:
    """One reader process for all tests here."""
    with VirtualReader(tmp_path_factory.mktemp("reader") / "tty") as process:
        yield process


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    """A centre with one card to issue."""
    store.create(tmp_path / "keys", os.urandom)
    return Centre(tmp_path / "keys", os.urandom(32), os.urandom(32), [ISSUE])


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """A card as from the factory."""
    card_file.save(tmp_path / "card", blank_image(UID, TRANSPORT))
    return tmp_path / "card"


@pytest.fixture
def place(virtual: VirtualReader, centre: Centre, tmp_path: Path) -> Iterator[Place]:
    """A desk with nothing on its reader."""
    virtual.command("remove")
    virtual.command("tear before command 1000000")
    with open_reader(str(virtual.link)) as reader:
        made = Place(reader, tmp_path / "journal", centre)
        yield made
        made.journal.close()

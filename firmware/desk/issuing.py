"""The issuing desk: one job at a time from the server, put on a card, reported.

    next → (card placed → issue or load → done) until the server has no job

Rules
- The station holds no key that makes money: certificates and, for one blank card at a time, its sector keys come from
  the server's key process (I-10).
- ISSUE is durable before the card's first write, its OUTCOME ACKED after every block was read back, before the report.
- Every question to the server may be repeated, and every card work continued: after a cut, a lost answer or a SIGKILL
  the same job goes on with the same card. A load is the terminals' own delivery (P-R16).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, unique
from typing import Protocol

from firmware.card_sight import Presentation, Refused, Sight
from firmware.desk.book import IssueBook
from firmware.desk.sight import Lying, Unsteady, look
from firmware.logbook import Logbook
from firmware.results import Declined, NoCard, Shown
from firmware.tap import Teller
from hardware.cards.personalisation import (
    CardInUse,
    ForeignCard,
    NotAsWritten,
    PersonalisationCut,
    TornTrailer,
    WrongCard,
    personalise,
    verify,
)
from hardware.cards.personalisation_script import PersonalisationScript, PurseImages, SectorKeys
from hardware.reader import AccessDenied, CardGone, Reader, Target, WrongKey
from hardware.sam.port import Sam
from onecard import desk
from onecard.desk import (
    Accepted,
    Answer,
    BadDeskMessage,
    CardPlaced,
    CardScript,
    DeliverLoad,
    Idle,
    IssueCard,
    JobDone,
    JobFailed,
    Next,
    Order,
    Request,
)
from onecard.errors import OnecardError
from onecard.kinds import DeclineReason, Outcome
from onecard.purse.certificate import BadCertificate, open_certificate
from onecard.purse.record import RECORD_SIZE
from onecard.purse.ring import read_ring, ring_bytes
from onecard.records import Issue

_PASSING = frozenset({DeclineReason.CARD_MOVED, DeclineReason.TWO_CARDS, DeclineReason.FOREIGN_CARD})
"""Why a delivery may have to wait for the card to lie still, alone."""
_LOST = (CardGone, AccessDenied, WrongKey)


@unique
class Pace(Enum):
    """How soon the next step is worth taking."""

    NOW = "now"
    CARD = "when the card may have changed"
    IDLE = "when the server may have a job"


class DeskLink(Protocol):
    """The way to the server."""

    def ask(self, request: Request) -> Answer:
        """The server's verified answer. Raises `OnecardError`s when it cannot be had."""
        ...


class Desk:
    """One desk station on one reader."""

    def __init__(
        self,
        reader: Reader,
        teller: Teller,
        sam: Sam,
        log: Logbook,
        issues: IssueBook,
        *,
        link: DeskLink,
        sealing_private: bytes,
        say: Callable[[str], None],
    ) -> None:
        """`sealing_private` is the station's 32-byte X25519 key; `say` is told each new line for the clerk."""
        self._reader = reader
        self._teller = teller
        self._sam = sam
        self._log = log
        self._issues = issues
        self._sealing_private = sealing_private
        self._link = link
        self._say_line = say
        self._said = ""
        self._sight = Sight(reader, log.memory, sam)
        self._order: Order | None = None
        self._report: JobDone | JobFailed | None = None
        self._refused_uid = b""

    def step(self) -> Pace:
        """Do what can be done now. Raises `hardware.reader.ReaderError`, the journal's and the link's errors; the next
        step goes on from there."""
        if self._report is not None:
            return self._send(self._report)
        if self._order is None:
            return self._fetch()
        return self._work(self._order)

    def _fetch(self) -> Pace:
        match self._link.ask(Next()):
            case Idle():
                self._say("no job; waiting")
                return Pace.IDLE
            case Order() as order:
                self._order, self._refused_uid = order, b""
                self._say(f"job {order.job}: {order.words}")
                finished = self._issues.finished(order.job)
                if finished is not None:
                    self._report = JobDone(order.job, finished.uid, finished.ring)
                return Pace.NOW
            case other:
                raise BadDeskMessage(f"{type(other).__name__} answers a request for a job")

    def _work(self, order: Order) -> Pace:
        placed = self._look(order)
        if placed is None:
            return Pace.CARD
        match self._link.ask(placed):
            case desk.Refused(final=final, words=words):
                self._say(f"job {order.job}: {words}")
                self._refused_uid = placed.uid
                if final:
                    self._order = None
                return Pace.CARD
            case IssueCard(sealed_script=sealed):
                return self._issue(order, placed.uid, sealed)
            case DeliverLoad(certificate=image):
                return self._load(order, placed.uid, image)
            case Accepted():
                return self._over(f"job {order.job}: card {placed.uid.hex()} read")
            case other:
                raise BadDeskMessage(f"{type(other).__name__} answers a placed card")

    def _send(self, report: JobDone | JobFailed) -> Pace:
        answer = self._link.ask(report)
        self._report = None
        match answer:
            case Accepted():
                word = "done" if isinstance(report, JobDone) else "failed"
                return self._over(f"job {report.job}: {word}; take the card away")
            case desk.Refused(words=words):
                return self._over(f"job {report.job}: {words}")
            case other:
                raise BadDeskMessage(f"{type(other).__name__} answers a report")

    def _look(self, order: Order) -> CardPlaced | None:
        """The card to ask the server about: there, and not the one just refused."""
        match look(self._reader, self._sight, self._refused_uid):
            case NoCard():
                self._refused_uid = b""
                self._say(f"job {order.job}: put the card on the reader")
            case Unsteady():
                self._say(f"job {order.job}: one card alone, please, and still")
            case Lying(uid=uid, family=family, found=found, ring=ring) if uid != self._refused_uid:
                return CardPlaced(order.job, uid, family, found, ring)
            case _:
                pass  # the clerk has been told
        return None

    # Issue.

    def _issue(self, order: Order, uid: bytes, sealed: bytes) -> Pace:
        script = self._open_script(sealed, uid)
        sequence = self._issues.begin(self._log, self._issue_record(order, script))
        self._say(f"job {order.job}: writing card {uid.hex()}; leave it there")
        plan = _plan(script)
        try:
            for work in (personalise, verify):
                target = self._alone()
                if target is None:
                    return self._put_back(order, uid)
                work(self._reader, target, plan)
        except (PersonalisationCut, WrongCard, *_LOST):
            return self._put_back(order, uid)
        except (ForeignCard, TornTrailer, CardInUse, NotAsWritten) as error:
            self._issues.conclude(self._log, sequence, Outcome.ABANDONED)
            return self._fail(order, uid, error)
        self._issues.conclude(self._log, sequence, Outcome.ACKED)
        self._report = JobDone(order.job, uid, script.ring)
        return Pace.NOW

    def _open_script(self, sealed: bytes, uid: bytes) -> CardScript:
        """The script, its certificate and ring proved with the station's own keys before anything is written."""
        script = desk.open_script(sealed, self._sealing_private, uid)
        open_certificate(script.certificate, self._log.memory.keys, uid, script.purse)
        ring = read_ring(_ring_images(script), lambda image: self._sam.record(image, uid, script.purse))
        if len(ring.readable) != 3:
            raise BadDeskMessage(f"the first ring for card {uid.hex()} does not verify")
        return script

    def _issue_record(self, order: Order, script: CardScript) -> Issue:
        now = self._log.clock.now()
        return Issue(
            at=now.at,
            clock=now.quality,
            job=order.job,
            operator=self._log.shop.operator,
            uid=script.uid,
            card_number=script.card_number,
            purse=script.purse,
            certificate=script.certificate,
            ring=script.ring,
        )

    # Load.

    def _load(self, order: Order, uid: bytes, image: bytes) -> Pace:
        memory = self._log.memory
        try:
            certificate = open_certificate(image, memory.keys, uid, 0)
        except BadCertificate as error:
            return self._fail(order, uid, error)
        memory.keep(certificate, image)
        seen = self._teller.inquire(settle=False)
        match seen:
            case Declined(reason=reason) if reason not in _PASSING:
                return self._fail(order, uid, f"the card is refused: {reason.name.lower().replace('_', ' ')}")
            case Shown(uid=shown_uid) if shown_uid == uid:
                return self._confirm(order, uid, certificate.load_sequence)
            case _:
                return self._put_back(order, uid)

    def _confirm(self, order: Order, uid: bytes, load_sequence: int) -> Pace:
        """Done when the card itself says so."""
        try:
            shown = self._sight.select(0)
            if not isinstance(shown, Presentation) or shown.card.uid != uid:
                return self._put_back(order, uid)
            known = self._sight.certificate(shown)
        except _LOST:
            return self._put_back(order, uid)
        if isinstance(known, Refused) or known.in_force.certificate.load_sequence < load_sequence:
            return self._fail(order, uid, "the card is worn out: replace it")
        self._report = JobDone(order.job, uid, ring_bytes(shown.ring, shown.images))
        return Pace.NOW

    def _alone(self) -> Target | None:
        targets = self._reader.poll()
        return targets[0] if len(targets) == 1 else None

    # Words.

    def _put_back(self, order: Order, uid: bytes) -> Pace:
        self._say(f"job {order.job}: interrupted; put card {uid.hex()} back, alone and still")
        return Pace.CARD

    def _fail(self, order: Order, uid: bytes, why: OnecardError | str) -> Pace:
        self._say(f"job {order.job}: {why}")
        self._report = JobFailed(order.job, uid, str(why))
        return Pace.NOW

    def _over(self, words: str) -> Pace:
        self._say(words)
        self._order = None
        return Pace.NOW

    def _say(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._say_line(line)


def _plan(script: CardScript) -> PersonalisationScript:
    first, second, third = _ring_images(script)
    return PersonalisationScript(
        uid=script.uid,
        keys=tuple(SectorKeys(key_a, key_b) for key_a, key_b in script.keys),
        purses={script.purse: PurseImages((first, second, third), script.certificate)},
    )


def _ring_images(script: CardScript) -> list[bytes]:
    return [script.ring[at : at + RECORD_SIZE] for at in range(0, len(script.ring), RECORD_SIZE)]

"""What a desk station asks, answered: its job, the card it found, what became of it.

Every answer may be asked for again: a job stays with its station, a bound card with its job, a certificate once issued
is sent again as it is. Money moves in one transaction with the certificate that says so.
"""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.db.models import Max, QuerySet

from onecard.clock import LOCAL_ZONE
from onecard.desk import (
    WORDS_MAX,
    Accepted,
    Answer,
    CardPlaced,
    DeliverLoad,
    Found,
    Idle,
    IssueCard,
    JobAction,
    JobDone,
    JobFailed,
    Next,
    Order,
    Refused,
    Request,
)
from onecard.identity import CardNumber, card_number, card_number_text
from onecard.kinds import CardKind
from onecard.money import yuan
from onecard.purse.bounds import Bound
from onecard.purse.certificate import Flags
from onecard.purse.intent import last_identity
from server.cards.certificates import issue_next_certificate
from server.cards.models import Card, Certificate, Purse
from server.cards.register import NewCard, UidInUse, register_card
from server.desk.models import Job
from server.desk.orders import BALANCE_MAX_FEN, NAMED_BALANCE_MAX_FEN
from server.keyring import key_process
from server.ledger.load import post_load
from server.sites.models import Terminal

VALID_YEARS = 5
_CLASSIC = 1
"""Card family on the wire (hardware.cards.port.CardFamily)."""


def answer(station: Terminal, request: Request, now: datetime) -> Answer:
    """The answer to one request of a station whose signature is good. Raises what the key process's client raises."""
    match request:
        case Next():
            return _next(station, now)
        case CardPlaced():
            return _placed(station, request, now)
        case JobDone():
            return _end(station, request, Job.State.DONE, "", now)
        case JobFailed(why=why):
            return _end(station, request, Job.State.FAILED, why, now)


def _next(station: Terminal, now: datetime) -> Answer:
    with transaction.atomic():
        job = _open_jobs(station).first()
        if job is None:
            waiting = Job.objects.select_for_update().filter(state=Job.State.NEW, site=station.site)
            job = waiting.order_by("pk").first()
            if job is None:
                return Idle()
            job.station, job.state, job.assigned_at = station, Job.State.ASSIGNED, now
            job.save(update_fields=("station", "state", "assigned_at"))
    return Order(job.pk, JobAction(job.action), job.number or 0, job.amount, _words(job))


def _placed(station: Terminal, placed: CardPlaced, now: datetime) -> Answer:
    job = Job.objects.filter(pk=placed.job, station=station).select_related("site").first()
    if job is None or job.ended:
        return Refused(placed.job, final=True, words="this job is over")
    if job.state == Job.State.CARD and bytes(job.uid or b"") != placed.uid:
        return Refused(job.pk, final=False, words=f"this job goes on with card {bytes(job.uid or b'').hex()}")
    match JobAction(job.action):
        case JobAction.ISSUE:
            return _issue(job, placed, now)
        case JobAction.LOAD:
            return _load(job, placed, now)
        case JobAction.READ:
            return _read(job, placed, now)


def _issue(job: Job, placed: CardPlaced, now: datetime) -> Answer:
    if job.state == Job.State.ASSIGNED:
        why = _why_not_issue(placed)
        if why is not None:
            return Refused(job.pk, final=False, words=why)
        _bind_new_card(job.pk, placed.uid, now)
    assert job.station is not None
    try:
        certificate = _first_certificate(job.pk, now)
    except UidInUse as error:
        _finish(job, Job.State.FAILED, str(error), now)
        return Refused(job.pk, final=True, words=str(error))
    return IssueCard(job.pk, key_process().personalisation(bytes(certificate.image), bytes(job.station.sealing_public)))


def _why_not_issue(placed: CardPlaced) -> str | None:
    purse = Purse.objects.filter(uid=placed.uid).select_related("card").first()
    if purse is not None:
        return str(UidInUse(placed.uid, CardNumber(purse.card_id)))
    if Job.objects.filter(action=JobAction.ISSUE.value, uid=placed.uid).exists():
        return f"card {placed.uid.hex()} belongs to another job: take another blank card"
    if placed.family != _CLASSIC:
        return "only MIFARE Classic 1K cards are issued here yet: take another blank card"
    if placed.found is not Found.BLANK:
        return f"card {placed.uid.hex()} is not blank: take another one"
    return None


def _bind_new_card(job_number: int, uid: bytes, now: datetime) -> None:
    """UID and number, committed before the key process learns of them: it lets neither have another partner."""
    with transaction.atomic():
        job = Job.objects.select_for_update().get(pk=job_number)
        if job.state != Job.State.ASSIGNED:
            return  # the same question, answered at the same time
        last = Job.objects.filter(action=JobAction.ISSUE.value).aggregate(last=Max("number"))["last"] or 0
        known = Card.objects.aggregate(last=Max("number"))["last"] or 0
        job.number = card_number(max(last, known) // 10 + 1)
        job.uid, job.state, job.card_at = uid, Job.State.CARD, now
        job.save(update_fields=("number", "uid", "state", "card_at"))


def _first_certificate(job_number: int, now: datetime) -> Certificate:
    """The card in the books, its first certificate and the cash for it; once. Raises `UidInUse`."""
    with transaction.atomic():
        job = Job.objects.select_for_update().select_related("site", "station", "certificate").get(pk=job_number)
        if job.certificate is not None:
            return job.certificate
        assert job.number is not None
        assert job.uid is not None
        assert job.card_at is not None
        new = NewCard(
            number=job.number,
            uid=bytes(job.uid),
            kind=CardKind(job.kind),
            tier=job.tier,
            flags=Flags.NONE,
            # From the moment the card was bound, so that a repetition states the same and gets the same bytes.
            expiry=_expiry(job.card_at),
            site=job.site,
        )
        purse = register_card(new, now)
        return _certify(job, purse, Certificate.Reason.ISSUE, now)


def _load(job: Job, placed: CardPlaced, now: datetime) -> Answer:
    if job.certificate is not None:
        return DeliverLoad(job.pk, bytes(job.certificate.image))
    with transaction.atomic():
        # The purse's row is the one place where its loads queue (P-R14).
        purse = Purse.objects.select_for_update().filter(uid=placed.uid, purse=0).select_related("card").first()
        why = _why_not_load(job, placed, purse)
        if why is not None or purse is None:
            return Refused(job.pk, final=False, words=why or f"card {placed.uid.hex()} was not issued here")
        job = Job.objects.select_for_update().select_related("site", "station", "certificate").get(pk=job.pk)
        if job.certificate is None:
            job.uid, job.number, job.state, job.card_at = placed.uid, purse.card.number, Job.State.CARD, now
            _certify(job, purse, Certificate.Reason.LOAD, now)
        assert job.certificate is not None
        return DeliverLoad(job.pk, bytes(job.certificate.image))


def _why_not_load(job: Job, placed: CardPlaced, purse: Purse | None) -> str | None:
    if purse is None:
        return None
    number = card_number_text(CardNumber(purse.card.number))
    if placed.found is not Found.OURS or not any(placed.ring):
        return f"what lies here has the UID of card {number} and does not open as it: take it in"
    newest = last_identity(placed.ring)
    if not Bound(purse.head_counter, purse.head_debited).accepts(newest.counter, newest.debited):
        # Before money moves: the station would refuse it too (P-R8), and the clerk would give the cash back.
        return f"card {number} is behind what is known here, a copy or put back: take it in"
    if job.number is not None and purse.card.number != job.number:
        return f"this is card {number}; the job is for {job.number_text}"
    if purse.card.state != Card.State.ISSUED:
        return f"card {number} is {purse.card.state}: it cannot be loaded"
    if purse.card.kind != CardKind.STORED_VALUE:
        return f"card {number} holds no money"
    limit = NAMED_BALANCE_MAX_FEN if purse.flags & Flags.NAMED else BALANCE_MAX_FEN
    if purse.balance + job.amount > limit:
        return f"card {number} would hold more than {yuan(limit)} yuan: load less"
    return None


def _read(job: Job, placed: CardPlaced, now: datetime) -> Answer:
    purse = Purse.objects.filter(uid=placed.uid, purse=0).select_related("card").first()
    if purse is None or placed.found is not Found.OURS:
        return Refused(job.pk, final=False, words=f"card {placed.uid.hex()} was not issued here")
    if job.number is not None and purse.card.number != job.number:
        return Refused(job.pk, final=False, words=f"the job is for card {job.number_text}")
    job.uid, job.number, job.card_at = placed.uid, purse.card.number, now
    job.save(update_fields=("uid", "number", "card_at"))
    remark = f"loaded {yuan(purse.loaded)}, debited {yuan(purse.head_debited)} as known here"
    _finish(job, Job.State.DONE, remark, now)
    return Accepted(job.pk)


def _certify(job: Job, purse: Purse, reason: Certificate.Reason, now: datetime) -> Certificate:
    certificate = issue_next_certificate(purse, job.amount, reason, now)
    post_load(purse, job.amount, job.site, certificate, now=now, terminal=job.station)
    job.certificate = certificate
    job.save(update_fields=("uid", "number", "state", "card_at", "certificate"))
    return certificate


def _end(station: Terminal, report: JobDone | JobFailed, state: Job.State, words: str, now: datetime) -> Answer:
    number = report.job
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=number, station=station).first()
        if job is None or (job.ended and job.state != Job.State.DONE and state == Job.State.DONE):
            return Refused(number, final=True, words="this job is not yours any more")
        if job.ended:
            return Accepted(number)
        if state == Job.State.DONE and (job.certificate is None or bytes(job.uid or b"") != report.uid):
            return Refused(number, final=True, words="this card was never bound to the job")
        if state == Job.State.FAILED and job.certificate is not None:
            state = Job.State.LOADED  # its money is in P already: cash given back would be given twice
        _finish(job, state, words, now)
    return Accepted(number)


def _finish(job: Job, state: Job.State, words: str, now: datetime) -> None:
    job.state, job.words, job.ended_at = state, words[:WORDS_MAX], now
    job.save(update_fields=("state", "words", "ended_at"))


def _open_jobs(station: Terminal) -> QuerySet[Job]:
    return Job.objects.filter(station=station, state__in=(Job.State.ASSIGNED, Job.State.CARD))


def _words(job: Job) -> str:
    kind = CardKind(job.kind).name.lower().replace("_", " ")
    match JobAction(job.action):
        case JobAction.ISSUE:
            return f"issue a {kind} card with {yuan(job.amount)} yuan"
        case JobAction.LOAD:
            return f"load {yuan(job.amount)} yuan on card {job.number_text or '(any)'}"
        case JobAction.READ:
            return f"read card {job.number_text or '(any)'}"


def _expiry(bound_at: datetime) -> date:
    day = bound_at.astimezone(LOCAL_ZONE).date()
    return date(day.year + VALID_YEARS, day.month, min(day.day, 28))

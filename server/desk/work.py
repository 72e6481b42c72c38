"""What a desk station asks, answered: its job, the card it found, what became of it.

Every answer may be asked for again: a job stays with its station, a bound card with its job, a certificate once issued
is sent again as it is.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from onecard.desk import (
    Accepted,
    Answer,
    CardPlaced,
    Idle,
    JobAction,
    JobDone,
    JobFailed,
    Next,
    Order,
    Recover,
    Refused,
    Request,
)
from onecard.kinds import CardKind
from onecard.money import yuan
from server.desk.issue import issue
from server.desk.load import load
from server.desk.models import Job
from server.desk.read import read
from server.desk.renew import renew
from server.sites.models import Terminal


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
        case Recover(uid=uid):
            return _recover(station, uid)


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
    return _order(job)


def _recover(station: Terminal, uid: bytes) -> Answer:
    """The job that a card is bound to goes on where the card is now."""
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(uid=uid, state=Job.State.CARD).order_by("pk").first()
        if job is None:
            return Refused(0, final=True, words="no job waits for this card")
        other = _open_jobs(station).exclude(pk=job.pk).first()
        if other is not None:
            words = f"this desk has job {other.pk} under way: finish it, or have it given up"
            return Refused(job.pk, final=True, words=words)
        job.station = station
        job.save(update_fields=("station",))
    return _order(job)


def _order(job: Job) -> Order:
    return Order(job.pk, JobAction(job.action), job.number or 0, job.amount, _words(job))


def _placed(station: Terminal, placed: CardPlaced, now: datetime) -> Answer:
    job = Job.objects.filter(pk=placed.job, station=station).select_related("site").first()
    if job is None or job.ended:
        return Refused(placed.job, final=True, words="this job is over")
    if job.state == Job.State.CARD and bytes(job.uid or b"") != placed.uid:
        return Refused(job.pk, final=False, words=f"this job goes on with card {bytes(job.uid or b'').hex()}")
    match JobAction(job.action):
        case JobAction.ISSUE:
            return issue(job, placed, now)
        case JobAction.LOAD:
            return load(job, placed, now)
        case JobAction.READ:
            return read(job, placed, now)
        case JobAction.RENEW_KEYS:
            return renew(job, placed, now)


def _end(station: Terminal, report: JobDone | JobFailed, state: Job.State, words: str, now: datetime) -> Answer:
    number = report.job
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=number, station=station).first()
        if job is None or (job.ended and job.state != Job.State.DONE and state == Job.State.DONE):
            return Refused(number, final=True, words="this job is not yours any more")
        if job.ended:
            return Accepted(number)
        needs_certificate = job.action != JobAction.RENEW_KEYS
        unbound = job.state != Job.State.CARD or bytes(job.uid or b"") != report.uid
        if state == Job.State.DONE and (unbound or (needs_certificate and job.certificate is None)):
            return Refused(number, final=True, words="this card was never bound to the job")
        if state == Job.State.FAILED and job.certificate is not None:
            state = Job.State.LOADED  # its money is in P already: cash given back would be given twice
        job.finish(state, words, now)
    return Accepted(number)


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
        case JobAction.RENEW_KEYS:
            return f"renew the keys of card {job.number_text or '(any)'}"

"""A job that makes a card: a number for a blank one, its first certificate, the cash for it."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.db.models import Max

from onecard.clock import LOCAL_ZONE
from onecard.desk import Answer, CardPlaced, Found, IssueCard, JobAction, Refused
from onecard.identity import CardNumber, card_number
from onecard.kinds import CardKind
from onecard.purse.certificate import Flags, pad_uid, unpad_uid
from server.cards.models import Card, Certificate, Purse
from server.cards.register import NewCard, UidInUse, register_card
from server.desk.certify import certify
from server.desk.models import Job
from server.keyring import key_process

VALID_YEARS = 5
_CLASSIC, _DESFIRE = 1, 2
"""Card families on the wire (hardware.cards.port.CardFamily)."""
_DESFIRE_UID_SIZE = 7
"""A DESFire with 4 bytes gives another random UID each time, and would never be met again."""


def issue(job: Job, placed: CardPlaced, now: datetime) -> Answer:
    if job.state == Job.State.ASSIGNED:
        why = _why_not_issue(placed)
        if why is not None:
            return Refused(job.pk, final=False, words=why)
        _bind_new_card(job.pk, placed.uid, now)
    assert job.station is not None
    try:
        certificate = _first_certificate(job.pk, now)
    except UidInUse as error:
        job.finish(Job.State.FAILED, str(error), now)
        return Refused(job.pk, final=True, words=str(error))
    image, public = bytes(certificate.image), bytes(job.station.sealing_public)
    return IssueCard(job.pk, key_process().personalisation(image, placed.family, public))


def _why_not_issue(placed: CardPlaced) -> str | None:
    purse = Purse.objects.filter(uid=placed.uid).select_related("card").first()
    if purse is not None:
        return str(UidInUse(placed.uid, CardNumber(purse.card_id)))
    if Job.objects.filter(action=JobAction.ISSUE.value, uid=placed.uid).exists():
        return f"card {placed.uid.hex()} belongs to another job: take another blank card"
    if placed.family not in (_CLASSIC, _DESFIRE):
        return "only MIFARE Classic 1K and DESFire cards are issued here: take another blank card"
    if placed.family == _DESFIRE and len(placed.uid) != _DESFIRE_UID_SIZE:
        return "this card hides its UID: take another blank card"
    if unpad_uid(pad_uid(placed.uid)) != placed.uid:
        return "this card's UID ends as one of 4 bytes is padded: take another blank card"
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
        return certify(job, purse, Certificate.Reason.ISSUE, now)


def _expiry(bound_at: datetime) -> date:
    day = bound_at.astimezone(LOCAL_ZONE).date()
    return date(day.year + VALID_YEARS, day.month, min(day.day, 28))

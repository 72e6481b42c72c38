"""A job that gives a card in use the newest keys. Money does not move."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from onecard.desk import Answer, CardPlaced, Found, Refused, RenewKeys
from server.cards.models import Purse
from server.desk.models import Job
from server.keyring import key_process


def renew(job: Job, placed: CardPlaced, now: datetime) -> Answer:
    """The keys, sealed, for the card that is bound to this job, now or before: a cut may have left it in any state."""
    with transaction.atomic():
        job = Job.objects.select_for_update().select_related("station").get(pk=job.pk)
        if job.state == Job.State.ASSIGNED:
            purse = Purse.objects.filter(uid=placed.uid, purse=0).select_related("card").first()
            if purse is None or placed.found is not Found.OURS:
                return Refused(job.pk, final=False, words=f"card {placed.uid.hex()} was not issued here")
            why = _why_not(job, placed, purse)
            if why is not None:
                return Refused(job.pk, final=False, words=why)
            job.uid, job.number, job.state, job.card_at = placed.uid, purse.card.number, Job.State.CARD, now
            job.save(update_fields=("uid", "number", "state", "card_at"))
        if job.ended or bytes(job.uid or b"") != placed.uid:
            return Refused(job.pk, final=job.ended, words="this job goes on with another card")
    assert job.station is not None
    return RenewKeys(job.pk, key_process().renewal(placed.uid, placed.family, bytes(job.station.sealing_public)))


def _why_not(job: Job, placed: CardPlaced, purse: Purse) -> str | None:
    if job.number is not None and purse.card.number != job.number:
        return f"the job is for card {job.number_text}"
    if Job.objects.filter(uid=placed.uid, state=Job.State.CARD).exists():
        return f"card {placed.uid.hex()} has an unfinished job: finish it with `onecard card recover`"
    return None

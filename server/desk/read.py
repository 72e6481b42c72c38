"""A job that reads a card: what is known of it here."""

from __future__ import annotations

from datetime import datetime

from onecard.desk import Accepted, Answer, CardPlaced, Found, Refused
from onecard.money import yuan
from server.cards.models import Purse
from server.desk.models import Job


def read(job: Job, placed: CardPlaced, now: datetime) -> Answer:
    purse = Purse.objects.filter(uid=placed.uid, purse=0).select_related("card").first()
    if purse is None or placed.found is not Found.OURS:
        return Refused(job.pk, final=False, words=f"card {placed.uid.hex()} was not issued here")
    if job.number is not None and purse.card.number != job.number:
        return Refused(job.pk, final=False, words=f"the job is for card {job.number_text}")
    job.uid, job.number, job.card_at = placed.uid, purse.card.number, now
    job.save(update_fields=("uid", "number", "card_at"))
    remark = f"loaded {yuan(purse.loaded)}, debited {yuan(purse.head_debited)} as known here"
    job.finish(Job.State.DONE, remark, now)
    return Accepted(job.pk)

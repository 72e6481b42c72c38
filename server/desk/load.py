"""A job that loads a card: nothing moves before the card that lies there is known to be able to take it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from onecard.desk import Answer, CardPlaced, DeliverLoad, Found, Refused
from onecard.identity import CardNumber, card_number_text
from onecard.kinds import CardKind
from onecard.money import yuan
from onecard.purse.bounds import Bound
from onecard.purse.certificate import Flags
from onecard.purse.intent import last_identity
from server.cards.models import Card, Certificate, Purse
from server.desk.certify import certify
from server.desk.models import Job
from server.desk.orders import BALANCE_MAX_FEN, NAMED_BALANCE_MAX_FEN


def load(job: Job, placed: CardPlaced, now: datetime) -> Answer:
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
            certify(job, purse, Certificate.Reason.LOAD, now)
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

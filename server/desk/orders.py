"""What clerks order: issue a card, load one, read one, renew its keys; give a job up that no card is bound to yet."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from onecard.desk import JobAction
from onecard.errors import OnecardError
from onecard.identity import CardNumber, card_number_text
from onecard.kinds import CardKind
from onecard.money import yuan
from server.cards.models import KINDS, Card
from server.desk.models import Job
from server.sites.models import Site

BALANCE_MAX_FEN = 1000_00
"""On an anonymous card; a named one may hold more."""
NAMED_BALANCE_MAX_FEN = 5000_00


class OrderRefused(OnecardError):
    """A job that no desk could do; told in the language of who ordered it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


def site(code: str) -> Site:
    """The cinema with that code. Raises `OrderRefused`."""
    found = Site.objects.filter(code=code).first()
    if found is None:
        raise OrderRefused(_("No cinema has the code %(code)s: the page / lists them.") % {"code": code})
    return found


def order_issue(site: Site, kind: CardKind, *, tier: int, amount: int, operator: User | None, now: datetime) -> Job:
    """A job for a new card with its first load in fen. Raises `OrderRefused`."""
    if kind is not CardKind.STORED_VALUE and amount:
        raise OrderRefused(_("%(kind)s: holds no money, leave the amount empty.") % {"kind": KINDS[kind]})
    _check_amount(amount, 0)
    return Job.objects.create(
        action=JobAction.ISSUE.value,
        site=site,
        kind=kind.value,
        tier=tier,
        amount=amount,
        operator=operator,
        created_at=now,
    )


def order_load(site: Site, number: CardNumber | None, *, amount: int, operator: User | None, now: datetime) -> Job:
    """A job to load the card `number`, or whichever is placed, with fen. Raises `OrderRefused`."""
    _check_amount(amount, 1)
    _check_card(number)
    return Job.objects.create(
        action=JobAction.LOAD.value, site=site, number=number, amount=amount, operator=operator, created_at=now
    )


def order_reading(site: Site, number: CardNumber | None, *, operator: User | None, now: datetime) -> Job:
    """A job to read the card `number`, or whichever is placed. Raises `OrderRefused`."""
    _check_card(number)
    return Job.objects.create(action=JobAction.READ.value, site=site, number=number, operator=operator, created_at=now)


def order_renewal(site: Site, number: CardNumber | None, *, operator: User | None, now: datetime) -> Job:
    """A job to give the card `number`, or whichever is placed, the newest keys. Raises `OrderRefused`."""
    _check_card(number)
    return Job.objects.create(
        action=JobAction.RENEW_KEYS.value, site=site, number=number, operator=operator, created_at=now
    )


def give_up(job_number: int, now: datetime) -> None:
    """End a job to which no card is bound. Raises `OrderRefused`."""
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=job_number).first()
        if job is None or job.state not in (Job.State.NEW, Job.State.ASSIGNED):
            why = _("Job %(job)s cannot be given up any more: a card is bound to it, or it has ended.")
            raise OrderRefused(why % {"job": job_number})
        job.state, job.words, job.ended_at = Job.State.FAILED, _("given up by the clerk"), now
        job.save(update_fields=("state", "words", "ended_at"))


def _check_amount(amount: int, smallest: int) -> None:
    if not smallest <= amount <= BALANCE_MAX_FEN:
        why = _("An amount from %(least)s to %(most)s yuan can be loaded at once.")
        raise OrderRefused(why % {"least": yuan(smallest), "most": yuan(BALANCE_MAX_FEN)})


def _check_card(number: CardNumber | None) -> None:
    if number is None:
        return
    card = Card.objects.filter(number=number).first()
    if card is None or card.state != Card.State.ISSUED:
        why = _("Card %(number)s is not in use here: read its number again.")
        raise OrderRefused(why % {"number": card_number_text(number)})

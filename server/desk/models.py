"""A desk job: what a clerk wants done to one card, and how far it has come.

    new → assigned → card → done
              ↘        ↘
               failed   failed, or loaded

`assigned`: a station has it. `card`: a card is bound to it, and its certificate is issued or about to be; from here on
the same card finishes the job, however often the station is cut. `loaded`: the card was not written after its
certificate was issued; the money is in the books and on its way to the card.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onecard.desk import WORDS_MAX, JobAction
from onecard.identity import CardNumber, card_number_text
from onecard.kinds import CardKind
from onecard.money import yuan
from server.cards.models import KINDS, Certificate
from server.sites.models import Site, Terminal

ACTIONS = {
    JobAction.ISSUE: _("issue"),
    JobAction.LOAD: _("load"),
    JobAction.READ: _("read"),
    JobAction.RENEW_KEYS: _("renew keys"),
}
"""What a job does, in words."""
ADVICE = {
    JobAction.ISSUE: _("The card is in the books with its money and was not finished: take it in; give no cash back."),
    JobAction.LOAD: _("The load lands at the card's next tap; give no cash back."),
}
"""What a clerk does when a job was loaded and not written."""


class Job(models.Model):
    """One piece of work for the desks of a cinema."""

    class State(models.TextChoices):
        """How far it has come."""

        NEW = "new", _("waiting for a desk")
        ASSIGNED = "assigned", _("waiting for the card")
        CARD = "card", _("card on the desk")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        LOADED = "loaded", _("loaded, not written")

    action = models.PositiveSmallIntegerField(_("work"), choices=[(a.value, word) for a, word in ACTIONS.items()])
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.NEW)
    site = models.ForeignKey(Site, models.PROTECT, verbose_name=_("cinema"))
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, verbose_name=_("clerk"))
    kind = models.PositiveSmallIntegerField(
        _("kind"), choices=[(k.value, word) for k, word in KINDS.items()], default=CardKind.STORED_VALUE.value
    )
    tier = models.PositiveSmallIntegerField(_("tier"), default=0)
    amount = models.PositiveBigIntegerField(_("amount, fen"), default=0)
    number = models.BigIntegerField(_("card number"), null=True, help_text=_("empty: any card that fits"))
    uid = models.BinaryField(_("UID"), max_length=7, null=True)
    station = models.ForeignKey(Terminal, models.PROTECT, null=True, verbose_name=_("desk station"))
    certificate = models.ForeignKey(Certificate, models.PROTECT, null=True, verbose_name=_("load certificate"))
    words = models.CharField(_("remark"), max_length=WORDS_MAX, blank=True)
    created_at = models.DateTimeField(_("ordered"))
    assigned_at = models.DateTimeField(_("taken by a desk"), null=True)
    card_at = models.DateTimeField(_("card bound"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("desk job")
        verbose_name_plural = _("desk jobs")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                name="a_station_works_on_one_job", fields=("station",), condition=Q(state__in=("assigned", "card"))
            ),
            models.UniqueConstraint(
                name="a_number_is_issued_once",
                fields=("number",),
                condition=Q(action=JobAction.ISSUE.value, number__isnull=False),
            ),
            models.UniqueConstraint(
                name="a_uid_is_issued_once",
                fields=("uid",),
                condition=Q(action=JobAction.ISSUE.value, uid__isnull=False),
            ),
            models.CheckConstraint(
                name="a_bound_job_has_a_card",
                condition=~Q(state__in=("card", "done")) | Q(uid__isnull=False, station__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.pk} {self.get_action_display()} {self.get_state_display()}"

    @property
    def number_text(self) -> str:
        """The card number as printed, or nothing."""
        return "" if self.number is None else card_number_text(CardNumber(self.number))

    @property
    def amount_yuan(self) -> str:
        """The amount as people read it."""
        return yuan(self.amount)

    @property
    def kind_issued(self) -> str:
        """The kind of the card to be made; nothing for a job on a card that exists."""
        return self.get_kind_display() if self.action == JobAction.ISSUE else ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in (self.State.DONE, self.State.FAILED, self.State.LOADED)

    @property
    def advice(self) -> str | Promise:
        """What a clerk must know of how it ended, or nothing."""
        return ADVICE[JobAction(self.action)] if self.state == self.State.LOADED else ""

    def finish(self, state: State, words: str, now: datetime) -> None:
        """End it, with a remark for people."""
        self.state, self.words, self.ended_at = state, words[:WORDS_MAX], now
        self.save(update_fields=("state", "words", "ended_at"))

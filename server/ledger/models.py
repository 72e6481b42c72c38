"""The double-entry ledger: what is concluded about each flow, the transfers, and their sums by day.

A posting is one immutable transfer `debit_account` → `credit_account`; its two legs are a view, so every posting sums
to zero (I-07). The accounts and reasons are those of server.ledger.accounts.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from server.cards.models import Certificate, Purse
from server.ledger.accounts import Reason
from server.sites.models import Site, Terminal

REASONS = {
    Reason.LOAD: _("load"),
    Reason.SALE: _("sale"),
    Reason.DOUBT: _("debited, not settled"),
    Reason.SETTLE: _("settled late"),
    Reason.REFUND: _("refund"),
    Reason.CARD: _("seen on cards only"),
    Reason.WITHDRAWN: _("not seen on cards only any more"),
    Reason.LOST: _("settled for a lost terminal"),
    Reason.FOUND: _("taken back, a lost terminal's word came"),
    Reason.UNATTRIBUTED: _("unattributed"),
}
"""Why money moved, in words."""
_REASON_CHOICES = [(reason.value, word) for reason, word in REASONS.items()]


class Resolution(models.Model):
    """What is known of the ring record of a flow (P-R9 … P-R12); it only ever becomes more certain."""

    class State(models.TextChoices):
        """The words of onecard.purse.resolution."""

        STANDS = "stands", _("stands")
        VOID = "void", _("void")
        OPEN = "open", _("open")

    place = models.BigIntegerField(_("place of the flow"), primary_key=True)
    purse = models.ForeignKey(Purse, models.PROTECT, verbose_name=_("purse"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices)

    class Meta:
        verbose_name = _("resolution")
        verbose_name_plural = _("resolutions")


class LostTerminal(models.Model):
    """A person's word that a terminal is destroyed and its journal will hardly come. It is no revocation: what comes of
    the journal after all is taken in as ever."""

    terminal = models.OneToOneField(Terminal, models.PROTECT, primary_key=True, verbose_name=_("terminal"))
    declared_by = models.CharField(_("declared by"), max_length=150)
    declared_at = models.DateTimeField(_("declared"))

    class Meta:
        verbose_name = _("lost terminal")
        verbose_name_plural = _("lost terminals")


class SeenDebit(models.Model):
    """A debit that only cards tell of: durable in rings that acknowledged intents saw, its own intent not here. It is
    never a flow; when the flow comes, this row stays as withdrawn, its account the float."""

    purse = models.ForeignKey(Purse, models.PROTECT, verbose_name=_("purse"))
    counter = models.PositiveIntegerField(_("transaction counter"))
    debited = models.PositiveBigIntegerField(_("debited, fen"))
    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"))
    sequence_byte = models.PositiveSmallIntegerField(_("low byte of the sequence"))
    amount = models.PositiveBigIntegerField(_("amount, fen"))
    site = models.ForeignKey(Site, models.PROTECT, verbose_name=_("cinema"))
    account = models.CharField(_("account that holds it"), max_length=16)

    class Meta:
        verbose_name = _("debit seen on cards only")
        verbose_name_plural = _("debits seen on cards only")
        constraints = (
            models.UniqueConstraint(
                name="a_seen_debit_is_kept_once", fields=("purse", "counter", "debited", "terminal", "sequence_byte")
            ),
        )


class Posting(models.Model):
    """One transfer, for ever."""

    debit_account = models.CharField(_("debit account"), max_length=16)
    credit_account = models.CharField(_("credit account"), max_length=16)
    amount = models.PositiveBigIntegerField(_("amount, fen"))
    reason = models.CharField(_("reason"), max_length=12, choices=_REASON_CHOICES)
    purse = models.ForeignKey(Purse, models.PROTECT, verbose_name=_("purse"))
    place = models.BigIntegerField(_("place of the flow"), null=True)
    seen = models.ForeignKey(
        SeenDebit, models.PROTECT, null=True, db_index=False, verbose_name=_("debit seen on cards only")
    )
    certificate = models.ForeignKey(Certificate, models.PROTECT, null=True, verbose_name=_("load certificate"))
    site = models.ForeignKey(Site, models.PROTECT, null=True, verbose_name=_("cinema"))
    terminal = models.ForeignKey(Terminal, models.PROTECT, null=True, verbose_name=_("terminal"))
    business_day = models.DateField(_("business day"))
    posting_day = models.DateField(_("posting day"))
    posted_at = models.DateTimeField(_("posted"))

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        constraints = (
            models.CheckConstraint(name="a_posting_moves_money", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="a_posting_has_two_accounts", condition=~Q(debit_account=F("credit_account"))),
            models.UniqueConstraint(
                name="a_flow_leaves_the_float_once", fields=("place",), condition=Q(reason__in=("sale", "doubt"))
            ),
            models.UniqueConstraint(
                name="a_doubt_ends_once", fields=("place",), condition=Q(reason__in=("settle", "refund"))
            ),
            models.UniqueConstraint(
                name="a_lost_terminals_flow_is_settled_once", fields=("place",), condition=Q(reason="lost")
            ),
            models.UniqueConstraint(
                name="a_lost_terminals_flow_is_taken_back_once", fields=("place",), condition=Q(reason="found")
            ),
            models.UniqueConstraint(
                name="a_certificate_is_posted_once", fields=("certificate",), condition=Q(certificate__isnull=False)
            ),
        )


class RollDay(models.Model):
    """Postings summed by cinema, terminal, both dates and reason; equal to a recount at any time."""

    site = models.ForeignKey(Site, models.PROTECT, verbose_name=_("cinema"))
    terminal = models.PositiveIntegerField(_("terminal number, 0 for none"))
    business_day = models.DateField(_("business day"))
    posting_day = models.DateField(_("posting day"))
    reason = models.CharField(_("reason"), max_length=12, choices=_REASON_CHOICES)
    count = models.PositiveIntegerField(_("count"))
    amount = models.PositiveBigIntegerField(_("amount, fen"))

    class Meta:
        verbose_name = _("day's sum")
        verbose_name_plural = _("days' sums")
        constraints = (
            models.UniqueConstraint(
                name="a_days_sum_is_kept_once",
                fields=("posting_day", "business_day", "site", "terminal", "reason"),
            ),
        )

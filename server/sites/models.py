"""Cinemas, their terminals, and the tokens by which a terminal is let in."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from onecard.clock import CUT_OFF_HOUR
from onecard.identity import TERMINAL_NUMBER_MAX


class Site(models.Model):
    """A cinema. Its ledger account is `site:<code>`."""

    code = models.CharField(_("code"), max_length=8, primary_key=True)
    name_zh = models.CharField(_("Chinese name"), max_length=40)
    name_en = models.CharField(_("English name"), max_length=60)
    cut_off_hour = models.PositiveSmallIntegerField(_("hour at which the business day turns"), default=CUT_OFF_HOUR)

    class Meta:
        verbose_name = _("cinema")
        verbose_name_plural = _("cinemas")
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(name="the_business_day_turns_at_a_full_hour", condition=Q(cut_off_hour__lt=24)),
        )

    def __str__(self) -> str:
        return f"{self.name_zh} {self.name_en}"

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return self.name_zh if (get_language() or "zh").startswith("zh") else self.name_en

    @property
    def other_name(self) -> str:
        """The name in the other language."""
        return self.name_en if self.name == self.name_zh else self.name_zh


class Terminal(models.Model):
    """A terminal or a desk station, by the number that its journal has for ever."""

    class Work(models.TextChoices):
        """What it stands there for."""

        TILL = "till", _("till")
        DESK = "desk", _("desk")

    class State(models.TextChoices):
        """Whether it is believed."""

        ACTIVE = "active", _("active")
        REVOKED = "revoked", _("revoked")

    number = models.PositiveIntegerField(_("terminal number"), primary_key=True)
    site = models.ForeignKey(Site, models.PROTECT, verbose_name=_("cinema"))
    work = models.CharField(_("work"), max_length=8, choices=Work.choices, default=Work.TILL)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.ACTIVE)
    signing_public = models.BinaryField(_("Ed25519 public key"), max_length=32)
    sealing_public = models.BinaryField(_("X25519 public key"), max_length=32)
    software = models.CharField(_("software"), max_length=32)
    enrolled_at = models.DateTimeField(_("enrolled"))
    contact_at = models.DateTimeField(_("last contact"), null=True)
    backlog = models.PositiveBigIntegerField(_("records not yet acknowledged"), null=True)
    oldest_at = models.DateTimeField(_("time of the oldest of them"), null=True)
    room_per_mille = models.PositiveIntegerField(_("journal room left, per mille"), null=True)
    clock_at = models.DateTimeField(_("its clock"), null=True)
    hotlist_at = models.DateTimeField(_("hotlist known to be the newest at"), null=True)
    battery_per_mille = models.PositiveSmallIntegerField(_("battery charge, per mille"), null=True)
    on_mains = models.BooleanField(_("on mains"), null=True)
    reader_answers = models.BooleanField(_("reader answers"), null=True)
    journal_faults = models.PositiveBigIntegerField(_("journal faults since the start"), null=True)
    limits_divisor = models.PositiveSmallIntegerField(_("limits lowered by, since its tables are old"), null=True)
    answered_at = models.DateTimeField(_("answered last, by its clock"), null=True)
    have_settings = models.PositiveBigIntegerField(_("settings version held"), default=0)
    have_keys = models.PositiveBigIntegerField(_("key table version held"), default=0)
    have_tariff = models.PositiveBigIntegerField(_("tariff version held"), default=0)
    have_hotlist = models.PositiveBigIntegerField(_("hotlist version held"), default=0)
    have_certificates = models.PositiveBigIntegerField(_("certificate feed held"), default=0)
    have_state = models.PositiveBigIntegerField(_("state table version held"), default=0)

    class Meta:
        verbose_name = _("terminal")
        verbose_name_plural = _("terminals")
        ordering = ("number",)
        constraints = (
            models.CheckConstraint(
                name="a_terminal_number_fits_sixteen_bits",
                condition=Q(number__gte=1, number__lte=TERMINAL_NUMBER_MAX),
            ),
            models.UniqueConstraint(name="a_signing_key_belongs_to_one_terminal", fields=("signing_public",)),
        )

    def __str__(self) -> str:
        return f"{self.number}"


class EnrolmentToken(models.Model):
    """A one-time token: whoever shows its text within a quarter of an hour becomes a terminal of the cinema.

    Only the SHA-256 of the text is kept.
    """

    digest = models.BinaryField(_("SHA-256 of the token"), max_length=32, unique=True)
    site = models.ForeignKey(Site, models.PROTECT, verbose_name=_("cinema"))
    work = models.CharField(_("work"), max_length=8, choices=Terminal.Work.choices)
    expires_at = models.DateTimeField(_("expires"))
    terminal = models.OneToOneField(Terminal, models.PROTECT, null=True, verbose_name=_("terminal"))

    class Meta:
        verbose_name = _("enrolment token")
        verbose_name_plural = _("enrolment tokens")

    def __str__(self) -> str:
        return f"{self.site_id} {self.work} {self.expires_at:%Y-%m-%d %H:%M}"

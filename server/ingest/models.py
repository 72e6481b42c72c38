"""What terminals sent: raw records once each, their columns, and what is missing, not believed or alarming.

A row is keyed by its `place` (server.places). Records and their columns never change: the database refuses. What is
later concluded from them (resolution, posting) are rows of the ledger.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from onecard.kinds import DeclineReason, Outcome, Purpose
from server.places import SEQUENCE_BITS
from server.sites.models import Terminal

TERMINAL_FACTOR = 1 << SEQUENCE_BITS


class Cursor(models.Model):
    """How far a terminal's records are here: all up to `received` but those told lost, some up to `highest`."""

    terminal = models.OneToOneField(Terminal, models.PROTECT, primary_key=True, verbose_name=_("terminal"))
    received = models.PositiveBigIntegerField(_("all received up to"), default=0)
    highest = models.PositiveBigIntegerField(_("highest received"), default=0)

    class Meta:
        verbose_name = _("cursor")
        verbose_name_plural = _("cursors")
        constraints = (
            models.CheckConstraint(
                name="the_contiguous_prefix_ends_at_or_below_the_highest", condition=Q(received__lte=F("highest"))
            ),
        )


class Gap(models.Model):
    """The case of records known to be missing: sequences `first` … `last`. It shrinks, splits and goes as they arrive;
    a `Loss` says of some that they hardly will."""

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"))
    first = models.PositiveBigIntegerField(_("first"))
    last = models.PositiveBigIntegerField(_("last"))
    noticed_at = models.DateTimeField(_("noticed"))

    class Meta:
        verbose_name = _("gap")
        verbose_name_plural = _("gaps")
        constraints = (
            models.CheckConstraint(name="a_gap_is_not_empty", condition=Q(first__lte=F("last"))),
            models.UniqueConstraint(name="a_gap_begins_once", fields=("terminal", "first")),
        )


class Bundle(models.Model):
    """A bundle that brought something new. It is also the poster's queue."""

    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"))
    first = models.PositiveBigIntegerField(_("first"))
    last = models.PositiveBigIntegerField(_("last"))
    stored = models.PositiveIntegerField(_("records stored"))
    digest = models.BinaryField(_("SHA-256 of the envelope"), max_length=32)
    received_at = models.DateTimeField(_("received"))
    posted = models.BooleanField(_("posted"), default=False)

    class Meta:
        verbose_name = _("bundle")
        verbose_name_plural = _("bundles")
        indexes = (models.Index(name="bundles_to_post", fields=("id",), condition=Q(posted=False)),)


class Record(models.Model):
    """One record as it travelled: the evidence."""

    place = models.BigIntegerField(_("place"), primary_key=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, db_index=False, verbose_name=_("terminal"))
    epoch = models.PositiveBigIntegerField(_("epoch"))
    sequence = models.PositiveBigIntegerField(_("sequence"))
    kind = models.PositiveSmallIntegerField(_("kind"))
    payload = models.BinaryField(_("payload"))
    tag = models.BinaryField(_("chain tag"), max_length=8)
    bundle = models.ForeignKey(Bundle, models.PROTECT, db_index=False, verbose_name=_("bundle"))

    class Meta:
        verbose_name = _("record")
        verbose_name_plural = _("records")
        constraints = (
            models.CheckConstraint(
                name="a_place_is_its_terminal_and_sequence",
                condition=Q(place=F("terminal_id") * TERMINAL_FACTOR + F("sequence")),
            ),
        )


class Flow(models.Model):
    """An INTENT's columns: a ring record about to be written on a card."""

    place = models.BigIntegerField(_("place"), primary_key=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, db_index=False, verbose_name=_("terminal"))
    epoch = models.PositiveBigIntegerField(_("epoch"))
    sequence = models.PositiveBigIntegerField(_("sequence"))
    at = models.DateTimeField(_("time at the terminal"))
    clock = models.PositiveSmallIntegerField(_("clock quality"))
    shift = models.PositiveBigIntegerField(_("shift"))
    business_day = models.DateField(_("business day"))
    operator = models.PositiveBigIntegerField(_("operator"))
    uid = models.BinaryField(_("UID"), max_length=7)
    card_number = models.PositiveBigIntegerField(_("card number"))
    purse = models.PositiveSmallIntegerField(_("purse"))
    purpose = models.PositiveSmallIntegerField(_("purpose"), choices=[(p.value, p.name.lower()) for p in Purpose])
    amount = models.PositiveBigIntegerField(_("amount, fen"))
    counter = models.PositiveIntegerField(_("transaction counter"))
    debited = models.PositiveBigIntegerField(_("debited, fen"))
    loaded = models.PositiveBigIntegerField(_("loaded, fen"))
    load_sequence = models.PositiveIntegerField(_("load sequence"))
    pays = models.PositiveBigIntegerField(_("sale it settles"))
    list_price = models.PositiveBigIntegerField(_("list price, fen"))
    tier = models.PositiveSmallIntegerField(_("tier"))
    film_class = models.PositiveSmallIntegerField(_("film class"))
    time_slot = models.PositiveSmallIntegerField(_("time slot"))
    tickets = models.PositiveSmallIntegerField(_("tickets"))
    tariff_version = models.PositiveBigIntegerField(_("tariff version"))
    bundle = models.ForeignKey(Bundle, models.PROTECT, verbose_name=_("bundle"))

    class Meta:
        verbose_name = _("flow")
        verbose_name_plural = _("flows")
        indexes = (models.Index(name="flows_of_a_purse", fields=("uid", "purse")),)


class FlowOutcome(models.Model):
    """An OUTCOME's columns: the final word on the intent at `place`."""

    place = models.BigIntegerField(_("place of the intent"), primary_key=True)
    told_at_place = models.BigIntegerField(_("place of the outcome"))
    outcome = models.PositiveSmallIntegerField(_("outcome"), choices=[(o.value, o.name) for o in Outcome])
    at = models.DateTimeField(_("time at the terminal"))
    bundle = models.ForeignKey(Bundle, models.PROTECT, verbose_name=_("bundle"))

    class Meta:
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")


class DeclinedTap(models.Model):
    """A DECLINE's columns: a tap refused before any intent."""

    place = models.BigIntegerField(_("place"), primary_key=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"))
    at = models.DateTimeField(_("time at the terminal"))
    business_day = models.DateField(_("business day"))
    shift = models.PositiveBigIntegerField(_("shift"))
    operator = models.PositiveBigIntegerField(_("operator"))
    reason = models.PositiveSmallIntegerField(
        _("reason"), choices=[(r.value, r.name.lower().replace("_", " ")) for r in DeclineReason]
    )
    uid = models.BinaryField(_("UID"), max_length=7)
    card_number = models.PositiveBigIntegerField(_("card number"))
    purse = models.PositiveSmallIntegerField(_("purse"))
    amount = models.PositiveBigIntegerField(_("amount, fen"))

    class Meta:
        verbose_name = _("declined tap")
        verbose_name_plural = _("declined taps")
        indexes = (models.Index(name="declined_taps_of_a_day", fields=("business_day", "terminal")),)


class ShiftTurn(models.Model):
    """A SHIFT's columns: a shift opened, or closed with its totals."""

    place = models.BigIntegerField(_("place"), primary_key=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"))
    at = models.DateTimeField(_("time at the terminal"))
    shift = models.PositiveBigIntegerField(_("shift"))
    business_day = models.DateField(_("business day"))
    operator = models.PositiveBigIntegerField(_("operator"))
    opened = models.BooleanField(_("opened"))
    paid_count = models.PositiveBigIntegerField(_("paid"))
    paid_fen = models.PositiveBigIntegerField(_("paid, fen"))
    abandoned_count = models.PositiveBigIntegerField(_("abandoned"))
    abandoned_fen = models.PositiveBigIntegerField(_("abandoned, fen"))
    declined_count = models.PositiveBigIntegerField(_("declined"))

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")


class Start(models.Model):
    """A BOOT's columns: a terminal started and opened an epoch."""

    place = models.BigIntegerField(_("place"), primary_key=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"))
    epoch = models.PositiveBigIntegerField(_("epoch"))
    incarnation = models.BinaryField(_("incarnation"), max_length=8)
    at = models.DateTimeField(_("time at the terminal"))
    software = models.CharField(_("software"), max_length=32)
    torn_bytes = models.PositiveBigIntegerField(_("torn bytes"))

    class Meta:
        verbose_name = _("start")
        verbose_name_plural = _("starts")


class Loss(models.Model):
    """A GAP's columns: the terminal says that it has lost its records `first` … `last`."""

    place = models.BigIntegerField(_("place"), primary_key=True)
    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"))
    first = models.PositiveBigIntegerField(_("first"))
    last = models.PositiveBigIntegerField(_("last"))
    at = models.DateTimeField(_("time at the terminal"))
    reason = models.CharField(_("reason"), max_length=120)

    class Meta:
        verbose_name = _("loss")
        verbose_name_plural = _("losses")
        constraints = (models.CheckConstraint(name="a_loss_is_not_empty", condition=Q(first__lte=F("last"))),)


class Quarantined(models.Model):
    """A record that is not believed, with the reason. It holds its place: later ones are not blocked by it. Only an
    unproved one does not: should it arrive proved, it is stored, and until then its place counts as told lost."""

    class Reason(models.TextChoices):
        """Why it is not believed."""

        FORK = "fork", _("another record is known under this name")
        CHAIN = "chain", _("it does not continue the terminal's chain")
        UNREADABLE = "unreadable", _("it cannot be read")
        CONTRADICTION = "contradiction", _("it contradicts itself or an earlier record")
        UNPROVED = "unproved", _("it lies behind lost records, no chain leads to it")

    place = models.BigIntegerField(_("place"))
    terminal = models.ForeignKey(Terminal, models.PROTECT, verbose_name=_("terminal"))
    epoch = models.PositiveBigIntegerField(_("epoch"))
    sequence = models.PositiveBigIntegerField(_("sequence"))
    kind = models.PositiveSmallIntegerField(_("kind"))
    payload = models.BinaryField(_("payload"))
    tag = models.BinaryField(_("chain tag"), max_length=8)
    reason = models.CharField(_("reason"), max_length=16, choices=Reason.choices)
    detail = models.CharField(_("detail"), max_length=200)
    bundle = models.ForeignKey(Bundle, models.PROTECT, verbose_name=_("bundle"))

    class Meta:
        verbose_name = _("quarantined record")
        verbose_name_plural = _("quarantined records")
        constraints = (
            models.UniqueConstraint(name="a_record_is_quarantined_once", fields=("place", "tag", "epoch", "kind")),
        )


class Alarm(models.Model):
    """Something a person must look at."""

    class Kind(models.TextChoices):
        """What happened."""

        FORK = "fork", _("two records under one name")
        CHAIN = "chain", _("a broken chain")
        UNREADABLE = "unreadable", _("an unreadable record")
        CONTRADICTION = "contradiction", _("contradicting records")
        UNPROVED = "unproved", _("a record that no chain leads to")
        LOST = "lost", _("records lost at a terminal")
        UNKNOWN_PURSE = "unknown-purse", _("a debit on a purse we did not issue")
        PURSE_FORK = "purse-fork", _("two durable records at one counter of a purse")
        UNJOURNALLED = "unjournalled", _("a record on a card that its terminal never journalled")
        COPIED = "copied", _("copies of a card, put on the hotlist")
        OVERDRAWN = "overdrawn", _("more debited than loaded")
        REFUSED = "refused", _("a certificate refused by the key process")
        REVOKED = "revoked", _("a revoked terminal spoke")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    terminal = models.ForeignKey(Terminal, models.PROTECT, null=True, verbose_name=_("terminal"))
    about = models.CharField(_("about"), max_length=200)
    raised_at = models.DateTimeField(_("raised"))
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = (models.UniqueConstraint(name="an_alarm_is_raised_once", fields=("kind", "terminal", "about")),)

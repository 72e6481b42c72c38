"""Cards, their purses, the certificates issued for them, and the hotlist.

A purse's row is the one place where its loads are serialised (P-R14): whoever issues a certificate holds its lock.
`head_counter` and `head_debited` are the durable head as resolved (P-R9); the poster alone writes them, and
`unsettled`. `state_row` is what terminals are told of the purse (server.cards.state).
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from onecard import kinds
from onecard.downlink import Table
from onecard.identity import CardNumber, card_number_text
from onecard.state_table import ROW_SIZE
from server.sites.models import Site, Terminal

KINDS = {
    kinds.CardKind.STORED_VALUE: _("stored-value card"),
    kinds.CardKind.FREE: _("free card"),
    kinds.CardKind.CASHIER: _("cashier card"),
    kinds.CardKind.OPERATOR: _("operator card"),
    kinds.CardKind.AUTHORISATION: _("authorisation card"),
}
"""Card kinds in words."""


class Card(models.Model):
    """One piece of plastic."""

    class State(models.TextChoices):
        """Where it is in its life (P-R23)."""

        ISSUED = "issued", _("issued")
        LOST = "lost", _("reported lost")
        MOVED = "moved", _("replaced")
        CLOSED = "closed", _("closed")

    number = models.BigIntegerField(_("card number"), primary_key=True)
    uid = models.BinaryField(_("UID"), max_length=7)
    kind = models.PositiveSmallIntegerField(_("kind"), choices=[(k.value, word) for k, word in KINDS.items()])
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.ISSUED)
    expiry = models.DateField(_("expires"))
    site = models.ForeignKey(Site, models.PROTECT, verbose_name=_("issuing cinema"))
    issued_at = models.DateTimeField(_("issued at"))

    class Meta:
        verbose_name = _("card")
        verbose_name_plural = _("cards")
        constraints = (
            models.UniqueConstraint(
                name="a_uid_belongs_to_one_living_card",
                fields=("uid",),
                condition=Q(state__in=("issued", "lost")),
            ),
        )

    def __str__(self) -> str:
        return card_number_text(CardNumber(self.number))


class Purse(models.Model):
    """One stored value on a card: P and L of its newest certificate, counter and N of its durable head."""

    card = models.ForeignKey(Card, models.PROTECT, verbose_name=_("card"))
    uid = models.BinaryField(_("UID"), max_length=7)
    purse = models.PositiveSmallIntegerField(_("purse"))
    unit = models.PositiveSmallIntegerField(_("unit"), choices=[(u.value, u.name.lower()) for u in kinds.PurseUnit])
    flags = models.PositiveSmallIntegerField(_("flags"), default=0)
    tier = models.PositiveSmallIntegerField(_("tier"))
    load_sequence = models.PositiveIntegerField(_("load sequence"), default=0)
    loaded = models.PositiveBigIntegerField(_("loaded, fen"), default=0)
    genesis_counter = models.PositiveIntegerField(_("first counter"), default=2)
    head_counter = models.PositiveIntegerField(_("transaction counter"), default=2)
    head_debited = models.PositiveBigIntegerField(_("debited, fen"), default=0)
    unattributed = models.BigIntegerField(_("unattributed, fen"), default=0)
    unsettled = models.BooleanField(_("unsettled"), default=False)
    state_version = models.PositiveBigIntegerField(_("version of its row"), null=True, unique=True)
    state_row = models.BinaryField(_("row of the state table"), max_length=ROW_SIZE, null=True)

    class Meta:
        verbose_name = _("purse")
        verbose_name_plural = _("purses")
        constraints = (
            models.UniqueConstraint(name="a_card_has_a_purse_once", fields=("card", "purse")),
            models.UniqueConstraint(name="a_uid_has_a_purse_once", fields=("uid", "purse")),
        )

    def __str__(self) -> str:
        return f"{self.card} / {self.purse}"

    @property
    def name(self) -> str:
        """Which purse of which card, for differences and alarms; costs no query."""
        return f"card {card_number_text(CardNumber(self.card_id))} purse {self.purse}"

    @property
    def balance(self) -> int:
        """P − N as known here, fen (I-03)."""
        return self.loaded - self.head_debited


class Certificate(models.Model):
    """A load certificate as issued; the feed number is the version of the downlink table it came in with."""

    class Reason(models.TextChoices):
        """What the change of P is for."""

        ISSUE = "issue", _("issue")
        LOAD = "load", _("load")
        REFUND = "refund", _("refund")
        RENEWAL = "renewal", _("renewal")

    feed = models.BigAutoField(_("feed number"), primary_key=True)
    purse = models.ForeignKey(Purse, models.PROTECT, verbose_name=_("purse"))
    load_sequence = models.PositiveIntegerField(_("load sequence"))
    loaded = models.PositiveBigIntegerField(_("loaded, fen"))
    delta = models.BigIntegerField(_("change of loaded, fen"))
    floor_counter = models.PositiveIntegerField(_("floor counter"))
    floor_debited = models.PositiveBigIntegerField(_("floor debited, fen"))
    reason = models.CharField(_("reason"), max_length=8, choices=Reason.choices)
    source = models.BigIntegerField(_("place of the record refunded"), null=True)
    image = models.BinaryField(_("certificate"), max_length=96)
    issued_at = models.DateTimeField(_("issued at"))

    class Meta:
        verbose_name = _("load certificate")
        verbose_name_plural = _("load certificates")
        constraints = (
            models.UniqueConstraint(name="a_load_sequence_is_used_once", fields=("purse", "load_sequence")),
            models.UniqueConstraint(name="a_record_is_refunded_once", fields=("source",), condition=Q(reason="refund")),
            models.CheckConstraint(
                name="a_refund_names_its_record", condition=~Q(reason="refund") | Q(source__isnull=False)
            ),
        )


class TableVersion(models.Model):
    """The newest version of a downlink table whose rows are numbered; its row's lock puts their writers in order."""

    table = models.PositiveSmallIntegerField(_("table"), primary_key=True, choices=[(Table.STATE.value, "state")])
    newest = models.PositiveBigIntegerField(_("newest version"), default=0)

    class Meta:
        verbose_name = _("table version")
        verbose_name_plural = _("table versions")


class HotlistEntry(models.Model):
    """A card to be refused, or not, since a version of the list; the newest row of a card counts."""

    class Reason(models.TextChoices):
        """What was told of the card."""

        LOST = "lost", _("reported lost")
        UNREPORTED = "unreported", _("unreported")
        COPIED = "copied", _("copies were seen")
        FORGIVEN = "forgiven", _("copies looked into")

    version = models.BigAutoField(_("version"), primary_key=True)
    card = models.ForeignKey(Card, models.PROTECT, verbose_name=_("card"))
    refused = models.BooleanField(_("refused"))
    reason = models.CharField(_("reason"), max_length=10, choices=Reason.choices, default=Reason.LOST)
    listed_at = models.DateTimeField(_("listed"))
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, verbose_name=_("clerk"))
    told_by = models.ForeignKey(Terminal, models.PROTECT, null=True, verbose_name=_("told by"))

    class Meta:
        verbose_name = _("hotlist entry")
        verbose_name_plural = _("hotlist entries")

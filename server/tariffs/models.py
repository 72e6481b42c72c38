"""Tariff versions as they travel: wire bytes, so that terminal and server price from the same."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from onecard import tariff


class TariffVersion(models.Model):
    """One version of the price table; never changed, only followed by another."""

    version = models.PositiveIntegerField(_("version"), primary_key=True)
    effective_at = models.DateTimeField(_("in force from"))
    wire = models.BinaryField(_("wire form"))
    created_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("tariff version")
        verbose_name_plural = _("tariff versions")
        ordering = ("version",)

    def __str__(self) -> str:
        return f"{self.version}"

    def tariff(self) -> tariff.Tariff:
        """The table itself."""
        return tariff.decode(bytes(self.wire))

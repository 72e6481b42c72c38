"""Settings versions as they travel: wire bytes, so that terminal and server follow the same (onecard.settings)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from onecard.settings import Settings, decode_settings


class SettingsVersion(models.Model):
    """One version of the chain's settings for its terminals; never changed, only followed by another."""

    version = models.PositiveIntegerField(_("version"), primary_key=True)
    wire = models.BinaryField(_("wire form"), max_length=64)
    made_by = models.CharField(_("made by"), max_length=150)
    created_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("settings version")
        verbose_name_plural = _("settings versions")
        ordering = ("version",)

    def __str__(self) -> str:
        return f"{self.version}"

    def settings(self) -> Settings:
        """The settings themselves."""
        return decode_settings(bytes(self.wire))

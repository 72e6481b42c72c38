"""The application of the double-entry ledger."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Ledger(AppConfig):
    """Resolutions, postings, roll-ups."""

    name = "server.ledger"
    label = "ledger"
    verbose_name = _("Ledger")

"""The application that takes terminals' records in."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Ingest(AppConfig):
    """Records, flows, gaps, quarantine, alarms."""

    name = "server.ingest"
    label = "ingest"
    verbose_name = _("Records")

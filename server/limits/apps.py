"""The application of the terminals' settings."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Limits(AppConfig):
    """Versions of the terminals' settings."""

    name = "server.limits"
    label = "limits"
    verbose_name = _("Limits of terminals")

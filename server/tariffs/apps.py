"""The application of price tables."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Tariffs(AppConfig):
    """Tariff versions."""

    name = "server.tariffs"
    label = "tariffs"
    verbose_name = _("Tariffs")

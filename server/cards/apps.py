"""The application of cards and their certificates."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Cards(AppConfig):
    """Cards, purses, certificates, the hotlist."""

    name = "server.cards"
    label = "cards"
    verbose_name = _("Cards")

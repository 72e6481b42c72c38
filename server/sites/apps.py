"""The application of cinemas and their terminals."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Sites(AppConfig):
    """Cinemas, terminals, enrolment."""

    name = "server.sites"
    label = "sites"
    verbose_name = _("Cinemas and terminals")

"""The application of the issuing desks."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Desk(AppConfig):
    """Jobs for desk stations."""

    name = "server.desk"
    label = "desk"
    verbose_name = _("Issuing desk")

"""The application of the browser's pages."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Pages(AppConfig):
    """Views, templates, static files."""

    name = "server.pages"
    label = "pages"
    verbose_name = _("Pages")

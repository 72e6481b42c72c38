"""Django settings of the management centre."""

from __future__ import annotations

SECRET_KEY = "unset"  # noqa: S105
INSTALLED_APPS: list[str] = []
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True

"""Django settings of the management centre.

Everything that differs between installations lives in one directory, named by ONECARD_DATA and made by
`onecard server init`: the database, the secret key, TLS, the key process's socket. Without it the settings still
import, so that type checking and `--help` need no installation.
"""

from __future__ import annotations

import os
from pathlib import Path

from server import storage

DATA = Path(os.environ.get("ONECARD_DATA", "onecard-data"))
_secret = DATA / "secret.key"

SECRET_KEY = _secret.read_text() if _secret.exists() else "only for tools: a server refuses to run with it"
DEBUG = False
_hosts = DATA / "hosts"
ALLOWED_HOSTS = _hosts.read_text().split() if _hosts.exists() else []

KEYD_SOCKET = DATA / "keyd.sock"
"""Where the key process listens."""
POSTER_SOCKET = DATA / "poster.sock"
"""Where the poster is woken; it also looks by itself."""
GENERATION_FILE = DATA / "generation"
"""Outside the database: a restored backup of it must not speak for the generation it came from."""
ENROLLED_FILE = DATA / "enrolled"
"""Outside the database too: the terminals let in, whose numbers are never given again (server.sites.enrolled)."""
ONECARD_SAFE = os.environ.get("ONECARD_SAFE", "local")
"""What makes a record safe: `local`, `none`, or the path of the off-site copy's mark (server.ingest.safe)."""
ONECARD_LARGE_FORK_FEN = int(os.environ.get("ONECARD_LARGE_FORK_FEN", "5000"))
"""From how many fen on a single fork of a purse puts its card on the hotlist; a repeated one always does."""

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "server.sites",
    "server.tariffs",
    "server.limits",
    "server.ingest",
    "server.cards",
    "server.ledger",
    "server.desk",
    "server.pages",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "server.pages.policy.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "server.urls"
WSGI_APPLICATION = "server.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {"default": storage.database(DATA / "onecard.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 9 << 20
"""A bundle may have 8 MiB; the ingest view itself refuses more."""

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "today"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [Path(__file__).parent / "locale"]
USE_I18N = True
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
"""Files are served from the packages; nothing has to be collected first."""

SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = True
LANGUAGE_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}

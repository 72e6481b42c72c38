"""One installation: the directory that ONECARD_DATA names.

DIR/onecard.sqlite3        the database
DIR/generation             which life of the database this is
DIR/enrolled               terminals let in, outside the database
DIR/secret.key             Django's secret                                       0600
DIR/tls/ca.pem             what terminals trust
DIR/tls/server.pem, .key   what the server shows                          key    0600
DIR/keys/                  the key process's store, its alone                    0700
DIR/keyd.sock, poster.sock
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import django
from django.core.management import call_command
from django.utils import translation

from onecard.errors import OnecardError
from server.keyd import store
from server.tls import make_certificates, write_private

FIRST_GENERATION = "1\n"
_PASSWORD_BYTES = 9


class NoInstallation(OnecardError):
    """The directory holds no server."""

    def __init__(self, data: Path) -> None:
        self.data = data
        super().__init__(f"{data} holds no server: make one with `onecard server init --data {data}`")


class InstallationExists(OnecardError):
    """The directory holds a server already."""

    def __init__(self, data: Path) -> None:
        self.data = data
        super().__init__(f"{data} holds a server already: name another directory, or keep using this one")


def make(data: Path, names: Iterable[str], now: datetime) -> None:
    """Make the directory: secrets, TLS for the host `names`, keys, and the database with its first data."""
    if (data / "secret.key").exists():
        raise InstallationExists(data)
    data.mkdir(parents=True, exist_ok=True)
    write_private(data / "secret.key", secrets.token_urlsafe(64).encode())
    (data / "generation").write_text(FIRST_GENERATION)
    names = list(names)
    (data / "hosts").write_text("".join(f"[{name}]\n" if ":" in name else f"{name}\n" for name in names))
    make_certificates(data / "tls", names, now)
    store.create(data / "keys", secrets.token_bytes)
    enter(data)
    call_command("migrate", verbosity=0)


def enter(data: Path) -> None:
    """Set Django up for this installation, once in a process. Raises `NoInstallation`."""
    if not (data / "secret.key").exists():
        raise NoInstallation(data)
    os.umask(0o077)  # members' data: nobody else reads what this process makes
    os.environ.update(environment(data))
    django.setup()
    translation.activate("en")  # commands speak English; each request of a browser has its own language


def environment(data: Path) -> dict[str, str]:
    """What a process of this installation needs in its environment."""
    return {"ONECARD_DATA": str(data.resolve()), "DJANGO_SETTINGS_MODULE": "server.settings"}


def add_manager(name: str, password: str | None = None) -> str:
    """Make a user who may see and do all; the password given, or a random one. Returns the password."""
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - Django is set up by now, not at import

    password = password or secrets.token_urlsafe(_PASSWORD_BYTES)
    get_user_model().objects.create_superuser(username=name, password=password)
    return password

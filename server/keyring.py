"""The key process as this process uses it, its public keys asked for once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from django.conf import settings

from onecard.keys import KeyRing, Role
from server.keyd.client import KeyProcess

Signer = Callable[[bytes], bytes]


@cache
def key_process() -> KeyProcess:
    """The key process of this installation."""
    return KeyProcess(settings.KEYD_SOCKET)


@cache
def server_public() -> KeyRing:
    """Public keys of ISSUER, SERVER_SIGN and SERVER_SEAL; a new version is seen after a restart."""
    return key_process().server_public()


def server_signer() -> tuple[int, Signer]:
    """The version of the signing key, and what signs with it, for `seal_envelope` and its callers."""
    version = server_public().versions(Role.SERVER_SIGN)[0]
    return version, lambda message: key_process().sign(Role.SERVER_SIGN, message, version)[1]

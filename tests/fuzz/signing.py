"""A key under which one signature is right for every message, so that a lie behind a signature is read.

The Ed25519 public key is the neutral point of the curve: with R the neutral point and S = 0 the equation of RFC 8032
section 5.1.7 holds whatever was signed. The product's own verification runs; nobody honest holds such a key.
"""

from __future__ import annotations

from onecard.envelope import Domain, seal_envelope, server_key_id
from onecard.keys import KeyRing, Role

PUBLIC = bytes([1]) + bytes(31)
SIGNATURE = bytes([1]) + bytes(63)
KEYS = KeyRing({(role, version): PUBLIC for role in (Role.ISSUER, Role.SERVER_SIGN) for version in (1, 2)})
TERMINAL = 7


def signed(message: bytes) -> bytes:
    """The signature of any message."""
    return SIGNATURE


def from_the_server(domain: Domain, payload: bytes) -> bytes:
    """The envelope bytes of a payload of the server."""
    return seal_envelope(server_key_id(1), domain, payload, signed)

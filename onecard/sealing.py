"""Sealing to one receiver: HPKE base mode (RFC 9180), X25519, HKDF-SHA256, ChaCha20-Poly1305.

`purpose` and the clear `header` beside the sealed bytes both go into HPKE's info, so that neither can be exchanged.
Sealed bytes are 48 longer than the plaintext.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from onecard.errors import OnecardError

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class BadSeal(OnecardError):
    """Sealed bytes that were not sealed to this key, for this purpose, with this header."""

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        super().__init__(f"the sealed {purpose} cannot be opened: it is damaged, or sealed to another key")


def is_sealable(public: bytes) -> bool:
    """Whether `public` is a 32-byte X25519 key that anything can be sealed to: not one of the few points of low order,
    whose shared secret is known to all and which `seal` refuses (RFC 7748 section 6.1)."""
    try:
        X25519PrivateKey.from_private_bytes(bytes(32)).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return False
    return True


def seal(plaintext: bytes, public: bytes, purpose: str, header: bytes) -> bytes:
    """Seal `plaintext` to the holder of the 32-byte X25519 `public` key, which `is_sealable`."""
    receiver = X25519PublicKey.from_public_bytes(public)
    return _SUITE.encrypt(plaintext, receiver, info=_info(purpose, header))


def unseal(sealed: bytes, private: bytes, purpose: str, header: bytes) -> bytes:
    """The plaintext. Raises `BadSeal`."""
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info=_info(purpose, header))
    except (InvalidTag, ValueError):
        raise BadSeal(purpose) from None


def _info(purpose: str, header: bytes) -> bytes:
    return b"onecard " + purpose.encode() + b"\0" + header

"""Keys by role and version, and the few primitives the product computes with.

- AES-CMAC: NIST SP 800-38B, RFC 4493. Sixteen-byte tags; callers truncate.
- Diversification: NXP AN10922 §2.2, AES-128: CMAC over 0x01 | M with the padding always to 32 bytes, which is not the
  CMAC of the same bytes when M is short (the trap of libfreefare's issue 91).
- Ed25519: RFC 8032, always over a domain-separation string and the message, so that a signature given for one purpose
  is worthless for another.
- Roles: a key is found by (role, version); version 0 means none. Terminals hold current and previous versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from onecard.errors import OnecardError

SIGNATURE_SIZE = 64
KEY_SIZE = 16
_DIVERSIFIED_SIZE = 32
_RB = 0x87  # SP 800-38B, 128-bit blocks


@unique
class Role(IntEnum):
    """What a key is for. Wire numbers never change."""

    DEBIT_MAC = 1  # AES-128 master: ring record MACs; terminals hold it
    CLASSIC_READ_WRITE = 2  # AES-128 master: MIFARE Classic key A; terminals hold it
    CLASSIC_PERSONALISE = 3  # AES-128 master: MIFARE Classic key B; the key process only
    ISSUER = 4  # Ed25519: load certificates
    SERVER_SIGN = 5  # Ed25519: acknowledgements and downlinks
    SERVER_SEAL = 6  # X25519: bundles are sealed to it
    CHAIN = 7  # 32 bytes: master of the terminals' journal chain keys
    DESFIRE_DEBIT = 8  # AES-128 master: key 1 of a purse's application; terminals hold it
    DESFIRE_PERSONALISE = 9  # AES-128 master: a DESFire's other keys; the key process only
    DEBIT_MAC_NEXT = 10  # AES-128 master: a coming DEBIT_MAC version, to check with only until all terminals hold it


class UnknownKey(OnecardError):
    """Nothing is held under this role and version."""

    def __init__(self, role: Role, version: int) -> None:
        self.role = role
        self.version = version
        super().__init__(f"no key {role.name} version {version} is held here: fetch the newest keys from the server")


class BadSignature(OnecardError):
    """A signature does not belong to these bytes, this purpose and this key."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the signature of {what} is wrong")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Key bytes by role and version: secrets for symmetric roles, public keys for the others."""

    held: Mapping[tuple[Role, int], bytes] = field(repr=False)

    def key(self, role: Role, version: int) -> bytes:
        """The key of that version. Raises `UnknownKey`."""
        try:
            return self.held[role, version]
        except KeyError:
            raise UnknownKey(role, version) from None

    def versions(self, role: Role) -> list[int]:
        """The versions held, newest first."""
        return sorted((version for held_role, version in self.held if held_role is role), reverse=True)

    def newest_first(self, role: Role) -> Iterator[tuple[int, bytes]]:
        """(version, key), newest first: verify with the current one, else the previous (P-R27)."""
        return ((version, self.held[role, version]) for version in self.versions(role))


def aes_cmac(key: bytes, message: bytes) -> bytes:
    """The 16-byte AES-CMAC of `message` under a 16-byte key."""
    cmac = CMAC(AES128(key))
    cmac.update(message)
    return cmac.finalize()


def cmac_subkeys(key: bytes) -> tuple[bytes, bytes]:
    """K1 and K2 of AES-CMAC under a 16-byte key (SP 800-38B §6.1)."""
    encryptor = Cipher(AES128(key), modes.ECB()).encryptor()  # noqa: S305 - one block, as the standard says
    k1 = _double(encryptor.update(bytes(16)))
    return k1, _double(k1)


def diversify(master: bytes, identity: bytes) -> bytes:
    """The 16-byte AES-128 key of `identity` (1 … 31 bytes) under `master` (AN10922 §2.2)."""
    message = b"\x01" + identity
    assert len(master) == KEY_SIZE
    assert 1 < len(message) <= _DIVERSIFIED_SIZE
    k1, k2 = cmac_subkeys(master)
    padding = _DIVERSIFIED_SIZE - len(message)
    padded = message + (b"\x80" + bytes(padding - 1) if padding else b"")
    last = bytes(a ^ b for a, b in zip(padded[16:], k2 if padding else k1, strict=True))
    encryptor = Cipher(AES128(master), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(padded[:16] + last)[16:]


def chain_key(master: bytes, terminal: int) -> bytes:
    """The 32-byte journal chain key of a terminal: HKDF-SHA256 of the master, bound to its number."""
    return HKDF(SHA256(), 32, salt=None, info=b"onecard chain" + terminal.to_bytes(2, "big")).derive(master)


def sign(private: bytes, domain: bytes, message: bytes) -> bytes:
    """The 64-byte Ed25519 signature over `domain` | `message`."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(domain + message)


def verify(public: bytes, domain: bytes, message: bytes, signature: bytes, what: str) -> None:
    """Return when `signature` is good, else raise `BadSignature` naming `what`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, domain + message)
    except InvalidSignature:
        raise BadSignature(what) from None


def _double(block: bytes) -> bytes:
    shifted = int.from_bytes(block, "big") << 1
    carry = shifted >> 128
    return ((shifted & ((1 << 128) - 1)) ^ (_RB if carry else 0)).to_bytes(16, "big")

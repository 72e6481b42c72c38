"""The keys of a simulated chain, all drawn from the seed: issuer, masters, server, and each terminal's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onecard import keys
from onecard.keys import KeyRing, Role
from tools.fleet.chance import chance

_DEBIT = (Role.DEBIT_MAC, Role.CLASSIC_READ_WRITE, Role.DESFIRE_DEBIT)
KEY_ID = 1


@dataclass(frozen=True, slots=True)
class TerminalKeys:
    """What only one terminal has: Ed25519 and X25519 private keys, and the key of its journal's chain."""

    signing: bytes = field(repr=False)
    sealing: bytes = field(repr=False)
    chain: bytes = field(repr=False)

    @property
    def signing_public(self) -> bytes:
        """The 32-byte Ed25519 public key."""
        return Ed25519PrivateKey.from_private_bytes(self.signing).public_key().public_bytes_raw()

    @property
    def sealing_public(self) -> bytes:
        """The 32-byte X25519 public key."""
        return X25519PrivateKey.from_private_bytes(self.sealing).public_key().public_bytes_raw()


class ChainKeys:
    """Everything the key process has. `debit_version` counts the rotations of the debit masters."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.issuer = self._secret("issuer", 32)
        self.server_sign = self._secret("server sign", 32)
        self.server_seal = self._secret("server seal", 32)
        self._chain = self._secret("chain", 32)
        self.debit_version = 1

    @cached_property
    def server_seal_public(self) -> bytes:
        """What bundles are sealed to."""
        return X25519PrivateKey.from_private_bytes(self.server_seal).public_key().public_bytes_raw()

    def ring(self, debit_version: int) -> KeyRing:
        """What a terminal holds at that version of the debit masters: the version before it too (P-R27)."""
        public = Ed25519PrivateKey.from_private_bytes(self.issuer).public_key().public_bytes_raw()
        server = Ed25519PrivateKey.from_private_bytes(self.server_sign).public_key().public_bytes_raw()
        held = {(Role.ISSUER, KEY_ID): public, (Role.SERVER_SIGN, 1): server}
        for version in range(max(1, debit_version - 1), debit_version + 1):
            held |= {(role, version): self._secret(f"{role.name} {version}", 16) for role in _DEBIT}
        return KeyRing(held)

    def debit_master(self, version: int) -> bytes:
        """The master of record MACs."""
        return self._secret(f"{Role.DEBIT_MAC.name} {version}", 16)

    def terminal(self, number: int) -> TerminalKeys:
        """What enrolment gives a terminal."""
        return TerminalKeys(
            signing=self._secret(f"terminal {number} sign", 32),
            sealing=self._secret(f"terminal {number} seal", 32),
            chain=keys.chain_key(self._chain, number),
        )

    def sign_certificate(self, domain: bytes, message: bytes) -> bytes:
        """The issuer's signature."""
        return keys.sign(self.issuer, domain, message)

    def sign_message(self, message: bytes) -> bytes:
        """The server's signature."""
        return keys.sign(self.server_sign, b"", message)

    def _secret(self, name: str, size: int) -> bytes:
        return chance(self._seed, "key", name).raw(size)


def remembering(verify: Callable[[bytes, bytes, bytes, bytes, str], None]) -> Callable[..., None]:
    """`onecard.keys.verify` that proves each signature once: it is a pure function of its arguments."""
    return lru_cache(maxsize=1 << 18)(verify)

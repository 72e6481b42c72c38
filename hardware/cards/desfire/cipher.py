"""DESFire keys and the block ciphers under them. Pure.

Sizes in bytes: DES and two-key 3DES keys are stored as 16 (a DES key twice), three-key 3DES as 24, AES as 16. The
version of a DES key lies in its parity bits; an AES key's is kept beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, unique

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES128

from onecard.keys import cmac_subkeys


@unique
class KeyType(IntEnum):
    """What kind of key; the number is its bits in a key settings byte and in the key number of ChangeKey."""

    TDES = 0x00  # DES or two-key 3DES
    TDES_3K = 0x40
    AES = 0x80

    @property
    def key_size(self) -> int:
        """Bytes of a key."""
        return 24 if self is KeyType.TDES_3K else 16

    @property
    def block_size(self) -> int:
        """Bytes of a block."""
        return 16 if self is KeyType.AES else 8

    @property
    def random_size(self) -> int:
        """Bytes of RndA and RndB when such a key authenticates by 1A or AA; by 0A always 8."""
        return 8 if self is KeyType.TDES else 16


@dataclass(frozen=True, slots=True)
class Key:
    """A key and its cipher, in CBC."""

    type: KeyType
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        assert len(self.secret) == self.type.key_size

    @property
    def zero_iv(self) -> bytes:
        """A block of zeros."""
        return bytes(self.type.block_size)

    def encrypt(self, iv: bytes, plain: bytes) -> bytes:
        """CBC encryption of whole blocks."""
        return self._run(self._cipher(iv).encryptor(), plain)

    def decrypt(self, iv: bytes, enciphered: bytes) -> bytes:
        """CBC decryption of whole blocks."""
        return self._run(self._cipher(iv).decryptor(), enciphered)

    def cmac(self, iv: bytes, message: bytes) -> bytes:
        """The CMAC of `message` (SP 800-38B) with the chain begun at `iv` instead of zeros: one whole block."""
        size = self.type.block_size
        k1, k2 = cmac_subkeys(self.secret) if self.type is KeyType.AES else self._des_subkeys()
        whole = bool(message) and len(message) % size == 0
        padded = message if whole else pad_one_and_zeros(message, size)
        last = xor(padded[-size:], k1 if whole else k2)
        return self.encrypt(iv, padded[:-size] + last)[-size:]

    def _des_subkeys(self) -> tuple[bytes, bytes]:
        k1 = _double(self.encrypt(self.zero_iv, self.zero_iv))
        return k1, _double(k1)

    def _cipher(self, iv: bytes) -> Cipher[modes.CBC]:
        if self.type is KeyType.AES:
            return Cipher(AES128(self.secret), modes.CBC(iv))
        long = self.secret + self.secret[:8] if self.type is KeyType.TDES else self.secret
        return Cipher(TripleDES(long), modes.CBC(iv))

    def _run(self, context: CipherContext, blocks: bytes) -> bytes:
        assert len(blocks) % self.type.block_size == 0
        return context.update(blocks) + context.finalize()


def xor(left: bytes, right: bytes) -> bytes:
    """Byte by byte, of equal sizes."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def pad_one_and_zeros(message: bytes, size: int) -> bytes:
    """80 and zeros up to whole blocks, at least one byte (ISO 9797-1 method 2)."""
    return message + b"\x80" + bytes(-(len(message) + 1) % size)


def pad_zeros(message: bytes, size: int) -> bytes:
    """Zeros up to whole blocks (ISO 9797-1 method 1)."""
    return message + bytes(-len(message) % size)


def _double(block: bytes) -> bytes:
    """SP 800-38B §5.3, 64-bit blocks."""
    shifted = int.from_bytes(block, "big") << 1
    carry = shifted >> 64
    return ((shifted & ((1 << 64) - 1)) ^ (0x1B if carry else 0)).to_bytes(8, "big")

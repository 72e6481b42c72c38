"""What the generations of DESFire secure messaging have in common: modes, checksums, the channel of either end. Pure.

A channel is one authenticated session. The reader's end seals commands and opens answers, the card's end opens
commands and seals answers; both advance the same state, so a channel belongs to one end. Messages are the native ones
in whole: the command code, its *header* (what names file, place and amount of data) and its *data*, never the AF bytes
of chaining. Only an answer with status OK is sealed; any other ends the session.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Protocol

from hardware.cards.desfire.cipher import Key, KeyType, xor

CHANGE_KEY = 0xC4
MAC_SIZE = 8
CRC32_SIZE = 4


@unique
class CommMode(IntEnum):
    """How data of a file or a command travels; the number is the file's communication setting."""

    PLAIN = 0x00
    MACED = 0x01
    FULL = 0x03


class BrokenMessage(ValueError):
    """A message that this session's other end did not send so: a wrong MAC, checksum, padding or size."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that takes another's place.

    `version`, 0 … 255, is an AES key's; others have theirs in the parity bits, and here 0.
    """

    key: Key
    version: int = 0


class Channel(Protocol):
    """One end of a secure session."""

    unfiled: CommMode
    """How a command travels whose mode no file decides, where nothing of it is secret."""

    def seal_command(self, code: int, header: bytes, data: bytes, mode: CommMode) -> bytes:
        """Reader: what follows the command code."""
        ...

    def open_answer(self, payload: bytes, mode: CommMode, size: int | None) -> bytes:
        """Reader: the data of an answer with status OK, `size` bytes (None: unknown, never in FULL mode).

        Raises `BrokenMessage`.
        """
        ...

    def open_command(self, code: int, payload: bytes, header_size: int, mode: CommMode, size: int) -> bytes:
        """Card: the `size` bytes of data behind the header. Raises `BrokenMessage`."""
        ...

    def seal_answer(self, data: bytes, mode: CommMode) -> bytes:
        """Card: what follows status OK."""
        ...

    def seal_key_change(self, number: int, new: NewKey, old: bytes | None) -> bytes:
        """Reader: what follows ChangeKey's code. `number` is the key's with its type bits at card level; `old` is the
        key's value now, None when it is the key that authenticated (the answer then is not sealed)."""
        ...

    def open_key_change(self, payload: bytes, kind: KeyType, old: bytes | None) -> NewKey:
        """Card: the new key of ChangeKey. Raises `BrokenMessage`."""
        ...


def key_block(new: NewKey, old: bytes | None) -> bytes:
    """What of a new key is enciphered: the key, over `old` by exclusive or if that is known; an AES key's version."""
    secret = new.key.secret if old is None else xor(new.key.secret, old)
    return secret + (bytes([new.version]) if new.key.type is KeyType.AES else b"")


def key_block_size(kind: KeyType) -> int:
    """Bytes of a `key_block`."""
    return kind.key_size + (1 if kind is KeyType.AES else 0)


def read_key_block(block: bytes, kind: KeyType, old: bytes | None) -> NewKey:
    """The new key of a `key_block`."""
    assert len(block) == key_block_size(kind)
    secret, version = block[: kind.key_size], block[kind.key_size :]
    return NewKey(Key(kind, secret if old is None else xor(secret, old)), version[0] if version else 0)


def crc32(message: bytes) -> bytes:
    """Four bytes, little-endian: the common CRC-32 without its last complement."""
    return (zlib.crc32(message) ^ 0xFFFFFFFF).to_bytes(CRC32_SIZE, "little")


def crc16(message: bytes) -> bytes:
    """Two bytes, little-endian: ISO 14443-3 type A (annex B)."""
    register = 0x6363
    for byte in message:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x8408 if register & 1 else 0)
    return register.to_bytes(2, "little")


def require(condition: bool, what: str) -> None:
    """Raises `BrokenMessage` naming what is wrong unless the condition holds."""
    if not condition:
        raise BrokenMessage(f"wrong {what}")

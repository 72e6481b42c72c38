"""The debit record: sixteen bytes that state all that was ever debited (docs/purse.md, Bytes).

    byte  0..2   counter (20 bits) << 4 | load reference (copy 1 bit, L mod 8 3 bits)
          3..6   debited, N, u32
          7..8   terminal number, u16
          9      low byte of the intent's sequence
         10..15  AES-CMAC(K, 0x52 | format | purse | bytes 0..9), first six bytes
    K = AN10922(debit master, UID | "OCR1"); all numbers big-endian.

The purse is in the MAC, so that a record of one purse is garbage in another (P-R1, hole H21).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from onecard.keys import aes_cmac, diversify

RECORD_SIZE = 16
MAC_SIZE = 6
FORMAT = 1
COUNTER_LIMIT = (1 << 20) - 16
"""At or above this counter a card is worn out and refused (P-R24)."""
DEBITED_LIMIT = (1 << 32) - 1
"""The most that N can state on Classic (P-R24)."""
_DOMAIN = 0x52


class Identity(NamedTuple):
    """What names a record among all records of its purse: which intent of which terminal wrote it (P-R7)."""

    counter: int
    debited: int
    terminal: int
    sequence_byte: int


@dataclass(frozen=True, slots=True)
class LoadReference:
    """Which certificate copy is in force with a record, and the low three bits of its L."""

    copy: int
    load_mod8: int

    @classmethod
    def of(cls, copy: int, load_sequence: int) -> LoadReference:
        """The reference to the certificate with sequence L in `copy`."""
        assert copy in (0, 1)
        return cls(copy, load_sequence & 7)


@dataclass(frozen=True, slots=True)
class DebitRecord:
    """One record of the ring."""

    counter: int
    load_reference: LoadReference
    debited: int
    terminal: int
    sequence_byte: int

    @property
    def identity(self) -> Identity:
        """The record's name in its purse."""
        return Identity(self.counter, self.debited, self.terminal, self.sequence_byte)


def sequence_byte(sequence: int) -> int:
    """What a record tells of its intent's sequence: the low byte (P-R7)."""
    return sequence & 0xFF


def record_key(master: bytes, uid: bytes) -> bytes:
    """The 16-byte MAC key of one card's records."""
    return diversify(master, uid + b"OCR1")


def encode(record: DebitRecord, key: bytes, purse: int) -> bytes:
    """The 16 bytes of `record` in `purse` under the card's `record_key`."""
    assert 0 <= record.counter < 1 << 20
    assert 0 <= purse < 16
    reference = record.load_reference.copy << 3 | record.load_reference.load_mod8
    body = (
        (record.counter << 4 | reference).to_bytes(3, "big")
        + record.debited.to_bytes(4, "big")
        + record.terminal.to_bytes(2, "big")
        + bytes([record.sequence_byte])
    )
    return body + _mac(key, purse, body)


def decode(image: bytes, keys: Iterable[bytes], purse: int) -> DebitRecord | None:
    """The record of a 16-byte image whose MAC is right under one of `keys` (newest first), else None."""
    assert len(image) == RECORD_SIZE
    body, mac = image[:-MAC_SIZE], image[-MAC_SIZE:]
    if not any(_mac(key, purse, body) == mac for key in keys):
        return None
    return unchecked(image)


def unchecked(image: bytes) -> DebitRecord:
    """The record of a 16-byte image whose MAC somebody trusted has already checked: a terminal, before it journaled
    the ring it saw."""
    head = int.from_bytes(image[:3], "big")
    return DebitRecord(
        counter=head >> 4,
        load_reference=LoadReference(copy=head >> 3 & 1, load_mod8=head & 7),
        debited=int.from_bytes(image[3:7], "big"),
        terminal=int.from_bytes(image[7:9], "big"),
        sequence_byte=image[9],
    )


def _mac(key: bytes, purse: int, body: bytes) -> bytes:
    return aes_cmac(key, bytes([_DOMAIN, FORMAT, purse]) + body)[:MAC_SIZE]

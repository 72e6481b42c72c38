"""Where things lie on a MIFARE Classic 1K, and what a sector trailer says. Tables: docs/formats/card-classic.md.

Sixteen sectors of four 16-byte blocks, the fourth the trailer. Block numbers count through the card, 0 … 63.

- Sector 0: block 0 is the manufacturer's, block 1 the identification, block 2 zeros.
- Purse p (0 … 2) has the five sectors from 1 + 5p: certificate copy 0 in the first two, copy 1 in the next two, the
  debit ring in the fifth.
- Every sector, used or not, has the same access conditions: data C1C2C3 = 000 (both keys read and write), trailer 011
  (keys and conditions written with key B only, no key ever readable). Key A is the terminals', key B the desk's.

Source of access bits: NXP MF1S50yyX_V1 §8.7. The three bytes hold each of C1, C2, C3 of the four blocks, plain and
inverted; a card locks a sector for ever when the two disagree, so they are compared here before they are believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hardware.cards.port import CardFamily
from onecard.purse.certificate import CERTIFICATE_SIZE
from onecard.purse.ring import SLOTS

PURSES = CardFamily.CLASSIC.limits.purses
CERTIFICATE_COPIES = CardFamily.CLASSIC.limits.certificate_copies
SECTORS = 16
BLOCK_SIZE = 16
SECTOR_BLOCKS = 4
KEY_SIZE = 6
LAYOUT_VERSION = 1
MANUFACTURER_BLOCK = 0
IDENTIFICATION_BLOCK = 1

DATA_OPEN = 0b000
"""C1C2C3 of a data block: keys A and B read, write, increment, decrement."""
TRAILER_TRANSPORT = 0b001
"""C1C2C3 of a trailer as NXP ships it: key A writes everything and reads key B."""
TRAILER_LOCKED = 0b011
"""C1C2C3 of our trailers: key B writes everything, no key is readable."""
TRANSPORT_KEY = b"\xff" * KEY_SIZE
GENERAL_PURPOSE_BYTE = 0x69
"""NXP's own, bit 7 clear: no MIFARE application directory."""
ACCESS_BYTES = slice(6, 9)
"""Where a trailer holds its access bytes."""

_MAGIC = b"ONECARD"


def sector_of(block: int) -> int:
    """The sector of a block."""
    assert 0 <= block < SECTORS * SECTOR_BLOCKS
    return block // SECTOR_BLOCKS


def data_blocks(sector: int) -> range:
    """The three data blocks of a sector; the manufacturer's block is one of them."""
    assert 0 <= sector < SECTORS
    return range(SECTOR_BLOCKS * sector, SECTOR_BLOCKS * sector + SECTOR_BLOCKS - 1)


def trailer_block(sector: int) -> int:
    """The block of a sector's keys and access bits."""
    return data_blocks(sector).stop


def ring_block(purse: int, slot: int) -> int:
    """The block of slot 0 … 2 of a purse's debit ring."""
    assert 0 <= slot < SLOTS
    return data_blocks(_first_sector(purse) + 4)[slot]


def certificate_blocks(purse: int, copy: int) -> tuple[int, ...]:
    """The six blocks of copy 0 or 1 of a purse's load certificate, in the order of its bytes."""
    assert 0 <= copy < CERTIFICATE_COPIES
    first = _first_sector(purse) + 2 * copy
    return (*data_blocks(first), *data_blocks(first + 1))


def split_certificate(image: bytes) -> tuple[bytes, ...]:
    """A certificate's 96 bytes as six blocks."""
    assert len(image) == CERTIFICATE_SIZE
    return tuple(image[start : start + BLOCK_SIZE] for start in range(0, CERTIFICATE_SIZE, BLOCK_SIZE))


def _first_sector(purse: int) -> int:
    assert 0 <= purse < PURSES
    return 1 + 5 * purse


def access_bytes(conditions: Sequence[int]) -> bytes:
    """The three access bytes for four conditions, blocks 0 … 2 and the trailer, each 0bC1C2C3."""
    assert len(conditions) == SECTOR_BLOCKS
    assert all(0 <= condition <= 0b111 for condition in conditions)
    c1, c2, c3 = (sum((of >> (2 - i) & 1) << block for block, of in enumerate(conditions)) for i in range(3))
    return bytes([(~c2 & 0xF) << 4 | (~c1 & 0xF), c1 << 4 | (~c3 & 0xF), c3 << 4 | c2])


def access_conditions(access: bytes) -> tuple[int, ...] | None:
    """The four conditions in three access bytes; None when plain and inverted bits disagree."""
    assert len(access) == 3
    c1, c2, c3 = access[1] >> 4, access[2] & 0xF, access[2] >> 4
    conditions = tuple(
        (c1 >> block & 1) << 2 | (c2 >> block & 1) << 1 | (c3 >> block & 1) for block in range(SECTOR_BLOCKS)
    )
    return conditions if access_bytes(conditions) == access else None


OUR_ACCESS = access_bytes((DATA_OPEN, DATA_OPEN, DATA_OPEN, TRAILER_LOCKED))
TRANSPORT_ACCESS = access_bytes((DATA_OPEN, DATA_OPEN, DATA_OPEN, TRAILER_TRANSPORT))


def trailer(key_a: bytes, key_b: bytes) -> bytes:
    """The 16 bytes of one of our trailers."""
    assert len(key_a) == len(key_b) == KEY_SIZE
    return key_a + OUR_ACCESS + bytes([GENERAL_PURPOSE_BYTE]) + key_b


@dataclass(frozen=True, slots=True)
class Identification:
    """What block 1 says: the version of this layout, and which purses were personalised."""

    layout_version: int
    purses: tuple[int, ...]


def encode_identification(purses: Iterable[int]) -> bytes:
    """Block 1 of a card of ours that has these purses."""
    mask = 0
    for purse in purses:
        assert 0 <= purse < PURSES
        mask |= 1 << purse
    return (_MAGIC + bytes([LAYOUT_VERSION, mask])).ljust(BLOCK_SIZE, b"\0")


def decode_identification(block: bytes) -> Identification | None:
    """What block 1 says; None when it is not ours, or of a layout this code does not know."""
    assert len(block) == BLOCK_SIZE
    mask = block[len(_MAGIC) + 1]
    purses = tuple(purse for purse in range(PURSES) if mask >> purse & 1)
    return Identification(LAYOUT_VERSION, purses) if block == encode_identification(purses) else None

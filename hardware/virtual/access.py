"""MIFARE Classic access conditions: what each key may do to each block. Source: MF1S50yyX_V1 §8.7.

Bytes 6 to 8 of a sector trailer hold C1, C2, C3 for its four blocks, each twice, once inverted:

    byte 6   ~C2 of blocks 3 2 1 0 | ~C1 of blocks 3 2 1 0
    byte 7    C1 of blocks 3 2 1 0 | ~C3 of blocks 3 2 1 0
    byte 8    C3 of blocks 3 2 1 0 |  C2 of blocks 3 2 1 0

A condition is the number C1C2C3, C1 the highest bit. If the two copies do not agree the sector is dead for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Key(Enum):
    """The two keys of a sector; the value is the command that authenticates with it."""

    A = 0x60
    B = 0x61


NOBODY: frozenset[Key] = frozenset()
_A = frozenset({Key.A})
_B = frozenset({Key.B})
_AB = _A | _B


@dataclass(frozen=True, slots=True)
class DataRights:
    """Who may read, write, increment, and decrement/transfer/restore a data block."""

    read: frozenset[Key]
    write: frozenset[Key]
    increment: frozenset[Key]
    decrement: frozenset[Key]


@dataclass(frozen=True, slots=True)
class TrailerRights:
    """Who may write key A, read and write the access bits, read and write key B. Key A is never readable."""

    write_key_a: frozenset[Key]
    read_bits: frozenset[Key]
    write_bits: frozenset[Key]
    read_key_b: frozenset[Key]
    write_key_b: frozenset[Key]


DATA_RIGHTS = MappingProxyType(
    {
        0b000: DataRights(_AB, _AB, _AB, _AB),
        0b010: DataRights(_AB, NOBODY, NOBODY, NOBODY),
        0b100: DataRights(_AB, _B, NOBODY, NOBODY),
        0b110: DataRights(_AB, _B, _B, _AB),
        0b001: DataRights(_AB, NOBODY, NOBODY, _AB),
        0b011: DataRights(_B, _B, NOBODY, NOBODY),
        0b101: DataRights(_B, NOBODY, NOBODY, NOBODY),
        0b111: DataRights(NOBODY, NOBODY, NOBODY, NOBODY),
    }
)
TRAILER_RIGHTS = MappingProxyType(
    {
        0b000: TrailerRights(_A, _A, NOBODY, _A, _A),
        0b010: TrailerRights(NOBODY, _A, NOBODY, _A, NOBODY),
        0b100: TrailerRights(_B, _AB, NOBODY, NOBODY, _B),
        0b110: TrailerRights(NOBODY, _AB, NOBODY, NOBODY, NOBODY),
        0b001: TrailerRights(_A, _A, _A, _A, _A),
        0b011: TrailerRights(_B, _AB, _B, NOBODY, _B),
        0b101: TrailerRights(NOBODY, _AB, _B, NOBODY, NOBODY),
        0b111: TrailerRights(NOBODY, _AB, NOBODY, NOBODY, NOBODY),
    }
)


def conditions(trailer: bytes) -> tuple[int, int, int, int] | None:
    """C1C2C3 of blocks 0 to 3 from a 16-byte trailer; None when the two copies do not agree."""
    not_c2, not_c1 = trailer[6] >> 4, trailer[6] & 15
    c1, not_c3 = trailer[7] >> 4, trailer[7] & 15
    c3, c2 = trailer[8] >> 4, trailer[8] & 15
    if (c1 ^ not_c1, c2 ^ not_c2, c3 ^ not_c3) != (15, 15, 15):
        return None
    of = [(c1 >> n & 1) << 2 | (c2 >> n & 1) << 1 | c3 >> n & 1 for n in range(4)]
    return of[0], of[1], of[2], of[3]


def access_bytes(block_conditions: tuple[int, int, int, int]) -> bytes:
    """Bytes 6 to 8 of a trailer for C1C2C3 of blocks 0 to 3: the inverse of `conditions`."""
    c1 = sum((c >> 2 & 1) << n for n, c in enumerate(block_conditions))
    c2 = sum((c >> 1 & 1) << n for n, c in enumerate(block_conditions))
    c3 = sum((c & 1) << n for n, c in enumerate(block_conditions))
    return bytes(((c2 ^ 15) << 4 | (c1 ^ 15), c1 << 4 | (c3 ^ 15), c3 << 4 | c2))


def key_b_is_readable(trailer_condition: int) -> bool:
    """Then key B is data: a session opened with it may access nothing (MF1S50yyX_V1 §8.7.2, note 1)."""
    return TRAILER_RIGHTS[trailer_condition].read_key_b != NOBODY

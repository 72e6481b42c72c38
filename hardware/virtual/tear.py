"""What a block holds after the card left the field in the middle of an EEPROM write.

A write is an erase (all bits 0) and then a program (the 1 bits of the new data). Where it was cut:

    before   before the erase: the old data
    erased   between erase and program: zeros
    half     in the program: the first bytes are new, the rest zeros
    weak     at the end of the program: new, but some bits did not take and read differently each time
    after    after the program and before the acknowledgement: the new data

A cut after B bytes means: the first B bytes are new for certain, and the mode tells of the rest. Weak bits are what a
cut at an unlucky microsecond leaves: a reader sees sometimes 1, sometimes 0 (Teuwen and Herrmann, SSTIC 2021).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

BLOCK_SIZE = 16
MAX_WEAK_BITS = 6


class TearMode(Enum):
    """Where in the write the card left; the value is the word used in commands and files."""

    BEFORE = "before"
    ERASED = "erased"
    HALF = "half"
    WEAK = "weak"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Cut:
    """A write is cut in `mode`; `kept` bytes at its start are new for certain. None: 8 for half, otherwise 0."""

    mode: TearMode
    kept: int | None = None


@dataclass(frozen=True, slots=True)
class Torn:
    """A block that was cut: 16 bytes, and 16 bytes whose 1 bits are weak."""

    data: bytes
    weak: bytes


class Draws:
    """Random bits that depend on the seed and on what they are drawn for, and on nothing else."""

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big", signed=True)

    def bits(self, *purpose: int | bytes) -> bytes:
        """32 random bytes for `purpose`: the same for the same seed and purpose."""
        text = "|".join(part.hex() if isinstance(part, bytes) else str(part) for part in purpose)
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=32).digest()


def torn(old: Torn, new: bytes, cut: Cut, random: bytes) -> Torn:
    """What a write of `new` (16 bytes) over `old` leaves when cut. `random`: 32 bytes, used by weak only."""
    assert len(old.data) == len(new) == BLOCK_SIZE
    kept = cut.kept if cut.kept is not None else (8 if cut.mode is TearMode.HALF else 0)
    nothing = bytes(BLOCK_SIZE)
    match cut.mode:
        case TearMode.BEFORE:
            return Torn(new[:kept] + old.data[kept:], nothing[:kept] + old.weak[kept:])
        case TearMode.ERASED | TearMode.HALF:
            return Torn(new[:kept] + nothing[kept:], nothing)
        case TearMode.WEAK:
            return Torn(new, _weak_mask(old.data, new, kept, random))
        case TearMode.AFTER:
            return Torn(new, nothing)
        case _:
            assert_never(cut.mode)


def _weak_mask(old: bytes, new: bytes, kept: int, random: bytes) -> bytes:
    """1 to 6 of the bits this write had to move, beyond the first `kept` bytes."""
    moved = int.from_bytes(bytes(kept) + bytes(o | n for o, n in zip(old[kept:], new[kept:], strict=True)), "big")
    candidates = [bit for bit in range(BLOCK_SIZE * 8) if moved >> bit & 1]
    mask = 0
    for draw in random[1 : 2 + random[0] % MAX_WEAK_BITS]:
        if candidates:
            mask |= 1 << candidates.pop(draw % len(candidates))
    return mask.to_bytes(BLOCK_SIZE, "big")


def as_read(data: bytes, weak: bytes, random: bytes) -> bytes:
    """`data` as one read sees it: its weak bits are those of `random`."""
    return bytes(d & ~w | r & w for d, w, r in zip(data, weak, random, strict=False))

"""The physics of one block write (docs/purse.md, Physics), and the blocks of a purse on a MIFARE Classic.

    not begun | old left weak | garbage | new weak, no ack | new stable, no ack | stable + ack

A weak block reads as what was written or as garbage, freshly at every presentation, for ever. Garbage never validates
(docs/purse.md, A2).
"""

from __future__ import annotations

from enum import Enum, unique

from tools.fleet.chance import Chance

BLOCK_SIZE = 16


@unique
class Write(Enum):
    """What becomes of one block write."""

    NOT_BEGUN = "not begun"
    OLD_WEAK = "old left weak"
    GARBAGE = "garbage"
    NEW_WEAK = "new weak, no ack"
    NEW_STABLE = "new stable, no ack"
    ACKED = "stable + ack"


TORN = (Write.NOT_BEGUN, Write.OLD_WEAK, Write.GARBAGE, Write.NEW_WEAK, Write.NEW_STABLE)
"""What a tear may leave."""


class Blocks:
    """Some 16-byte blocks, and which of them are weak."""

    __slots__ = ("images", "weak")

    def __init__(self, images: list[bytes]) -> None:
        self.images = images
        self.weak: set[int] = set()

    def copy(self) -> Blocks:
        """The same cells on another chip."""
        other = Blocks(list(self.images))
        other.weak = set(self.weak)
        return other

    def write(self, place: int, image: bytes, outcome: Write, draw: Chance) -> None:
        """Let a write of `image` end so."""
        match outcome:
            case Write.NOT_BEGUN:
                pass
            case Write.OLD_WEAK:
                self.weak.add(place)
            case Write.GARBAGE:
                self.images[place] = draw.raw(BLOCK_SIZE)
                self.weak.discard(place)
            case Write.NEW_WEAK:
                self.images[place] = image
                self.weak.add(place)
            case Write.NEW_STABLE | Write.ACKED:
                self.images[place] = image
                self.weak.discard(place)

    def read(self, place: int, flickers: Chance) -> bytes:
        """One reading; what a weak block reads as is drawn."""
        if place in self.weak and flickers.below(2):
            return flickers.raw(BLOCK_SIZE)
        return self.images[place]

"""What a card can be after one block write, and what it can read as (docs/purse.md, Assumptions).

One 16-byte block write on Classic leaves: not begun | old content left weak | garbage | new content weak, no ack | new
content stable, no ack | new content stable, ack. A weak block reads as its content or as garbage, freshly at every
presentation. DESFire commits whole or not at all: not begun | new content, no ack | new content, ack.

The content of a block is a number that the explorer gives a meaning.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from itertools import product
from typing import NamedTuple, TypeAlias

GARBAGE = -1


class Physics(IntEnum):
    """What a tear can do."""

    WEAK = 1  # all of it
    PLAIN = 2  # no weak cells
    ATOMIC = 3  # DESFire


class Block(NamedTuple):
    """One block: its content or garbage, and whether it reads reliably."""

    content: int
    weak: bool


Blocks: TypeAlias = "tuple[Block, ...]"
View: TypeAlias = "tuple[int, ...]"
"""What one presentation reads, block by block."""


class Cards(NamedTuple):
    """The cards that a write can leave, by what the terminal knows and the card holds."""

    torn: tuple[Blocks, ...]  # while blanking: the record's write was never begun
    absent: tuple[Blocks, ...]  # no acknowledgement, and the content is not there
    present: tuple[Blocks, ...]  # no acknowledgement, and it is there
    acked: Blocks


@lru_cache(maxsize=1 << 18)
def views(blocks: Blocks) -> tuple[View, ...]:
    """Every reading the card can give now."""
    readings = [(b.content,) if not b.weak or b.content == GARBAGE else (b.content, GARBAGE) for b in blocks]
    return tuple(product(*readings))


@lru_cache(maxsize=1 << 19)
def write(physics: Physics, blocks: Blocks, blank: tuple[int, ...], slot: int, content: int) -> Cards:
    """Blank the blocks `blank`, each acknowledged, then write `content` into `slot`."""
    torn: list[Blocks] = []
    for blanked in blank:
        torn += (blocks, *_tears(physics, blocks, blanked, GARBAGE))
        blocks = put(blocks, blanked, Block(GARBAGE, weak=False))
    new = put(blocks, slot, Block(content, weak=False))
    left = _tears(physics, blocks, slot, content)
    absent = (blocks, *(card for card in left if card[slot].content != content))
    present = (new, *(card for card in left if card[slot].content == content))
    return Cards(tuple(torn), absent, present, new)


def put(blocks: Blocks, slot: int, block: Block) -> Blocks:
    """The card with `block` in `slot`."""
    return (*blocks[:slot], block, *blocks[slot + 1 :])


def _tears(physics: Physics, blocks: Blocks, slot: int, content: int) -> list[Blocks]:
    old = blocks[slot].content
    left: list[Blocks] = []
    if physics is not Physics.ATOMIC:
        left.append(put(blocks, slot, Block(GARBAGE, weak=False)))
    if physics is Physics.WEAK:
        left += [put(blocks, slot, Block(one, weak=True)) for one in (old, content) if one != GARBAGE]
    return left

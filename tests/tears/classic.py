"""MIFARE Classic 1K in the bench: an image is the 64 blocks and the weak bits in them.

Bounds. Of a weak block's readings two are taken: the one that equals what was written, and the one with every weak
bit turned over; all the others differ from the first as well, and no MAC or signature tells them apart. Which bits are
weak is drawn once (by `hardware.virtual.tear`, from a fixed seed), not enumerated. A trailer has one more reading for
each of its parts (key A, access bits, key B) that a weak bit touches, so that each may fail alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from hardware.cards.classic_layout import (
    BLOCK_SIZE,
    SECTORS,
    TRANSPORT_KEY,
    certificate_blocks,
    ring_block,
    trailer_block,
)
from hardware.cards.personalisation_script import PersonalisationScript
from hardware.cards.port import CardFamily
from hardware.virtual.card_file import ClassicImage
from hardware.virtual.classic_card import ClassicCard, blank_image
from hardware.virtual.eeprom import Eeprom
from hardware.virtual.schedule import CardTornError, Schedule
from hardware.virtual.tear import TearMode
from onecard.purse.ring import SLOTS
from tests.tears.choices import Choices
from tests.tears.cuts import AFTER, ANSWER_LOST, BEFORE, Tear
from tests.tears.family import Grain, Laid, Reading
from tools.bench.till import Issuer

_WRITE = 0xA0
_TRAILER_PARTS = (range(6), range(6, 10), range(10, BLOCK_SIZE))
_SEED = 7
_LOOSENED = Tear(TearMode.BEFORE, 0, loosened=True)
_FLICKER = Tear(TearMode.WEAK, stays=True)
_CLASSES = (BEFORE, _LOOSENED, Tear(TearMode.HALF), Tear(TearMode.WEAK), AFTER, ANSWER_LOST, _FLICKER)
_BYTES = (
    BEFORE,
    _LOOSENED,
    ANSWER_LOST,
    _FLICKER,
    *(Tear(TearMode.BEFORE, kept) for kept in range(BLOCK_SIZE + 1)),
    Tear(TearMode.ERASED),
    *(Tear(TearMode.HALF, kept) for kept in range(1, BLOCK_SIZE)),
    *(Tear(TearMode.WEAK, kept) for kept in range(BLOCK_SIZE)),
    AFTER,
)
"""Erased after k new bytes and half after k new bytes are one: new, then zeros."""


class Blocks(NamedTuple):
    """The image: 64 blocks, and (block, mask of weak bits) in order."""

    uid: bytes
    blocks: tuple[bytes, ...]
    weak: tuple[tuple[int, bytes], ...] = ()


def blank(uid: bytes) -> Blocks:
    """A card as from the factory."""
    return Blocks(uid, tuple(blank_image(uid, [(TRANSPORT_KEY, TRANSPORT_KEY)] * SECTORS).blocks))


def personalised(script: PersonalisationScript) -> Blocks:
    """A card as the desk leaves it."""
    blocks = list(blank(script.uid).blocks)
    for block, data in script.data().items():
        blocks[block] = data
    for sector in range(SECTORS):
        blocks[trailer_block(sector)] = script.trailer(sector)
    return Blocks(script.uid, tuple(blocks))


class Classic:
    """`tests.tears.family.Family` of MIFARE Classic."""

    name = "Classic"

    def issued(self, issuer: Issuer, uid: bytes, certificate: bytes) -> Hashable:
        return personalised(issuer.script(uid, certificate))

    def lay(self, image: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        assert isinstance(image, Blocks)
        memory = ClassicImage(image.uid, list(image.blocks), dict(image.weak))
        cells = _Cells(memory, schedule, choices, loosens=tear is not None and tear.loosened)
        return Laid(
            ClassicCard(cells), lambda: Blocks(image.uid, tuple(memory.blocks), tuple(sorted(memory.weak.items())))
        )

    def tears(self, command: bytes, grain: Grain) -> Sequence[Tear]:
        if not self.commits(command) or grain is Grain.COMMANDS:
            return (BEFORE, AFTER, ANSWER_LOST) if command else (BEFORE,)
        return _CLASSES if grain is Grain.CLASSES else _BYTES

    def commits(self, command: bytes) -> bool:
        return command[:1] == bytes([_WRITE])

    def readings(self, image: Hashable) -> Iterator[Reading]:
        assert isinstance(image, Blocks)
        ring = [ring_block(0, slot) for slot in range(SLOTS)]
        copies = [certificate_blocks(0, copy) for copy in range(CardFamily.CLASSIC.limits.certificate_copies)]
        wanted = [*ring, *(block for copy in copies for block in copy)]
        weak = dict(image.weak)
        options = [_options(block, image.blocks[block], weak.get(block)) for block in wanted]
        for taken in product(*options):
            read = dict(zip(wanted, taken, strict=True))
            first, second, third = (read[block] for block in ring)
            yield Reading((first, second, third), tuple(b"".join(read[block] for block in copy) for copy in copies))

    def violation(self, image: Hashable) -> str | None:
        return None

    def meaning(self, image: Hashable, names: Callable[[bytes], Hashable]) -> Hashable:
        assert isinstance(image, Blocks)
        return tuple(map(names, image.blocks)), tuple(block for block, _ in image.weak)


def readings_of(image: Blocks) -> list[list[bytes]]:
    """Of each block everything it can read as."""
    weak = dict(image.weak)
    return [_options(number, block, weak.get(number)) for number, block in enumerate(image.blocks)]


class _Cells(Eeprom):
    """Cells whose weak bits read as the choices say: of a data block anew in each host command, of a trailer once in
    each presentation (docs/purse.md, Physics), or a search at the desk would not end."""

    def __init__(self, image: ClassicImage, schedule: Schedule, choices: Choices, *, loosens: bool) -> None:
        super().__init__(image, lambda _: None, schedule, _SEED)
        self._choices = choices
        self._loosens = loosens
        self._read: dict[tuple[int, int], bytes] = {}

    def read(self, block: int) -> bytes:
        data, mask = self.image.blocks[block], self.image.weak.get(block)
        if mask is None:
            return data
        moment = 0 if block % 4 == 3 else self._choices.moment
        if (block, moment) not in self._read:
            options = _options(block, data, mask)
            self._read[block, moment] = options[self._choices.take(len(options))]
        return self._read[block, moment]

    def write(self, block: int, new: bytes) -> None:
        self._read = {(other, moment): data for (other, moment), data in self._read.items() if other != block}
        try:
            super().write(block, new)
        except CardTornError:
            if self._loosens and (mask := _lowest_bits(self.image.blocks[block])):
                self.image.weak[block] = mask.to_bytes(BLOCK_SIZE, "big")
            raise


def _options(block: int, data: bytes, mask: bytes | None) -> list[bytes]:
    if mask is None:
        return [data]
    options = [data, bytes(byte ^ bits for byte, bits in zip(data, mask, strict=True))]
    if block % 4 == 3:
        for part in _TRAILER_PARTS:
            turned = bytes(
                byte ^ bits if at in part else byte for at, (byte, bits) in enumerate(zip(data, mask, strict=True))
            )
            if turned not in options:
                options.append(turned)
    return options


def _lowest_bits(data: bytes) -> int:
    """The two lowest 1 bits of a block; none of an empty one."""
    number = int.from_bytes(data, "big")
    lowest = number & -number
    rest = number ^ lowest
    return lowest | rest & -rest

"""What the desk is to put on a blank MIFARE Classic 1K: the signed job's card work as blocks. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hardware.cards.classic_layout import (
    BLOCK_SIZE,
    CERTIFICATE_COPIES,
    IDENTIFICATION_BLOCK,
    KEY_SIZE,
    MANUFACTURER_BLOCK,
    PURSES,
    SECTORS,
    certificate_blocks,
    data_blocks,
    encode_identification,
    ring_block,
    split_certificate,
    trailer,
)
from onecard.purse.certificate import CERTIFICATE_SIZE
from onecard.purse.ring import SLOTS

PUBLIC_KEYS = frozenset(
    bytes.fromhex(key)
    for key in (
        "ffffffffffff",  # NXP MF1S50yyX_V1: transport configuration
        "000000000000",
        "a0a1a2a3a4a5",  # NXP AN10787: key A of the application directory
        "b0b1b2b3b4b5",
        "d3f7d3f7d3f7",  # NFC Forum NDEF sectors
        "4d3a99c351dd",
        "1a982c7e459a",
        "aabbccddeeff",
    )
)
"""Keys everybody tries first. One of them on any sector opens the whole card to a nested attack."""


class SectorKeys(NamedTuple):
    """The two 6-byte keys of one sector: A the terminals', B the desk's."""

    key_a: bytes
    key_b: bytes


@dataclass(frozen=True, slots=True)
class PurseImages:
    """First contents of one purse: three 16-byte ring images in slot order and the 96-byte load certificate."""

    ring: tuple[bytes, bytes, bytes]
    certificate: bytes


@dataclass(frozen=True, slots=True)
class PersonalisationScript:
    """Everything that goes onto the card `uid`: keys of all 16 sectors, contents of its purses; the rest zeros.

    The certificate goes into both copies, so that whichever the first record names is there.
    """

    uid: bytes
    keys: tuple[SectorKeys, ...] = field(repr=False)
    purses: Mapping[int, PurseImages]

    def __post_init__(self) -> None:
        assert len(self.keys) == SECTORS
        for key in (key for pair in self.keys for key in pair):
            assert len(key) == KEY_SIZE
            assert key not in PUBLIC_KEYS, "a sector would be left with a public key"
        for purse, images in self.purses.items():
            assert 0 <= purse < PURSES
            assert len(images.ring) == SLOTS
            assert all(len(image) == BLOCK_SIZE for image in images.ring)
            assert len(images.certificate) == CERTIFICATE_SIZE

    def data(self) -> dict[int, bytes]:
        """Every data block that is ours to write, with its 16 bytes; the manufacturer's is not among them."""
        blocks = {block: bytes(BLOCK_SIZE) for sector in range(SECTORS) for block in data_blocks(sector)}
        del blocks[MANUFACTURER_BLOCK]
        blocks[IDENTIFICATION_BLOCK] = encode_identification(self.purses)
        for purse, images in self.purses.items():
            for slot, image in enumerate(images.ring):
                blocks[ring_block(purse, slot)] = image
            for copy in range(CERTIFICATE_COPIES):
                pieces = split_certificate(images.certificate)
                blocks.update(zip(certificate_blocks(purse, copy), pieces, strict=True))
        return blocks

    def sector_data(self, sector: int) -> dict[int, bytes]:
        """The blocks of `data` that lie in one sector."""
        data = self.data()
        return {block: data[block] for block in data_blocks(sector) if block in data}

    def trailer(self, sector: int) -> bytes:
        """The 16 bytes of a sector's trailer."""
        return trailer(*self.keys[sector])

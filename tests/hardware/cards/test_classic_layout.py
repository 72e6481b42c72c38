"""The block map and the trailers of a MIFARE Classic card of ours."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from hardware.cards import classic_layout as layout
from hardware.virtual import access as virtual_access

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "classic_access.json").read_text())


@pytest.mark.parametrize("access", VECTORS["contradicting"])
def test_access_bytes_that_contradict_themselves_are_not_believed(access: str) -> None:
    assert layout.access_conditions(bytes.fromhex(access)) is None


@pytest.mark.parametrize("bit", range(24))
def test_one_flipped_access_bit_is_a_contradiction(bit: int) -> None:
    flipped = (int.from_bytes(layout.OUR_ACCESS, "big") ^ 1 << bit).to_bytes(3, "big")
    assert layout.access_conditions(flipped) is None


@pytest.mark.parametrize("vector", VECTORS["access"], ids=lambda vector: str(vector["bytes"]))
def test_access_bytes_are_the_published_ones(vector: dict[str, list[str]]) -> None:
    conditions = tuple(int(condition, 2) for condition in vector["conditions"])
    published = bytes.fromhex(str(vector["bytes"]))
    assert layout.access_bytes(conditions) == published
    assert layout.access_conditions(published) == conditions


def test_every_condition_survives_and_the_virtual_card_agrees() -> None:
    for conditions in product(range(8), repeat=4):
        access = layout.access_bytes(conditions)
        assert layout.access_conditions(access) == conditions
        assert tuple(virtual_access.conditions(bytes(6) + access + bytes(7)) or ()) == conditions


def test_the_trailer_is_key_a_access_and_key_b() -> None:
    vector = VECTORS["trailer"]
    image = layout.trailer(bytes.fromhex(vector["key_a"]), bytes.fromhex(vector["key_b"]))
    assert image == bytes.fromhex(vector["bytes"])
    assert layout.access_conditions(image[layout.ACCESS_BYTES]) == (0, 0, 0, 0b011)


def test_in_our_trailers_no_key_is_readable_and_only_b_writes_keys() -> None:
    """Asked of the virtual card's tables, which nobody copied from the layout."""
    of = layout.access_conditions(layout.OUR_ACCESS)
    assert of is not None
    rights = virtual_access.TRAILER_RIGHTS[of[3]]
    key_b = frozenset({virtual_access.Key.B})
    assert rights.read_key_b == frozenset()
    assert rights.write_key_a == rights.write_bits == rights.write_key_b == key_b
    assert not virtual_access.key_b_is_readable(of[3])


def test_purses_and_identification_share_no_block_and_fill_the_card() -> None:
    used = [layout.MANUFACTURER_BLOCK, layout.IDENTIFICATION_BLOCK, 2]
    for purse in range(3):
        used += [layout.ring_block(purse, slot) for slot in range(3)]
        used += [block for copy in range(2) for block in layout.certificate_blocks(purse, copy)]
    trailers = [layout.trailer_block(sector) for sector in range(16)]
    assert sorted(used + trailers) == list(range(64))


def test_two_copies_of_a_certificate_and_the_ring_share_no_sector() -> None:
    """A torn trailer or a wrong key takes one of them, never two (P-R16)."""
    for purse in range(3):
        parts = [layout.certificate_blocks(purse, 0), layout.certificate_blocks(purse, 1)]
        parts.append(tuple(layout.ring_block(purse, slot) for slot in range(3)))
        sectors = [{layout.sector_of(block) for block in part} for part in parts]
        assert [len(part) for part in sectors] == [2, 2, 1]
        assert len(set.union(*sectors)) == 5


def test_the_map_is_the_documented_one() -> None:
    assert layout.certificate_blocks(0, 0) == (4, 5, 6, 8, 9, 10)
    assert layout.certificate_blocks(0, 1) == (12, 13, 14, 16, 17, 18)
    assert [layout.ring_block(0, slot) for slot in range(3)] == [20, 21, 22]
    assert [layout.ring_block(2, slot) for slot in range(3)] == [60, 61, 62]


@pytest.mark.parametrize(
    "block",
    [
        bytes(16),
        b"ONECARD\x02\x01".ljust(16, b"\0"),
        b"ONECARD\x01\x08".ljust(16, b"\0"),
        b"ONECARD\x01\x01".ljust(16, b"\1"),
        b"onecard\x01\x01".ljust(16, b"\0"),
    ],
)
def test_an_identification_that_is_not_exactly_ours_is_none(block: bytes) -> None:
    assert layout.decode_identification(block) is None


def test_the_identification_names_the_purses() -> None:
    block = layout.encode_identification((2, 0))
    assert block == b"ONECARD\x01\x05".ljust(16, b"\0")
    assert layout.decode_identification(block) == layout.Identification(1, (0, 2))

"""A segment that no crash leaves: told as damage at its place, and read at no more cost than an honest one."""

from __future__ import annotations

import sys
import tracemalloc
import zlib

import pytest

from onecard.cbor import encode
from onecard.journal import JournalReader, UnreadableBoot
from onecard.journal.check import check_journal
from onecard.journal.frame import chain_tag, encode_frame, salt_seed
from onecard.journal.header import HEADER_SIZE, LARGEST_SEGMENT, decode_header
from onecard.records import RecordKind

KEY = bytes(range(32))
SIZE = 16_384
CRC_AT = HEADER_SIZE - 4


@pytest.fixture
def made(place):
    """A journal that was made and never started."""
    place.create(segment_size=SIZE)
    return place


def with_boot(place, payload):
    """Puts a whole first record, of kind BOOT, with `payload`."""
    image = bytearray(place.segment().read_bytes())
    header = decode_header(bytes(image[:HEADER_SIZE]), place.segment())
    tag = chain_tag(KEY, header.previous_tag, RecordKind.BOOT, 1, payload)
    frame = encode_frame(salt_seed(header.salt), RecordKind.BOOT, 0, 1, payload, tag=tag)
    image[HEADER_SIZE : HEADER_SIZE + len(frame)] = frame
    place.segment().write_bytes(image)


@pytest.mark.parametrize("payload", [b"", b"\xff", encode([2, 1]), encode([1])])
def test_a_boot_that_is_no_record_is_damage_at_its_place(made, payload):
    with_boot(made, payload)
    readings = [made.open, lambda: made.open(salvage=True)]
    readings += [lambda key=key: list(JournalReader(made.directory, key).all_entries()) for key in (KEY, None)]
    for read in readings:
        with pytest.raises(UnreadableBoot) as caught:
            read()
        assert (caught.value.file, caught.value.offset) == (made.segment(), HEADER_SIZE)
    (damage,) = check_journal(made.directory, KEY).damage
    assert isinstance(damage, UnreadableBoot)


def test_a_header_that_lies_about_the_size_costs_no_memory(made):
    image = bytearray(made.segment().read_bytes())
    image[28:32] = LARGEST_SEGMENT.to_bytes(4, "big")
    image[CRC_AT:HEADER_SIZE] = zlib.crc32(image[:CRC_AT]).to_bytes(4, "big")
    made.segment().write_bytes(image)
    reader = JournalReader(made.directory, KEY)
    tracemalloc.start()
    assert list(reader.all_entries()) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("byte", [0x01, 0x0F, 0x10, 0xFF])
def test_noise_in_a_tail_is_not_checksummed_at_every_byte(made, byte):
    """Every place of 0f 0f 0f … claims a payload of 3855 bytes: 63 MB of checksums for 16 KiB, 4 GB for a MiB."""
    header = made.segment().read_bytes()[:HEADER_SIZE]
    made.segment().write_bytes(header + bytes([byte]) * (SIZE - HEADER_SIZE))
    checksums = 0

    def called(frame, event, argument):
        nonlocal checksums
        checksums += event == "c_call" and argument is zlib.crc32

    reader = JournalReader(made.directory, KEY)
    sys.setprofile(called)
    try:
        list(reader.all_entries())
    finally:
        sys.setprofile(None)
    assert checksums <= 6

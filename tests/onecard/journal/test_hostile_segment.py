"""A segment that no crash leaves: told as damage at its place."""

from __future__ import annotations

import pytest

from onecard.cbor import encode
from onecard.journal import JournalReader, UnreadableBoot
from onecard.journal.check import check_journal
from onecard.journal.frame import chain_tag, encode_frame, salt_seed
from onecard.journal.header import HEADER_SIZE, decode_header
from onecard.records import RecordKind

KEY = bytes(range(32))
SIZE = 16_384


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

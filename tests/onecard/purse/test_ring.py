"""The ring: valid by MAC and by place; the newest valid record speaks (P-R1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.purse.record import DebitRecord, LoadReference, decode, encode, record_key
from onecard.purse.ring import Ring, read_ring, ring_bytes, slot_of

_KEY = record_key(bytes(16), b"\x01\x02\x03\x04")
_BLANK = bytes(16)


def _record(counter: int, debited: int = 0) -> DebitRecord:
    return DebitRecord(counter, LoadReference(0, 1), debited, 1, counter & 0xFF)


def _decode(image: bytes) -> DebitRecord | None:
    return decode(image, [_KEY], 0)


def _image(counter: int, debited: int = 0, purse: int = 0) -> bytes:
    return encode(_record(counter, debited), _KEY, purse)


def test_a_ring_without_a_valid_record_has_no_newest() -> None:
    """It never means that nothing was debited (hole H22)."""
    ring = read_ring([_BLANK, b"\xff" * 16, _BLANK], _decode)
    assert ring.newest is None
    assert ring.readable == ()


@pytest.mark.parametrize("slot", [0, 2])
def test_a_record_in_another_block_is_not_valid(slot: int) -> None:
    """A copy of an old record beside its own block must not count."""
    images = [_BLANK] * 3
    images[slot] = _image(4)
    assert read_ring(images, _decode).newest is None
    assert slot_of(4) == 1


def test_records_of_another_purse_are_not_valid() -> None:
    assert read_ring([_image(3, purse=1), _image(4, purse=1), _image(5, purse=1)], _decode).newest is None


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_ring_has_three_images(count: int) -> None:
    with pytest.raises(AssertionError):
        read_ring([_BLANK] * count, _decode)


def test_a_torn_newest_leaves_the_record_before_it() -> None:
    torn = _image(5)[:7] + _image(2)[7:]
    ring = read_ring([_image(3, 30), _image(4, 40), torn], _decode)
    assert ring.newest == _record(4, 40)
    assert ring.records == (_record(3, 30), _record(4, 40), None)


@given(st.integers(2, (1 << 20) - 1), st.sets(st.integers(0, 2), max_size=2))
def test_the_highest_counter_is_newest(counter: int, unreadable: set[int]) -> None:
    images = {slot_of(c): _image(c, 10 * c & 0xFFFF) for c in (counter, counter - 1, counter - 2)}
    seen = [_BLANK if slot in unreadable else images[slot] for slot in range(3)]
    ring = read_ring(seen, _decode)
    readable = [c for c in (counter, counter - 1, counter - 2) if slot_of(c) not in unreadable]
    assert ring.newest is not None
    assert ring.newest.counter == max(readable)
    assert len(ring.readable) == len(readable)


def test_an_acknowledged_record_replaces_the_oldest() -> None:
    ring = Ring((_record(3), _record(4), _record(5))).with_record(_record(6))
    assert ring.records == (_record(6), _record(4), _record(5))
    assert ring.newest == _record(6)


def test_the_journal_keeps_only_what_was_valid() -> None:
    images = [_image(3), b"\xee" * 16, _image(5)]
    assert ring_bytes(read_ring(images, _decode), images) == images[0] + _BLANK + images[2]

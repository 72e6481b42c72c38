"""The debit record: sixteen bytes, one purse, one card; a torn write never passes for a third record."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard.keys import aes_cmac, diversify
from onecard.purse.record import (
    RECORD_SIZE,
    DebitRecord,
    Identity,
    LoadReference,
    decode,
    encode,
    record_key,
    unchecked,
)

_UID = bytes.fromhex("04a1b2c3d4e5f6")
_MASTER = bytes(range(16))
_KEY = record_key(_MASTER, _UID)
_RECORDS = st.builds(
    DebitRecord,
    st.integers(0, (1 << 20) - 1),
    st.builds(LoadReference, st.integers(0, 1), st.integers(0, 7)),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 0xFFFF),
    st.integers(0, 255),
)
_RECORD = DebitRecord(0xABCDE, LoadReference(1, 5), 0x01020304, 0x1122, 0x33)


# Refused.


@pytest.mark.parametrize("purse", [1, 2, 15])
def test_a_record_of_one_purse_is_garbage_in_another(purse: int) -> None:
    """Twelve entries are not twelve fen (hole H21)."""
    image = encode(_RECORD, _KEY, purse)
    assert decode(image, [_KEY], 0) is None
    assert decode(image, [_KEY], purse) == _RECORD


def test_a_record_of_one_card_is_garbage_on_another() -> None:
    image = encode(_RECORD, _KEY, 0)
    for uid in (bytes.fromhex("04a1b2c3d4e5f7"), _UID[:4]):
        assert decode(image, [record_key(_MASTER, uid)], 0) is None


def test_without_a_key_nothing_is_a_record() -> None:
    assert decode(encode(_RECORD, _KEY, 0), [], 0) is None


@pytest.mark.parametrize("image", [bytes(16), b"\xff" * 16, b"\xaa" * 16])
def test_a_blank_block_is_no_record(image: bytes) -> None:
    assert decode(image, [_KEY], 0) is None


@pytest.mark.parametrize("bit", range(128))
def test_every_bit_counts(bit: int) -> None:
    image = bytearray(encode(_RECORD, _KEY, 0))
    image[bit // 8] ^= 1 << bit % 8
    assert decode(bytes(image), [_KEY], 0) is None


@pytest.mark.parametrize("size", [0, 15, 17, 48])
def test_an_image_has_sixteen_bytes(size: int) -> None:
    with pytest.raises(AssertionError):
        decode(bytes(size), [_KEY], 0)


@pytest.mark.parametrize(
    "record",
    [
        DebitRecord(1 << 20, LoadReference(0, 0), 0, 1, 0),
        DebitRecord(-1, LoadReference(0, 0), 0, 1, 0),
        DebitRecord(0, LoadReference(0, 0), 1 << 32, 1, 0),
        DebitRecord(0, LoadReference(0, 0), 0, 1 << 16, 0),
        DebitRecord(0, LoadReference(0, 0), 0, 1, 256),
    ],
)
def test_a_record_that_does_not_fit_is_a_programmers_error(record: DebitRecord) -> None:
    with pytest.raises((AssertionError, OverflowError, ValueError)):
        encode(record, _KEY, 0)
    with pytest.raises(AssertionError):
        encode(_RECORD, _KEY, 16)
    with pytest.raises(AssertionError):
        LoadReference.of(2, 0)


def _torn(old: bytes, new: bytes, source: random.Random) -> bytes:
    """What an interrupted write of `new` over `old` may leave (docs/purse.md, assumption A2)."""
    blank = source.choice((bytes(16), b"\xff" * 16))
    mask = source.randbytes(16)
    cut = source.randrange(1, 16)
    match source.randrange(7):
        case 0:
            return new[:cut] + old[cut:]
        case 1:
            return new[:cut] + blank[cut:]
        case 2:
            return old[:cut] + blank[cut:]
        case 3:
            return bytes(a & b for a, b in zip(old, new, strict=True))
        case 4:
            return bytes(a | b for a, b in zip(old, new, strict=True))
        case 5:
            return bytes(a & m | b & ~m & 0xFF for a, b, m in zip(old, new, mask, strict=True))
        case _:
            return bytes(a & m | b & ~m & 0xFF for a, b, m in zip(new, blank, mask, strict=True))


def _search(seed: int, count: int) -> int:
    source = random.Random(seed)
    counter, debited, judged = 1, 0, 0
    old = bytes(16)
    while judged < count:
        amount = source.choice((0, 100, 4500))
        record = DebitRecord(
            counter, LoadReference(0, counter & 7), debited + amount, source.randrange(1, 23), judged & 0xFF
        )
        new = encode(record, _KEY, 0)
        for _ in range(40):
            image = _torn(old, new, source)
            if image not in (old, new):
                judged += 1
                assert decode(image, [_KEY], 0) is None, (seed, image.hex())
        old, counter, debited = new, counter + 3, debited + amount
    return judged


def test_a_torn_image_never_passes_for_a_record() -> None:
    assert _search(seed=7, count=24_000) >= 24_000


@pytest.mark.soak
def test_many_torn_images_never_pass_for_a_record() -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}: {_search(seed, 1_000_000)} torn images")


# Accepted.


def test_the_bytes_lie_as_documented() -> None:
    image = encode(_RECORD, _KEY, 3)
    assert image[:10].hex() == "abcded" + "01020304" + "1122" + "33"
    assert image[10:] == aes_cmac(_KEY, bytes.fromhex("520103") + image[:10])[:6]
    assert len(image) == RECORD_SIZE
    assert diversify(_MASTER, _UID + b"OCR1") == _KEY


def test_a_record_under_the_previous_key_is_still_read() -> None:
    newer = record_key(b"\x55" * 16, _UID)
    assert decode(encode(_RECORD, _KEY, 0), [newer, _KEY], 0) == _RECORD


@given(_RECORDS, st.integers(0, 15))
def test_a_record_is_read_back_from_its_bytes(record: DebitRecord, purse: int) -> None:
    image = encode(record, _KEY, purse)
    assert decode(image, [_KEY], purse) == record == unchecked(image)
    assert record.identity == Identity(record.counter, record.debited, record.terminal, record.sequence_byte)


@pytest.mark.parametrize(("copy", "load", "expected"), [(0, 8, LoadReference(0, 0)), (1, 15, LoadReference(1, 7))])
def test_a_load_reference_keeps_three_bits(copy: int, load: int, expected: LoadReference) -> None:
    assert LoadReference.of(copy, load) == expected

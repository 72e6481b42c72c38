"""Strict CBOR: one encoding for one value; whatever else is refused, by one error, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard import cbor
from onecard.cbor import BUNDLE, RECORD, BadCbor, Limits

_VALUES = st.recursive(
    st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=40) | st.text(max_size=40),
    lambda children: st.lists(children, max_size=8),
    max_leaves=30,
)
_ROOMY = Limits(size=1 << 20, items=4096, depth=64)


# Refused.


def test_every_hostile_input_is_refused(vectors: Callable[[str], dict[str, Any]]) -> None:
    for row in vectors("cbor_hostile")["refused"]:
        with pytest.raises(BadCbor):
            cbor.decode(bytes.fromhex(row["hex"]), RECORD)
            pytest.fail(row["what"])


def test_appendix_a_outside_the_profile_is_refused(vectors: Callable[[str], dict[str, Any]]) -> None:
    for row in vectors("cbor_appendix_a")["refused"]:
        with pytest.raises(BadCbor):
            cbor.decode(bytes.fromhex(row["hex"]), RECORD)
            pytest.fail(str(row))


def test_a_refusal_names_the_place_and_the_reason() -> None:
    with pytest.raises(BadCbor, match=r"at byte 2: a number is not in its shortest form") as refusal:
        cbor.decode(bytes.fromhex("82011817"), RECORD)
    assert refusal.value.offset == 2


@pytest.mark.parametrize("depth", [1, 4, 6])
def test_nesting_has_a_limit_and_an_empty_array_counts(depth: int) -> None:
    limits = Limits(size=100, items=100, depth=depth)
    deepest = bytes([0x81]) * (depth - 1) + b"\x80"
    assert cbor.decode(deepest, limits) is not None
    with pytest.raises(BadCbor, match="nest deeper"):
        cbor.decode(b"\x81" + deepest, limits)


def test_no_array_at_all_at_depth_zero() -> None:
    with pytest.raises(BadCbor, match="nest deeper"):
        cbor.decode(b"\x80", Limits(size=10, items=10, depth=0))


def test_items_have_a_limit() -> None:
    limits = Limits(size=1000, items=10, depth=1)
    assert cbor.decode(cbor.encode([0] * 9), limits) == [0] * 9
    with pytest.raises(BadCbor, match="more than 10 items"):
        cbor.decode(cbor.encode([0] * 10), limits)


def test_size_has_a_limit() -> None:
    whole = cbor.encode(bytes(997))
    assert cbor.decode(whole, Limits(size=1000, items=1, depth=0)) == bytes(997)
    with pytest.raises(BadCbor, match="1000 bytes, at most 999"):
        cbor.decode(whole, Limits(size=999, items=1, depth=0))


@pytest.mark.parametrize("raw", [b"\x00", b"\x40", b"\x61a"])
def test_an_array_is_expected(raw: bytes) -> None:
    with pytest.raises(BadCbor, match="an array is expected"):
        cbor.decode_array(raw, RECORD)


@pytest.mark.parametrize("value", [True, None, 1.0, {}, (1,), 1 << 64, -(1 << 64) - 1, [1, [False]], bytearray(1)])
def test_encoding_a_value_outside_the_profile_is_a_programmers_error(value: Any) -> None:
    with pytest.raises(AssertionError):
        cbor.encode(value)


def _bombs() -> dict[str, bytes]:
    colliding = b"".join(cbor2.dumps(k * ((1 << 61) - 1)) + b"\0" for k in range(8)) * 3600
    return {
        "map of colliding keys, 258 KB": b"\xb9\x70\x80" + colliding,
        "one million nested arrays": b"\x81" * (1 << 20) + b"\0",
        "one million nested tags": b"\xc1" * (1 << 20) + b"\0",
        "eight million zeros in an array": b"\x9a\x00\x7f\xff\xf0" + bytes(0x7FFFF0),
        "arrays that each claim the rest": b"\x9a\x00\x0f\xff\x00" * 200_000,
        "one text of 8 MB, broken at its end": b"\x7a\x00\x7f\xff\xf0" + b"a" * (0x7FFFF0 - 1) + b"\xff",
        "bignum of 1 MB": b"\xc2\x5a\x00\x10\x00\x00" + b"\xff" * (1 << 20),
        "empty strings": b"\x9a\x00\x7f\xff\xf0" + b"\x40" * 0x7FFFF0,
    }


@pytest.mark.parametrize("bomb", _bombs().items(), ids=lambda item: item[0])
def test_a_bomb_costs_no_more_than_its_limits(bomb: tuple[str, bytes]) -> None:
    started = time.process_time()
    with pytest.raises(BadCbor):
        cbor.decode(bomb[1], BUNDLE)
    assert time.process_time() - started < 0.5


# Accepted.


def test_appendix_a_inside_the_profile_is_read_and_written(vectors: Callable[[str], dict[str, Any]]) -> None:
    for row in vectors("cbor_appendix_a")["accepted"]:
        raw = bytes.fromhex(row["hex"])
        value = bytes.fromhex(row["bytes"]) if "bytes" in row else row.get("text", row.get("value"))
        assert cbor.decode(raw, RECORD) == value, row
        assert cbor.encode(value) == raw, row


@pytest.mark.parametrize("edge", [23, 24, 255, 256, 65535, 65536, (1 << 32) - 1, 1 << 32, (1 << 64) - 1])
def test_each_head_size_begins_where_the_shorter_one_ends(edge: int) -> None:
    for value in (edge, -1 - edge):
        assert cbor.decode(cbor.encode(value), RECORD) == value
    if edge <= 65536:
        for string in (bytes(edge), "a" * edge):
            assert cbor.decode(cbor.encode(string), _ROOMY) == string


@given(_VALUES)
def test_a_value_is_read_back_from_its_encoding(value: cbor.Value) -> None:
    assert cbor.decode(cbor.encode(value), _ROOMY) == value


# Anything: refused with the one error, or the one encoding of its value (more of this: tests/fuzz).


@given(st.binary(max_size=64))
def test_random_bytes_are_refused_or_reencode_to_the_same_bytes(raw: bytes) -> None:
    try:
        value = cbor.decode(raw, RECORD)
    except BadCbor:
        return
    assert cbor.encode(value) == raw

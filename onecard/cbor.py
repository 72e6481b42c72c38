"""Strict deterministic CBOR: one encoding for one value, hostile input refused in bounded time.

Profile (docs/adr/0002): unsigned and negative integers of at most 64 bits, byte strings, UTF-8 text, arrays; definite
lengths, shortest heads (RFC 8949 §4.2.1); no maps, tags, floats, simple values; the whole input is one item. So two
different byte strings never decode to the same value, and a record's bytes are its identity.

`decode` walks the heads first, in one pass over the bytes and without building anything, and only then lets cbor2
build the value. cbor2 alone accepts trailing bytes, longer heads, maps with colliding keys and tags that run code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cbor2

from onecard.errors import OnecardError

Value: TypeAlias = "int | bytes | str | list[Value]"

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY = range(5)
_IN_THE_HEAD = 24
_SMALLEST = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_NUMBERS = {
    major << 5 | info: (1 + (1 << (info - 24)), bytes(1 << (info - 25)))
    for major in (_UNSIGNED, _NEGATIVE)
    for info in (25, 26, 27)
}
"""Heads of numbers of 2, 4 and 8 bytes: size with the number; the zeros a number begins with that fits half of it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one kind of input: bytes in all, items in all, arrays within arrays."""

    size: int
    items: int
    depth: int


RECORD = Limits(size=4096, items=256, depth=4)
BUNDLE = Limits(size=8 << 20, items=65_536, depth=6)


class BadCbor(OnecardError):
    """Bytes outside the strict profile; `offset` is where the walk stopped."""

    def __init__(self, why: str, offset: int) -> None:
        self.why = why
        self.offset = offset
        super().__init__(f"not strict CBOR at byte {offset}: {why}")


def encode(value: Value) -> bytes:
    """The one encoding of `value`. A value outside the profile is a programmer's error."""
    assert _in_profile(value), value
    return cbor2.dumps(value)


def decode(raw: bytes, limits: Limits) -> Value:
    """The value of `raw`, which is exactly one item of the profile within `limits`. Raises `BadCbor`."""
    _walk(raw, limits)
    value: Value = cbor2.loads(raw)
    return value


def decode_array(raw: bytes, limits: Limits) -> list[Value]:
    """Like `decode`, for an item that must be an array."""
    value = decode(raw, limits)
    if not isinstance(value, list):
        raise BadCbor("an array is expected", 0)
    return value


def _walk(raw: bytes, limits: Limits) -> None:
    size = len(raw)
    if size > limits.size:
        raise BadCbor(f"{size} bytes, at most {limits.size} are allowed", 0)
    offset = 0
    left = items = 1  # items still expected in the array around us, or the one item that is the input; items in all
    around: list[int] = []  # what is still expected in the arrays around that one
    while left:
        left -= 1
        if offset >= size:
            raise BadCbor("the input ends too early", offset)
        head = raw[offset]
        if head < _IN_THE_HEAD:  # most of a record: a small number, whole in its head
            offset += 1
        elif (number := _NUMBERS.get(head)) is not None:
            width, padding = number
            if raw.startswith(padding, offset + 1):
                raise BadCbor("a number is not in its shortest form", offset)
            offset += width
        else:
            start = offset
            major, argument, offset = _head(raw, start)
            if major >= _BYTES and argument > size - offset:
                raise BadCbor(f"{argument} bytes or items run past the end", start)
            if major == _ARRAY:
                if len(around) == limits.depth:
                    raise BadCbor(f"arrays nest deeper than {limits.depth}", start)
                around.append(left)
                left = argument
                items += argument
                if items > limits.items:
                    raise BadCbor(f"more than {limits.items} items", start)
            elif major >= _BYTES:
                if major == _TEXT:
                    _check_text(raw, offset, argument)
                offset += argument
        while not left and around:
            left = around.pop()
    if offset > size:
        raise BadCbor("the input ends within a head", size)
    if offset != size:
        raise BadCbor(f"{size - offset} bytes follow the item", offset)


def _head(raw: bytes, offset: int) -> tuple[int, int, int]:
    """Major type, argument and the offset behind one head."""
    major, info = raw[offset] >> 5, raw[offset] & 0x1F
    if major > _ARRAY:
        raise BadCbor("maps, tags, floats and simple values are not allowed", offset)
    if info < 24:
        return major, info, offset + 1
    if info > 27:
        raise BadCbor("indefinite and reserved lengths are not allowed", offset)
    end = offset + 1 + (1 << (info - 24))
    if end > len(raw):
        raise BadCbor("the input ends within a head", offset)
    argument = int.from_bytes(raw[offset + 1 : end], "big")
    if argument < _SMALLEST[info]:
        raise BadCbor("a number is not in its shortest form", offset)
    return major, argument, end


def _check_text(raw: bytes, offset: int, size: int) -> None:
    try:
        raw[offset : offset + size].decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadCbor("a text is not UTF-8", offset) from error


def _in_profile(value: object) -> bool:
    match value:
        case bool():
            return False
        case int():
            return -(1 << 64) <= value < 1 << 64
        case bytes() | str():
            return True
        case list():
            return all(_in_profile(item) for item in value)
        case _:
            return False

"""Lies inside a valid strict CBOR item: one node is another one, or is written as the profile forbids.

A byte string that holds an array is looked into: the records in a bundle, the header in a downlink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

import cbor2

from onecard import cbor

_ROOMY = cbor.Limits(size=1 << 20, items=1 << 16, depth=16)
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY = range(5)
_EDGES = [0, 1, -1, 2, -2, 23, 24, 255, 256, 1 << 16, (1 << 64) - 1, -(1 << 63) - 1, -(1 << 64)]
_EDGES += [edge for bits in (31, 32, 37, 40, 63) for edge in ((1 << bits) - 1, 1 << bits)]
_FORBIDDEN_WORDS = (
    "f4 f5 f6 f7 e0 f818 f93c00 fb3ff0000000000000 a0 a10001 c100 c249010000000000000000 d81c00 d81d00 9fff bfff 5fff",
    "7f6161ff ff 1c 62c328 63eda080 d8234128",
)
_FORBIDDEN = [bytes.fromhex(word) for words in _FORBIDDEN_WORDS for word in words.split()]


@dataclass(frozen=True, slots=True)
class _Written:
    """A node given as bytes, whatever they are."""

    raw: bytes


_Node: TypeAlias = "int | bytes | str | _Written | list[_Node]"


def lie_inside(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """One lie at one node of `raw`; what is no item of the profile comes back as it is."""
    try:
        value = cbor.decode(raw, _ROOMY)
    except cbor.BadCbor:
        return raw
    return _write(_lied(source, value, others))


def _lied(source: Random, node: cbor.Value, others: Sequence[bytes]) -> _Node:
    if isinstance(node, list) and node and source.randrange(8):
        at = source.randrange(len(node))
        return [*node[:at], _lied(source, node[at], others), *node[at + 1 :]]
    if isinstance(node, bytes) and node[:1] >= b"\x80" and source.randrange(4):
        within = lie_inside(source, node, others)
        if within != node:
            return within
    match source.randrange(8):
        case 0:
            return _Written(source.choice(_FORBIDDEN))
        case 1:
            return _Written(_long_head(source, node))
        case 2:
            return source.choice((source.choice(_EDGES), b"", "", [], source.randbytes(8), "青", [node]))
        case 3 if others:
            return _Written(source.choice(others))
    return _near(source, node)


def _near(source: Random, node: cbor.Value) -> _Node:
    """Another value of the node's type."""
    match node:
        case int():
            return source.choice((node + 1, max(node - 1, -(1 << 64)), -1 - node, source.choice(_EDGES)))
        case bytes():
            return source.choice((node[:-1], node + b"\0", bytes(len(node)), source.randbytes(len(node)), node * 2))
        case str():
            return source.choice((node[:-1], node + "\0", node + "\U0010ffff", "\u202e" + node, node * 3, "a" * 201))
        case list():
            return source.choice(_LIST_LIES)(source, list(node))


def _drop(source: Random, items: list[_Node]) -> list[_Node]:
    del items[source.randrange(len(items)) :: max(1, len(items))]
    return items


def _say_twice(source: Random, items: list[_Node]) -> list[_Node]:
    at = source.randrange(len(items))
    return [*items[:at], items[at], *items[at:]]


def _swap(source: Random, items: list[_Node]) -> list[_Node]:
    a, b = source.randrange(len(items)), source.randrange(len(items))
    items[a], items[b] = items[b], items[a]
    return items


def _add(source: Random, items: list[_Node]) -> list[_Node]:
    return [*items, source.choice((0, b"", [], source.choice(_EDGES)))]


_LIST_LIES: tuple[Callable[[Random, list[_Node]], list[_Node]], ...] = (
    lambda source, items: _drop(source, items) if items else items,
    lambda source, items: _say_twice(source, items) if items else items,
    lambda source, items: _swap(source, items) if items else items,
    _add,
    lambda source, items: items[::-1],
    lambda source, items: items * 2,
)


def _long_head(source: Random, node: cbor.Value) -> bytes:
    """The node with a head longer than it needs, an indefinite one, or one that lies about the length."""
    raw = cbor.encode(node)
    major, info = raw[0] >> 5, raw[0] & 0x1F
    size = 1 << (info - 24) if 24 <= info <= 27 else 0
    argument = int.from_bytes(raw[1 : 1 + size], "big") if size else info
    stated = source.choice((argument, argument + 1, max(0, argument - 1), 1 << 62, (1 << 64) - 1, 1 << 31))
    width = source.choice((1, 2, 4, 8))
    head = bytes([major << 5 | 23 + width.bit_length()]) + (stated % (1 << 8 * width)).to_bytes(width, "big")
    return source.choice((head, bytes([major << 5 | source.randint(28, 31)]))) + raw[1 + size :]


def _write(node: _Node) -> bytes:
    match node:
        case _Written(raw):
            return raw
        case list():
            head = cbor2.dumps(bytes(len(node)))  # the shortest head of that length, of a byte string
            return bytes([head[0] & 0x1F | _ARRAY << 5]) + head[1 : len(head) - len(node)] + b"".join(map(_write, node))
        case _:
            return cbor2.dumps(node)


CBOR_LIES = (lie_inside,)

"""Lies about bytes of whatever layout: for fixed layouts, and after the structured lies of the others."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

_EDGES = sorted({edge for bits in (7, 8, 15, 16, 31, 32, 62, 63, 64) for edge in ((1 << bits) - 1, 1 << (bits - 1))})
_LONGEST_RUN = 32


def flip_a_bit(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """One bit, as a line or a medium does."""
    return _replaced(raw, at := _place(source, raw), 1, bytes([raw[at] ^ 1 << source.randrange(8)])) if raw else raw


def change_a_byte(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """One byte."""
    return _replaced(raw, _place(source, raw), 1, source.randbytes(1))


def state_an_edge(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """A big-endian number of 1, 2, 4 or 8 bytes becomes one at the edge of some width, or 0, or one more or less."""
    width = source.choice((1, 2, 4, 8))
    at = _place(source, raw)
    before = int.from_bytes(raw[at : at + width], "big")
    stated = source.choice((0, before + 1, before - 1, source.choice(_EDGES))) % (1 << 8 * width)
    return _replaced(raw, at, width, stated.to_bytes(width, "big"))


def cut_short(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """The end is missing."""
    return raw[: _place(source, raw)]


def go_on(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """Bytes follow the end."""
    return raw + source.choice((b"\0", source.randbytes(8), bytes(_run(source)), source.choice(others)))


def leave_out(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """A run in the middle is missing."""
    return _replaced(raw, _place(source, raw), _run(source), b"")


def say_twice(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """A run stands twice."""
    at, size = _place(source, raw), _run(source)
    return raw[: at + size] + raw[at:]


def move(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """A run stands elsewhere."""
    at, size = _place(source, raw), _run(source)
    rest = _replaced(raw, at, size, b"")
    return _replaced(rest, _place(source, rest), 0, raw[at : at + size])


def borrow(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """A run of another valid input stands in this one."""
    other = source.choice(others)
    start, size = _place(source, other), _run(source)
    return _replaced(raw, _place(source, raw), source.choice((0, size)), other[start : start + size])


def blot(source: Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """A run of one byte value, as an erased or never written block has."""
    size = _run(source)
    return _replaced(raw, _place(source, raw), size, source.choice((b"\0", b"\xff", source.randbytes(1))) * size)


BYTE_LIES = (
    flip_a_bit,
    change_a_byte,
    state_an_edge,
    state_an_edge,
    cut_short,
    go_on,
    leave_out,
    say_twice,
    move,
    borrow,
    blot,
)


def _place(source: Random, raw: bytes) -> int:
    return source.randrange(len(raw)) if raw else 0


def _run(source: Random) -> int:
    return source.randint(1, _LONGEST_RUN)


def _replaced(raw: bytes, at: int, size: int, run: bytes) -> bytes:
    return raw[:at] + run + raw[at + size :]

"""What is known of each of very many purses: sorted rows, looked up when asked for, under what changed since.

A hundred thousand purses are bytes as a checkpoint carried them, not objects: taking them up costs nothing, a look
costs a binary search. What changed since lies over them until `pack` folds it in.

A row is the purse's key and a body of one size, big-endian. A purse has as many rows as its value has bodies, side by
side, so an absent value and an empty one are the same. The key, 8 bytes: the UID with zeros to 7, then the size of the
UID in the high four bits and the purse number in the low four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

KEY_SIZE = 8

Name: TypeAlias = tuple[bytes, int]
"""UID of 4 or 7 bytes, purse number 0 … 15: a `PurseName` is one."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Body(Generic[V]):
    """How a value is told in bodies of `size` bytes: `encode` gives them joined, `decode` takes at least one."""

    size: int
    encode: Callable[[V], bytes]
    decode: Callable[[bytes], V]


class PurseRows(Generic[V]):
    """A value a purse."""

    def __init__(self, body: Body[V]) -> None:
        self._body = body
        self._row_size = KEY_SIZE + body.size
        self._rows = b""
        self._over: dict[Name, V | None] = {}

    def get(self, name: Name) -> V | None:
        """The value of a purse, None when there is none."""
        if name in self._over:
            return self._over[name]
        start, end = self._span(purse_key(name))
        return self._decoded(start, end) if start < end else None

    def put(self, name: Name, value: V | None) -> None:
        """The value of a purse from now on; None forgets it."""
        self._over[name] = value

    def clear(self) -> None:
        """No purse has a value."""
        self._rows = b""
        self._over.clear()

    def items(self) -> Iterator[tuple[Name, V]]:
        """All purses that have a value, by key."""
        rows = self.pack()
        at = 0
        while at < len(rows):
            key = rows[at : at + KEY_SIZE]
            start, at = self._span(key)
            yield key_purse(key), self._decoded(start, at)

    def pack(self) -> bytes:
        """All rows, sorted by key; what changed is among them from now on."""
        parts, at = [], 0
        for key, value in sorted((purse_key(name), value) for name, value in self._over.items()):
            start, end = self._span(key)
            bodies = b"" if value is None else self._body.encode(value)
            parts.append(self._rows[at:start])
            parts += [key + bodies[o : o + self._body.size] for o in range(0, len(bodies), self._body.size)]
            at = end
        self._rows = b"".join([*parts, self._rows[at:]])
        self._over.clear()
        return self._rows

    def take(self, rows: bytes) -> None:
        """The rows that `pack` gave, in place of everything."""
        assert len(rows) % self._row_size == 0
        self._rows = rows
        self._over.clear()

    @property
    def row_size(self) -> int:
        """Bytes of a row, key included."""
        return self._row_size

    def _span(self, key: bytes) -> tuple[int, int]:
        """Where the rows of a key begin and end."""
        rows, size = self._rows, self._row_size
        low, high = 0, len(rows) // size
        while low < high:
            middle = (low + high) // 2
            if rows[middle * size : middle * size + KEY_SIZE] < key:
                low = middle + 1
            else:
                high = middle
        start = end = low * size
        while rows[end : end + KEY_SIZE] == key:
            end += size
        return start, end

    def _decoded(self, start: int, end: int) -> V:
        rows, size = self._rows, self._row_size
        return self._body.decode(b"".join(rows[at + KEY_SIZE : at + size] for at in range(start, end, size)))


def purse_key(name: Name) -> bytes:
    """The 8 bytes under which a purse's rows are sorted."""
    uid, purse = name
    assert len(uid) in (4, 7)
    assert 0 <= purse < 16
    return uid.ljust(7, b"\0") + bytes([len(uid) << 4 | purse])


def key_purse(key: bytes) -> Name:
    """The purse of a key."""
    return key[: key[7] >> 4], key[7] & 15

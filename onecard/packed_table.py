"""A table of rows of one size as bytes, versioned: what very many cards need of a terminal's memory and of the wire.

A row begins with its key; rows are joined in ascending order of their keys, each key once. A million cards are one
byte string, not a million objects: holding it costs its size, a look is a binary search over the bytes.

Rules
- A change leads from exactly `base` to `version`. Base 0 is a snapshot, the whole table.
- Versions never go back: a change to the version held, or to one below it, is refused, a snapshot too.
- A delta is the rows that are new or changed, and the keys of those removed. It is one step: what is refused changes
  nothing, for a table is a value and `apply` gives another.
- A key removed need not be there: it may have come and gone between base and version.
- What rows may hold is a table too, `Form.allowed`, checked a column at a time; nothing that breaks it gets in.

The body of a downlink: `[rows]` in a snapshot, `[rows, removed keys]` in a delta. All are byte strings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import pairwise, starmap
from operator import lt
from struct import iter_unpack

from onecard import cbor
from onecard.errors import OnecardError


class BadTable(OnecardError):
    """Bytes that are no rows, or no change, of a table."""

    def __init__(self, table: str, why: str) -> None:
        self.table = table
        self.why = why
        super().__init__(f"{table}: {why}")


class WrongBase(OnecardError):
    """A delta from a version that is not the one held; a snapshot is needed, or what lies between."""

    def __init__(self, table: str, base: int, held: int) -> None:
        self.base = base
        self.held = held
        super().__init__(f"{table}: the change is to version {base}, held is version {held}")


class GoesBack(OnecardError):
    """A change to a version that is not above the one held."""

    def __init__(self, table: str, version: int, held: int) -> None:
        self.version = version
        self.held = held
        super().__init__(f"{table}: version {version} would follow version {held}")


@dataclass(frozen=True, slots=True)
class Form:
    """The rows of a kind of table: sizes in bytes, the least and the greatest key, and what bytes of a row may be."""

    name: str
    row_size: int
    least: bytes
    greatest: bytes
    allowed: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Place of a byte in the row → the values it may have; a place not named may have any."""

    def __post_init__(self) -> None:
        assert len(self.least) == len(self.greatest) == self.key_size
        assert 0 < self.key_size <= self.row_size
        assert all(0 <= place < self.row_size for place in self.allowed)

    @property
    def key_size(self) -> int:
        """How many bytes at the start of a row are its key."""
        return len(self.least)

    def checked(self, rows: bytes) -> bytes:
        """`rows` themselves. Raises `BadTable` when they are not whole, not in order, or not in this form."""
        if len(rows) % self.row_size:
            raise BadTable(self.name, f"{len(rows)} bytes are no rows of {self.row_size}")
        self._check_keys(rows, self.row_size)
        for place, values in self.allowed.items():
            strange = set(rows[place :: self.row_size]) - values
            if strange:
                raise BadTable(self.name, f"byte {place} of a row is {min(strange)}")
        return rows

    def checked_keys(self, keys: bytes) -> bytes:
        """`keys` themselves. Raises `BadTable` when they are not whole or not in order."""
        if len(keys) % self.key_size:
            raise BadTable(self.name, f"{len(keys)} bytes are no keys of {self.key_size}")
        self._check_keys(keys, self.key_size)
        return keys

    def _check_keys(self, rows: bytes, size: int) -> None:
        if not rows:
            return
        keys = iter_unpack(f"{self.key_size}s{size - self.key_size}x", rows)
        if not all(starmap(lt, pairwise(keys))):
            raise BadTable(self.name, "its keys do not rise")
        last = len(rows) - size
        if rows[: self.key_size] < self.least or rows[last : last + self.key_size] > self.greatest:
            raise BadTable(self.name, f"a key is not within {self.least.hex()} … {self.greatest.hex()}")


@dataclass(frozen=True, slots=True)
class TableChange:
    """A step from exactly `base` to `version`: a snapshot when `base` is 0."""

    base: int
    version: int
    rows: bytes
    removed: bytes = b""

    def body(self) -> list[cbor.Value]:
        """The body of its downlink."""
        return [self.rows, self.removed] if self.base else [self.rows]


@dataclass(frozen=True, slots=True)
class PackedTable:
    """A version of a table. Version 0 is the empty one, before anything was heard."""

    form: Form
    version: int = 0
    rows: bytes = field(default=b"", repr=False)

    def __len__(self) -> int:
        return len(self.rows) // self.form.row_size

    def __contains__(self, key: bytes) -> bool:
        return self.find(key) is not None

    def find(self, key: bytes) -> bytes | None:
        """The row of a key, None when there is none."""
        start = self._place(key)
        return self.rows[start : start + self.form.row_size] if self._is_at(start, key) else None

    def apply(self, change: TableChange) -> PackedTable:
        """The table after `change`, which `open_change` checked. Raises `WrongBase` or `GoesBack`."""
        self.check_follows(change)
        if not change.base:
            return PackedTable(self.form, change.version, change.rows)
        merged = bytearray()
        for rows in self._merged(change):
            merged += rows
        return PackedTable(self.form, change.version, bytes(merged))

    def check_follows(self, change: TableChange) -> None:
        """Whether `apply` would take the change. Raises `WrongBase` or `GoesBack`."""
        if change.version <= self.version:
            raise GoesBack(self.form.name, change.version, self.version)
        if change.base not in (0, self.version):
            raise WrongBase(self.form.name, change.base, self.version)

    def _merged(self, change: TableChange) -> Iterator[memoryview | bytes]:
        old, kept_from, key_size = memoryview(self.rows), 0, self.form.key_size
        new = ((row[:key_size], row) for row in cut(change.rows, self.form.row_size))
        gone = ((key, b"") for key in cut(change.removed, key_size))
        for key, row in merge(new, gone):
            place = self._place(key)
            yield old[kept_from:place]
            yield row
            kept_from = place + self.form.row_size if self._is_at(place, key) else place
        yield old[kept_from:]

    def _place(self, key: bytes) -> int:
        """Where the row of `key` begins or would begin."""
        size, key_size, rows = self.form.row_size, self.form.key_size, self.rows
        assert len(key) == key_size
        return size * bisect_left(range(len(self)), key, key=lambda n: rows[n * size : n * size + key_size])

    def _is_at(self, place: int, key: bytes) -> bool:
        return self.rows.startswith(key, place)


def open_change(form: Form, base: int, version: int, body: Sequence[cbor.Value]) -> TableChange:
    """The checked change of a downlink that leads from `base` to `version`. Raises `BadTable`."""
    assert 0 <= base < version  # as a downlink's header guarantees
    match base, list(body):
        case 0, [bytes(rows)]:
            return TableChange(base, version, form.checked(rows))
        case _, [bytes(rows), bytes(removed)] if base:
            _check_apart(form, form.checked(rows), form.checked_keys(removed))
            return TableChange(base, version, rows, removed)
    raise BadTable(form.name, "a snapshot is its rows, a delta its rows and the keys removed")


def _check_apart(form: Form, rows: bytes, removed: bytes) -> None:
    both = {row[: form.key_size] for row in cut(rows, form.row_size)}.intersection(cut(removed, form.key_size))
    if both:
        raise BadTable(form.name, f"key {min(both).hex()} is changed and removed")


def cut(joined: bytes, size: int) -> Iterator[bytes]:
    """The pieces of `size` bytes that were joined."""
    return (joined[at : at + size] for at in range(0, len(joined), size))

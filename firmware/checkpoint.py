"""A checkpoint: the books as they stood after one record, in bytes (docs/formats/checkpoint.md).

The journal stays the one truth. A checkpoint only saves a start from reading it all: books from a checkpoint and the
records after it equal the books of the whole journal. It names its record by sequence and chain tag, so that it
speaks for no other journal; a keyed BLAKE2s over all of it says that this terminal wrote it and nothing changed since.

Certificates are not in it: they come again from the inbox and from cards. The packed tables are kept by themselves
(firmware/packed_shelf.py). Numbers are big-endian and unsigned.
"""

from __future__ import annotations

import hmac
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from hashlib import blake2s
from typing import Any, Protocol

from firmware.backlog import Backlog, Unsent
from firmware.books import Books
from firmware.logbook import Shop
from firmware.purse_memory import SALES, OpenSale, PurseMemory
from firmware.shift import ShiftBook, Totals
from firmware.table_sync import TableSync
from onecard.downlink import Table
from onecard.errors import OnecardError
from onecard.identity import CardNumber, DayNumber
from onecard.keys import KeyRing
from onecard.kinds import Purpose
from onecard.records import BadRecord, Intent, RecordKind, decode_record, encode_record

MAGIC, VERSION = b"OCCKPT", 2
MAC_SIZE = 16
_TAG_SIZE = 8
_NAME = struct.Struct(">6sHHxxQ8s")
_FACTS = struct.Struct(">QBxxxQ8sQIIIHxxQIQIQI")
_COUNT = struct.Struct(">I")
_PAIR = struct.Struct(">QQ")
_STEP = struct.Struct(">QQQ")
_UNSENT = struct.Struct(">QQI?")
_PENDING = struct.Struct(">QH")


class BadCheckpoint(OnecardError):
    """Bytes that are no checkpoint of this terminal; `why` says in what."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"no checkpoint of this terminal: {why}")


@dataclass(frozen=True, slots=True)
class Place:
    """The record through which a checkpoint tells: its sequence and 8-byte chain tag."""

    sequence: int
    tag: bytes


def checkpoint_key(chain_key: bytes) -> bytes:
    """The 32-byte key of checkpoints: keyed BLAKE2s of "onecard checkpoint" under the terminal's chain key."""
    return blake2s(b"onecard checkpoint", key=chain_key).digest()


def encode(books: Books, tag: bytes, key: bytes) -> bytes:
    """The books through their last record, whose chain tag is `tag`, under the `checkpoint_key`."""
    assert len(tag) == _TAG_SIZE
    memory, shift, backlog = books.memory, books.shift, books.backlog
    safe, safe_tag = books.safe
    facts = _FACTS.pack(
        books.last_at,
        books.last_kind,
        safe,
        safe_tag,
        backlog.received,
        backlog.generation,
        shift.number,
        shift.shop.shift,
        shift.shop.business_day,
        shift.shop.operator,
        *astuple(shift.totals),
    )
    parts = [
        _NAME.pack(MAGIC, VERSION, memory.terminal, books.sequence, tag),
        facts,
        *_rows(_PAIR.pack(table, version) for table, version in sorted(books.applied.items())),
        *_rows(_STEP.pack(*step) for step in _steps(memory.sync)),
        *_rows(_PAIR.pack(*gap) for gap in sorted(books.gaps)),
        *_rows(_PAIR.pack(*sale) for sale in shift.pending.items()),
        *_rows(_UNSENT.pack(*unsent) for unsent in backlog.unsent),
        *_rows(_pending(*open_intent) for open_intent in memory.pending.items()),
    ]
    for purses in _purse_rows(memory):
        rows = purses.pack()
        parts += [_COUNT.pack(len(rows) // purses.row_size), rows]
    content = b"".join(parts)
    return content + _mac(content, key)


def place_of(raw: bytes, terminal: int, key: bytes) -> Place:
    """The record through which a checkpoint tells. Raises `BadCheckpoint` unless it is whole, and this terminal's."""
    if len(raw) < _NAME.size + MAC_SIZE:
        raise BadCheckpoint(f"it has {len(raw)} bytes")
    magic, version, number, sequence, tag = _NAME.unpack_from(raw)
    if magic != MAGIC:
        raise BadCheckpoint("it does not begin like one")
    if version != VERSION:
        raise BadCheckpoint(f"version {version} is not known")
    if number != terminal:
        raise BadCheckpoint(f"it is that of terminal {number}")
    if not hmac.compare_digest(raw[-MAC_SIZE:], _mac(memoryview(raw)[:-MAC_SIZE], key)):
        raise BadCheckpoint("it is damaged, or another key wrote it")
    return Place(sequence, tag)


def decode(raw: bytes, terminal: int, keys: KeyRing) -> Books:
    """The books of bytes that `place_of` found good. Raises `BadCheckpoint`."""
    reader = _Reader(raw[:-MAC_SIZE])
    try:
        return _books(reader, PurseMemory(terminal, keys))
    except (struct.error, ValueError, BadRecord) as error:
        raise BadCheckpoint(str(error)) from error


def _books(reader: _Reader, memory: PurseMemory) -> Books:
    *_, sequence, _ = reader.fields(_NAME)
    last_at, kind, safe, safe_tag, received, generation, number, *shift = reader.fields(_FACTS)
    opened, day, operator, *totals = shift
    shop = Shop(opened, DayNumber(day), CardNumber(operator))
    applied = {Table(table): version for table, version in reader.rows(_PAIR)}
    for table, in_force, awaited in reader.rows(_STEP):
        if in_force:
            memory.sync.in_force[Table(table)] = in_force
        if awaited:
            memory.sync.awaited[Table(table)] = awaited
    gaps = {(first, last) for first, last in reader.rows(_PAIR)}
    sales = dict(reader.rows(_PAIR))
    unsent = deque(map(Unsent._make, reader.rows(_UNSENT)))
    for _ in range(reader.count()):
        intent_sequence, size = reader.fields(_PENDING)
        intent = decode_record(RecordKind.INTENT, reader.take(size))
        assert isinstance(intent, Intent)
        memory.pending[intent_sequence] = intent
        if Purpose(intent.purpose) in SALES:
            memory.open_sale = OpenSale(intent_sequence, intent)
    for purses in _purse_rows(memory):
        purses.take(reader.take(reader.count() * purses.row_size))
    reader.end()
    return Books(
        memory,
        sequence,
        ShiftBook(number, shop, Totals(*totals), sales),
        Backlog(received, generation, unsent, sum(each.fen for each in unsent)),
        applied,
        last_at,
        RecordKind(kind),
        (safe, safe_tag if safe else b""),
        gaps,
    )


class _PurseRows(Protocol):
    """A `PurseRows` of whatever value."""

    @property
    def row_size(self) -> int: ...

    def pack(self) -> bytes: ...

    def take(self, rows: bytes) -> None: ...


class _Reader:
    """Takes bytes from the front; what is not there raises `struct.error`."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def fields(self, shape: struct.Struct) -> tuple[Any, ...]:
        return shape.unpack(self.take(shape.size))

    def count(self) -> int:
        return int.from_bytes(self.take(_COUNT.size), "big")

    def rows(self, shape: struct.Struct) -> Iterator[tuple[Any, ...]]:
        return shape.iter_unpack(self.take(self.count() * shape.size))

    def take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._raw):
            raise struct.error(f"{size} bytes are missing at byte {start}")
        return self._raw[start : self._at]

    def end(self) -> None:
        if self._at != len(self._raw):
            raise struct.error(f"{len(self._raw) - self._at} bytes are left over")


def _purse_rows(memory: PurseMemory) -> tuple[_PurseRows, ...]:
    return memory.known_bounds, memory.known_on_card, memory.known_spent, memory.known_unresolved


def _steps(sync: TableSync) -> Iterator[tuple[Table, int, int]]:
    for table in sorted(sync.in_force.keys() | sync.awaited.keys()):
        yield table, sync.in_force.get(table, 0), sync.awaited.get(table, 0)


def _rows(rows: Iterable[bytes]) -> tuple[bytes, bytes]:
    told = list(rows)
    return _COUNT.pack(len(told)), b"".join(told)


def _pending(sequence: int, intent: Intent) -> bytes:
    _, payload = encode_record(intent)
    return _PENDING.pack(sequence, len(payload)) + payload


def _mac(content: bytes | memoryview, key: bytes) -> bytes:
    return blake2s(content, digest_size=MAC_SIZE, key=key).digest()

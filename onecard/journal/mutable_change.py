"""Changes to tables, and the frames they travel in. Pure.

An operation is a list of changes that hold together: all of them or none. It becomes a run of frames; the first field
of each payload counts how many frames of the operation still follow, so that 0 closes it. Payloads are strict CBOR
arrays (docs/formats/tables.md):

    PUT       [left, table, id, document]  the document's UTF-8 JSON, or its beginning
    MORE      [left, document]             the document of the PUT before goes on
    DEL       [left, table, id]
    CLEAR     [left, table]
    TABLE     [left, table, next id]       the table is listed; no id below is given out again
    DROP      [left, table]                as CLEAR, and the table is listed no longer
    SNAPSHOT  [0]                          what lies before it in this file is the whole state
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import TypeAlias

from onecard.cbor import RECORD, BadCbor, Value, decode, encode
from onecard.errors import OnecardError

MAX_ID = (1 << 63) - 1
MAX_NAME_SIZE = 200
CHUNK = 3_840  # of a document in one frame: with the rest of the payload always below 4096


@unique
class ChangeKind(IntEnum):
    """The kind byte of a frame of tables, apart from every `RecordKind`. Wire numbers never change."""

    PUT = 0xE1
    MORE = 0xE2
    DEL = 0xE3
    CLEAR = 0xE4
    TABLE = 0xE5
    DROP = 0xE6
    SNAPSHOT = 0xE7


@dataclass(frozen=True, slots=True)
class Put:
    """Document `number` of `table` is now `document`, UTF-8 JSON of an object."""

    table: str
    number: int
    document: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Document `number` is gone; its number is not given out again."""

    table: str
    number: int


@dataclass(frozen=True, slots=True)
class Clear:
    """The table is empty."""

    table: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The table exists, and its next new document has a number of at least `next_number`."""

    table: str
    next_number: int


@dataclass(frozen=True, slots=True)
class Drop:
    """The table is empty and not listed; its numbers are remembered."""

    table: str


Change: TypeAlias = Put | Delete | Clear | Listed | Drop
Payload: TypeAlias = tuple[ChangeKind, bytes]


class BadChange(OnecardError):
    """The payload of a whole frame is no change, or one that cannot come here."""

    def __init__(self, kind: int, why: str) -> None:
        self.kind = kind
        self.why = why
        super().__init__(f"change of kind {kind:#04x}: {why}")


def encode_operation(changes: Sequence[Change]) -> list[Payload]:
    """The frames' kinds and payloads of an operation, in order; none is longer than 4096 bytes."""
    parts = [part for change in changes for part in _parts(change)]
    return [(kind, encode([left, *fields])) for left, (kind, fields) in zip(_counts_down(parts), parts, strict=True)]


SNAPSHOT: Payload = (ChangeKind.SNAPSHOT, encode([0]))


class Operations:
    """Payloads read in order become operations again; one that power cut short stays `unfinished`."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._left = 0

    @property
    def unfinished(self) -> bool:
        """Whether the last payload promised more."""
        return self._left > 0

    def add(self, kind: int, payload: bytes) -> list[Change] | None:
        """The operation that this payload closes, [] for SNAPSHOT, None while more follow. Raises `BadChange`."""
        try:
            match ChangeKind(kind), decode(payload, RECORD):
                case of, [int(left), *fields] if left >= 0:
                    self._take(of, left, fields)
                case _:
                    raise BadChange(kind, "it is no array that begins with a count")
        except (ValueError, BadCbor) as error:
            raise BadChange(kind, str(error)) from error
        if self._left:
            return None
        changes, self._changes = self._changes, []
        return changes

    def _take(self, kind: ChangeKind, left: int, fields: list[Value]) -> None:
        if self._left and left != self._left - 1:
            raise BadChange(kind, f"{left} frames are to follow, not {self._left - 1}")
        if kind is ChangeKind.SNAPSHOT:
            if self._left or left or fields:
                raise BadChange(kind, "a snapshot ends between operations")
        elif kind is ChangeKind.MORE:
            self._continue(kind, fields)
        else:
            self._changes.append(_change(kind, fields))
        self._left = left

    def _continue(self, kind: ChangeKind, fields: list[Value]) -> None:
        match self._changes, fields:
            case [*_, Put() as put], [bytes(document)]:
                self._changes[-1] = Put(put.table, put.number, put.document + document)
            case _:
                raise BadChange(kind, "it continues no document")


def _counts_down(parts: Sequence[object]) -> Iterator[int]:
    return iter(range(len(parts) - 1, -1, -1))


def _parts(change: Change) -> list[tuple[ChangeKind, list[Value]]]:
    match change:
        case Put(table, number, document):
            pieces = [document[at : at + CHUNK] for at in range(0, len(document), CHUNK)]
            more: list[tuple[ChangeKind, list[Value]]] = [(ChangeKind.MORE, [piece]) for piece in pieces[1:]]
            return [(ChangeKind.PUT, [table, number, pieces[0]]), *more]
        case Delete(table, number):
            return [(ChangeKind.DEL, [table, number])]
        case Clear(table):
            return [(ChangeKind.CLEAR, [table])]
        case Listed(table, next_number):
            return [(ChangeKind.TABLE, [table, next_number])]
        case Drop(table):
            return [(ChangeKind.DROP, [table])]


def _change(kind: ChangeKind, fields: list[Value]) -> Change:
    match kind, fields:
        case ChangeKind.PUT, [str(table), int(number), bytes(document)]:
            return Put(table, number, document)
        case ChangeKind.DEL, [str(table), int(number)]:
            return Delete(table, number)
        case ChangeKind.CLEAR, [str(table)]:
            return Clear(table)
        case ChangeKind.TABLE, [str(table), int(next_number)]:
            return Listed(table, next_number)
        case ChangeKind.DROP, [str(table)]:
            return Drop(table)
        case _:
            raise BadChange(kind, "its fields are not those of its kind")

"""Tables in memory: what the changes so far add up to. Pure.

A document is kept as its JSON bytes, so what is handed out is always decoded afresh: nobody holds a reference into
the store. A number that was used is remembered when its document, and even when its table, is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from onecard.journal.frame import OVERHEAD
from onecard.journal.mutable_change import (
    CHUNK,
    MAX_ID,
    MAX_NAME_SIZE,
    SNAPSHOT,
    BadChange,
    Change,
    ChangeKind,
    Clear,
    Delete,
    Drop,
    Listed,
    Payload,
    Put,
    encode_operation,
)

Fields: TypeAlias = dict[str, Any]
_AROUND = OVERHEAD + 24  # the most that a frame of a snapshot takes besides name and document


def encode_document(document: Mapping[str, Any]) -> bytes:
    """The document's UTF-8 JSON. What JSON would not give back as it is — tuples, keys that are no text — is refused.

    Raises `TypeError`, `ValueError` (NaN, infinity, half a surrogate pair), as TinyDB's own storage does.
    """
    fields = dict(document)
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if json.loads(text) != fields:
        raise TypeError(f"JSON would change this document: {text}; use text keys and lists")
    return text.encode()


def decode_document(raw: bytes) -> Fields:
    """A fresh copy of a stored document."""
    fields: Fields = json.loads(raw)
    return fields


@dataclass(slots=True)
class _Table:
    documents: dict[int, bytes] = field(default_factory=dict)
    next_number: int = 1
    listed: bool = True
    weight: int = 0  # of the documents

    def copy(self) -> _Table:
        return _Table(self.documents.copy(), self.next_number, self.listed, self.weight)


class TableState:
    """Every table's documents, in the order in which they were first put."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}

    def names(self) -> list[str]:
        """The listed tables, in the order of their making."""
        return [name for name, table in self._tables.items() if table.listed]

    def documents(self, name: str) -> Mapping[int, bytes]:
        """Number → JSON of a table's documents; nothing for a table that is not listed."""
        return self._tables[name].documents if name in self._tables else {}

    def next_number(self, name: str) -> int:
        """The lowest number never used in this table."""
        return self._tables[name].next_number if name in self._tables else 1

    @property
    def weight(self) -> int:
        """Bytes that `snapshot` takes in frames, or a few more."""
        tables = sum(2 * (_AROUND + len(name.encode())) + table.weight for name, table in self._tables.items())
        return _AROUND + tables

    def after(self, changes: Sequence[Change]) -> TableState:
        """The state that `changes` lead to; this one stays as it is. Raises `BadChange`."""
        state = TableState()
        state._tables = self._tables.copy()
        for name in {change.table for change in changes}:
            if name in state._tables:
                state._tables[name] = state._tables[name].copy()
        state.apply(changes)
        return state

    def apply(self, changes: Iterable[Change]) -> None:
        """Makes the changes in place. Raises `BadChange` for one that does not fit; those before it are made."""
        for change in changes:
            match change:
                case Put(name, number, document):
                    self._put(name, number, document)
                case Delete(name, number):
                    table = self._listed(name, ChangeKind.DEL)
                    if number not in table.documents:
                        raise BadChange(ChangeKind.DEL, f"table {name!r} has no document {number}")
                    table.weight -= _weight(name, table.documents.pop(number))
                case Clear(name):
                    self._empty(name, ChangeKind.CLEAR)
                case Listed(name, next_number):
                    if len(name.encode()) > MAX_NAME_SIZE:
                        raise BadChange(ChangeKind.TABLE, f"a table's name has at most {MAX_NAME_SIZE} bytes of UTF-8")
                    table = self._tables.setdefault(name, _Table())
                    table.listed = True
                    table.next_number = max(table.next_number, next_number)
                case Drop(name):
                    self._empty(name, ChangeKind.DROP).listed = False

    def snapshot(self) -> list[Payload]:
        """Payloads that, applied to nothing, give this state; closed by SNAPSHOT."""
        payloads: list[Payload] = []
        for name, table in self._tables.items():
            payloads += encode_operation([Listed(name, table.next_number)])
            for number, document in table.documents.items():
                payloads += encode_operation([Put(name, number, document)])
            if not table.listed:
                payloads += encode_operation([Drop(name)])
        return [*payloads, SNAPSHOT]

    def _put(self, name: str, number: int, document: bytes) -> None:
        table = self._listed(name, ChangeKind.PUT)
        if not 0 <= number <= MAX_ID:
            raise BadChange(ChangeKind.PUT, f"id {number} is not in 0 … {MAX_ID}")
        if number in table.documents:
            table.weight -= _weight(name, table.documents[number])
        table.weight += _weight(name, document)
        table.documents[number] = document
        table.next_number = max(table.next_number, number + 1)

    def _empty(self, name: str, kind: ChangeKind) -> _Table:
        table = self._listed(name, kind)
        table.documents.clear()
        table.weight = 0
        return table

    def _listed(self, name: str, kind: ChangeKind) -> _Table:
        table = self._tables.get(name)
        if table is None or not table.listed:
            raise BadChange(kind, f"there is no table {name!r}")
        return table


def _weight(name: str, document: bytes) -> int:
    frames = -(-len(document) // CHUNK)
    return len(document) + frames * (_AROUND + len(name.encode()))

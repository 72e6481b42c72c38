"""TinyDB over the journal: its questions, never a second truth.

    db = journal_db(journal)
    db.table("records").search((where("kind") == "OUTCOME") & (where("intent") == 7))

A document is `records.document` of a record plus its `epoch` and `sequence`; its id is the sequence. Documents are
decoded from the file when asked for, so what is handed out is always a copy. An insert is one append, however long the
journal. Whatever would change the past raises `AppendOnly`. Nothing is cached.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeAlias

from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

from onecard.journal.errors import AppendOnly
from onecard.journal.journal import Journal
from onecard.journal.walk import Entry
from onecard.records import SCHEMAS, Record, RecordKind, decode_record, document, encode_record

RECORDS = "records"
Fields: TypeAlias = dict[str, Any]
_NAMED = frozenset({"kind", "epoch", "sequence"})


def entry_document(entry: Entry) -> Fields:
    """The document of an entry: kind, epoch, sequence, then the record's fields. Raises `BadRecord`.

    BOOT's own field `epoch` is the epoch of its entry.
    """
    fields = document(decode_record(entry.kind, entry.payload))
    return {"kind": fields.pop("kind"), "epoch": entry.name.epoch, "sequence": entry.name.sequence} | fields


class Documents(Mapping[str, Fields]):
    """The journal as TinyDB's raw table: id text → document, decoded at each look."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __getitem__(self, key: str) -> Fields:
        return entry_document(self._journal.entry(int(key)))

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self._journal.first_sequence, self._journal.next_sequence))

    def __len__(self) -> int:
        return self._journal.next_sequence - self._journal.first_sequence

    def items(self) -> ItemsView[str, Fields]:
        """In sequence, reading each segment once."""
        return _Items(self)

    def stream(self) -> Iterator[tuple[str, Fields]]:
        """What `items` iterates."""
        return ((str(entry.name.sequence), entry_document(entry)) for entry in self._journal.entries())


class _Items(ItemsView[str, Fields]):
    _mapping: Documents

    def __iter__(self) -> Iterator[tuple[str, Fields]]:
        return self._mapping.stream()


class JournalStorage(Storage):
    """The journal as TinyDB's storage: one table, `records`. Closing the database leaves the journal open."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def read(self) -> dict[str, Any]:
        """The one table."""
        return {RECORDS: Documents(self.journal)}

    def write(self, data: dict[str, dict[str, Any]]) -> NoReturn:
        """Refused: rewriting the database is what this storage is there to prevent."""
        raise AppendOnly("rewriting the database")


class JournalTable(Table):
    """The table `records`: insert and questions; nothing else."""

    def __init__(self, storage: Storage, name: str, cache_size: int = 0, persist_empty: bool = False) -> None:
        assert name == RECORDS, f"the journal has the one table {RECORDS!r}"
        assert isinstance(storage, JournalStorage)
        assert cache_size == 0 and not persist_empty
        super().__init__(storage, name, cache_size=0)
        self._journal = storage.journal

    def insert(self, document: Mapping[str, Any]) -> int:
        """One durable append; returns the sequence. `document` holds `kind` and exactly the fields of that record."""
        assert not isinstance(document, Document), "the journal numbers its records"
        kind, payload = encode_record(_record(document))
        return self._journal.append(kind, payload, durable=True).sequence

    def insert_multiple(self, documents: Iterable[Mapping[str, Any]]) -> list[int]:
        """One append each; all durable on return, in one flush."""
        records = [encode_record(_record(document)) for document in documents]
        sequences = [self._journal.append(kind, payload, durable=False).sequence for kind, payload in records]
        self._journal.flush()
        return sequences

    def search(self, cond: QueryLike) -> list[Document]:
        """The records that answer `cond`, in sequence."""
        return list(self._found(cond))

    def count(self, cond: QueryLike) -> int:
        """How many records answer `cond`; holds none of them."""
        return sum(1 for _ in self._found(cond))

    def update(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly("update")

    def update_multiple(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly("update_multiple")

    def upsert(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly("upsert")

    def remove(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly("remove")

    def truncate(self) -> NoReturn:
        """Refused."""
        raise AppendOnly("truncate")

    def _found(self, cond: QueryLike) -> Iterator[Document]:
        return (doc for doc in self if cond(doc))

    def _update_table(self, updater: Callable[..., None]) -> NoReturn:
        raise AppendOnly("changing the table")


class JournalDB(TinyDB):
    """A TinyDB whose default and only table is `records`."""

    table_class = JournalTable
    default_table_name = RECORDS


def journal_db(journal: Journal) -> JournalDB:
    """The TinyDB view of an open journal."""
    return JournalDB(journal, storage=JournalStorage)


def _record(document: Mapping[str, Any]) -> Record:
    kind = RecordKind[document["kind"]]
    schema = SCHEMAS[kind, max(version for of, version in SCHEMAS if of is kind)]
    assert kind is not RecordKind.BOOT, "BOOT is the journal's own"
    names = {field.name for field in dataclasses.fields(schema)}
    fields = {name: value for name, value in document.items() if name not in _NAMED - names}
    return schema(**fields)

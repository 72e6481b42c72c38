"""TinyDB over tables that may change, told as frames instead of a file rewritten.

    db = tables_db(mutable_journal)
    db.table("config").upsert({"key": "language", "value": "zh"}, where("key") == "language")

One verb is one operation of the journal: durable when it returns, all or nothing. Results are copies. A number is
never given to a second document, after removal, dropping and reopening either; with `reuse_ids` TinyDB's own rule
holds instead: the highest one present and one more.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, ItemsView, Iterator, Mapping, MutableMapping
from typing import Any, cast

from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

from onecard.journal.mutable_change import Change, Clear, Delete, Drop, Listed, Put
from onecard.journal.mutable_journal import MutableJournal
from onecard.journal.mutable_state import Fields, decode_document, encode_document


class Documents(Mapping[str, Fields]):
    """A table as TinyDB reads one: id text → document, decoded at each look, as it is at that moment."""

    def __init__(self, journal: MutableJournal, name: str) -> None:
        self._journal = journal
        self.name = name

    def __getitem__(self, key: str) -> Fields:
        if not key.isdecimal() or key != str(int(key)):
            raise KeyError(key)
        return decode_document(self._raw[int(key)])

    def __iter__(self) -> Iterator[str]:
        return iter([str(number) for number in self._raw])

    def __len__(self) -> int:
        return len(self._raw)

    def items(self) -> ItemsView[str, Fields]:
        """The documents present when the iteration begins."""
        return _Items(self)

    def stream(self) -> Iterator[tuple[str, Fields]]:
        """What `items` iterates."""
        return ((str(number), decode_document(raw)) for number, raw in self._raw.items())

    def is_of(self, journal: MutableJournal, name: str) -> bool:
        """Whether it shows that table of that journal, and so never differs from it."""
        return self._journal is journal and self.name == name

    @property
    def _raw(self) -> Mapping[int, bytes]:
        return self._journal.state.documents(self.name)


class _Items(ItemsView[str, Fields]):
    _mapping: Documents

    def __iter__(self) -> Iterator[tuple[str, Fields]]:
        return self._mapping.stream()


class MutableStorage(Storage):
    """A mutable journal as TinyDB's storage. Closing the database leaves the journal open."""

    def __init__(self, journal: MutableJournal, *, reuse_ids: bool = False) -> None:
        self.journal = journal
        self.reuse_ids = reuse_ids

    def read(self) -> dict[str, Any]:
        """Every listed table; the outer dict is the caller's own."""
        return {name: Documents(self.journal, name) for name in self.journal.state.names()}

    def write(self, data: Mapping[str, Mapping[Any, Mapping[str, Any]]]) -> None:
        """Makes the tables be `data`, in one operation of what differs. Raises as `MutableJournal.commit` does."""
        changes: list[Change] = [Drop(name) for name in self.journal.state.names() if name not in data]
        for name, table in data.items():
            if not (isinstance(table, Documents) and table.is_of(self.journal, name)):
                changes += self._differences(name, table)
        self.journal.commit(changes)

    def _differences(self, name: str, table: Mapping[Any, Mapping[str, Any]]) -> list[Change]:
        draft = Draft(self.journal, name)
        wanted = {int(number): document for number, document in table.items()}
        for number in [number for number in draft if number not in wanted]:
            del draft[number]
        for number, document in wanted.items():
            draft.put(number, dict(document))
        return draft.changes()


class Draft(MutableMapping[int, Fields]):
    """A table while TinyDB changes it: what was looked at or set is here, the rest still in the journal."""

    def __init__(self, journal: MutableJournal, name: str, *, reuse_ids: bool = True) -> None:
        self._name = name
        self._raw = journal.state.documents(name)
        self._listed = name in journal.state.names()
        self._lowest_new = 0 if reuse_ids else journal.state.next_number(name)
        self._open: dict[int, Fields] = {}
        self._gone: set[int] = set()
        self._cleared = False

    def __getitem__(self, number: int) -> Fields:
        if number not in self._open:
            if number in self._gone or self._cleared:
                raise KeyError(number)
            self._open[number] = decode_document(self._raw[number])
        return self._open[number]

    def __setitem__(self, number: int, document: Fields) -> None:
        """TinyDB sets new documents only. Raises `ValueError` for a number that is, or ever was, another's."""
        if number in self:
            raise ValueError(f"Document with ID {number} already exists")
        if number < self._lowest_new:
            raise ValueError(f"ID {number} may have been another document's; the first unused is {self._lowest_new}")
        self.put(number, document)

    def put(self, number: int, document: Fields) -> None:
        """Sets the document, old or new."""
        self._gone.discard(number)
        self._open[number] = document

    def __delitem__(self, number: int) -> None:
        if number not in self:
            raise KeyError(number)
        self._open.pop(number, None)
        self._gone.add(number)

    def __contains__(self, number: object) -> bool:
        return number in self._open or (number in self._raw and number not in self._gone and not self._cleared)

    def __iter__(self) -> Iterator[int]:
        kept = [] if self._cleared else [number for number in self._raw if number not in self._gone]
        return iter([*kept, *(number for number in self._open if self._cleared or number not in self._raw)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Removes all."""
        self._open.clear()
        self._gone.clear()
        self._cleared = True

    def changes(self) -> list[Change]:
        """What differs from the journal. Raises `TypeError`, `ValueError` for what JSON does not hold."""
        changes: list[Change] = [] if self._listed else [Listed(self._name, 1)]
        if self._cleared and self._raw:
            changes.append(Clear(self._name))
        before = {} if self._cleared else self._raw
        changes += [Delete(self._name, number) for number in self._raw if number in self._gone and number in before]
        for number, document in self._open.items():
            raw = encode_document(document)
            if before.get(number) != raw:
                changes.append(Put(self._name, number, raw))
        return changes


class MutableTable(Table):
    """A table of a mutable journal."""

    def __init__(self, storage: Storage, name: str, cache_size: int = 10, persist_empty: bool = False) -> None:
        assert isinstance(storage, MutableStorage)
        self._journal = storage.journal
        self._reuse_ids = storage.reuse_ids
        self._version = storage.journal.version
        self._handed_out = 0
        super().__init__(storage, name, cache_size=cache_size)
        if persist_empty and name not in self._journal.state.names():  # TinyDB would empty a table that is there
            self._journal.commit([Listed(name, 1)])

    def search(self, cond: QueryLike) -> list[Document]:
        """The documents that answer `cond`: copies, and never those of a cache that the journal has outrun."""
        if self._version != self._journal.version:
            self.clear_cache()
            self._version = self._journal.version
        return copy.deepcopy(super().search(cond))

    def _get_next_id(self) -> int:
        if self._reuse_ids:
            return cast(int, super()._get_next_id())  # type: ignore[no-untyped-call]
        self._handed_out = max(self._handed_out + 1, self._journal.state.next_number(self.name))
        return self._handed_out

    def _update_table(self, updater: Callable[[dict[int, Mapping[str, Any]]], None]) -> None:
        draft = Draft(self._journal, self.name, reuse_ids=self._reuse_ids)
        updater(cast("dict[int, Mapping[str, Any]]", draft))
        self._journal.commit(draft.changes())
        self.clear_cache()


class MutableDB(TinyDB):
    """A TinyDB of mutable tables."""

    table_class = MutableTable

    def replace(self, name: str, documents: Mapping[int, Mapping[str, Any]]) -> None:
        """Makes a table be `documents`, by number, in one operation of what differs."""
        assert isinstance(self.storage, MutableStorage)
        self.storage.write({**self.storage.read(), name: documents})


def tables_db(journal: MutableJournal, *, reuse_ids: bool = False) -> MutableDB:
    """The TinyDB view of an open mutable journal. `reuse_ids` is TinyDB's numbering, for what was written for it."""
    return MutableDB(journal, reuse_ids=reuse_ids, storage=MutableStorage)

"""What lies on a terminal's storage beside the journal: checkpoints, packed tables and the inbox as the product reads
them.

`Shelf`, `PackedShelf` and `Inbox` are the product's; only where their files lie differs. A file is replaced whole or
not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from firmware import checkpoint, packed_shelf
from firmware.books import Books
from firmware.checkpoint import BadCheckpoint, Place
from firmware.inbox import Inbox, Word
from firmware.packed_shelf import BadKept, Kept, PackedShelf
from firmware.shelf import GENERATIONS, Shelf
from onecard.downlink import Acknowledgement, Header, Table
from onecard.errors import OnecardError
from onecard.inbox_names import (
    ACKNOWLEDGEMENT,
    PACKED_TABLES,
    SNAPSHOT_TABLES,
    chunk_name,
    named_version,
    table_name,
)
from onecard.table_versions import follows
from tools.fleet.disk import MemoryDisk

DIRECTORY = Path("/fleet")
"""Where the files would lie; nothing is read or written there."""


@dataclass(slots=True)
class Storage:
    """One terminal's card: the journal's disk, the checkpoints, the packed tables, the inbox."""

    disk: MemoryDisk = field(default_factory=MemoryDisk)
    shelf: dict[str, bytes] = field(default_factory=dict)
    packed: dict[str, bytes] = field(default_factory=dict)
    inbox: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """A copy of it."""

    journal: dict[str, bytes]
    shelf: dict[str, bytes]
    packed: dict[str, bytes]
    inbox: dict[str, bytes]

    @classmethod
    def of(cls, storage: Storage) -> Image:
        return cls(storage.disk.copy(), dict(storage.shelf), dict(storage.packed), dict(storage.inbox))

    def put_back(self, storage: Storage) -> None:
        """The whole card is as it was."""
        storage.disk.restore(self.journal)
        storage.shelf = dict(self.shelf)
        storage.packed = dict(self.packed)
        storage.inbox = dict(self.inbox)


class MemoryShelf(Shelf):
    """`Shelf` whose files are a storage's."""

    def __init__(self, storage: Storage, terminal: int, key: bytes) -> None:
        super().__init__(DIRECTORY / "checkpoints", terminal, key)
        self._storage = storage

    def newest(self) -> Iterator[tuple[Place, bytes]]:
        for name in sorted(self._storage.shelf, reverse=True):
            raw = self._storage.shelf[name]
            try:
                place = checkpoint.place_of(raw, self._terminal, self._key)
            except BadCheckpoint as error:
                self.refused[name] = str(error)
                continue
            self._proved.add(place)
            yield place, raw

    def put(self, books: Books, tag: bytes) -> None:
        place = Place(books.sequence, tag)
        self._storage.shelf[f"{place.sequence:019d}"] = checkpoint.encode(books, tag, self._key)
        self._proved.add(place)
        kept = self._kept()
        if len(kept) >= GENERATIONS:
            self._proved = set(kept)
            names = {f"{each.sequence:019d}" for each in kept}
            self._storage.shelf = {name: raw for name, raw in self._storage.shelf.items() if name in names}


class MemoryPackedShelf(PackedShelf):
    """`PackedShelf` whose files are a storage's."""

    def __init__(self, storage: Storage, terminal: int, key: bytes) -> None:
        super().__init__(DIRECTORY / "packed", terminal, key)
        self._storage = storage

    def newest(self, number: Table) -> Kept | None:
        for name in _of_table(self._storage.packed, number, above=0)[::-1]:
            try:
                return packed_shelf.decode(self._storage.packed[name], number, self._terminal, self._key)
            except BadKept as error:
                self.faults.append(f"{name} is passed over: {error}")
                del self._storage.packed[name]
        return None

    def put(self, number: Table, kept: Kept) -> None:
        older = _of_table(self._storage.packed, number, above=0)
        raw = packed_shelf.encode(kept, number, self._terminal, self._key)
        self._storage.packed[chunk_name(number, kept.table.version)] = raw
        for name in older:
            del self._storage.packed[name]

    def version(self, number: Table) -> int:
        return kept_version(self._storage, number)


class MemoryInbox(Inbox):
    """`Inbox` whose files are a storage's."""

    def __init__(self, storage: Storage, *args: object, **named: object) -> None:
        super().__init__(DIRECTORY / "inbox", *args, **named)  # type: ignore[arg-type]
        self._storage = storage
        self._taken: dict[str, bytes] = {}

    def news(self) -> Iterator[Word]:
        files = self._storage.inbox
        names = [name for name in (*self._tables(), ACKNOWLEDGEMENT) if name in files]
        self._taken = {name: raw for name, raw in self._taken.items() if name in files}
        for name in names:
            raw = files[name]
            if self._taken.get(name) is raw:
                continue
            self._taken[name] = raw
            self.refused.pop(name, None)
            try:
                word = self._acknowledgement(raw) if name == ACKNOWLEDGEMENT else self._table(name, raw)
            except OnecardError as error:
                self.refused[name] = str(error)
                continue
            if word is not None:
                yield word

    def _tables(self) -> list[str]:
        names = [table_name(table) for table in SNAPSHOT_TABLES]
        for table in PACKED_TABLES:
            names += _of_table(self._storage.inbox, table, above=self._held.get(table, 0))
        return names


def keep(storage: Storage, word: Acknowledgement | Header, envelope: bytes) -> None:
    """The daemon lays a word down, durably."""
    if isinstance(word, Acknowledgement):
        storage.inbox[ACKNOWLEDGEMENT] = envelope
    else:
        packed = word.table in PACKED_TABLES
        storage.inbox[chunk_name(word.table, word.version) if packed else table_name(word.table)] = envelope


def kept_version(storage: Storage, number: Table) -> int:
    """The version of a packed table that the firmware keeps, 0 for none."""
    return max((_version(name) for name in _of_table(storage.packed, number, above=0)), default=0)


def packed_versions(storage: Storage, header_of: Callable[[bytes], Header]) -> dict[Table, int]:
    """What `sync_daemon.inbox.Inbox.packed_versions` finds; chunks that are needed no more go, as there."""
    versions = {}
    for table in PACKED_TABLES:
        held = kept_version(storage, table)
        for name in _of_table(storage.inbox, table, above=0):
            if _version(name) <= held:
                del storage.inbox[name]
                continue
            header = header_of(storage.inbox[name])
            if follows(held, header.base, header.version):
                held = header.version
        versions[table] = held
    return versions


def _of_table(files: dict[str, bytes], table: Table, *, above: int) -> list[str]:
    """The names of a packed table's files above a version, the oldest first."""
    folder = table_name(table) + "/"
    return sorted(name for name in files if name.startswith(folder) and _version(name) > above)


def _version(name: str) -> int:
    return named_version(name.partition("/")[2]) or 0

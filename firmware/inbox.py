"""The inbox: the server's words that the daemon laid down, verified again and taken in once.

The daemon is not believed: signature, terminal and version are checked here, and an acknowledgement against this
journal's own chain. A file that is not what it should be is refused by name and not read again until it changes; it
stops nothing else. Words are given in an order in which nothing is forgotten before what came with it is in force.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from onecard import cbor, downlink, tariff
from onecard.downlink import Acknowledgement, BadDownlink, Header, Table
from onecard.envelope import MAX_SIZE
from onecard.errors import OnecardError
from onecard.inbox_names import (
    ACKNOWLEDGEMENT,
    PACKED_TABLES,
    SNAPSHOT_TABLES,
    chunk_name,
    named_version,
    table_name,
)
from onecard.key_table import read_key_table
from onecard.keys import KeyRing
from onecard.packed_forms import open_packed
from onecard.packed_table import TableChange
from onecard.settings import Settings, decode_settings
from onecard.tariff import Tariff


@dataclass(frozen=True, slots=True)
class Tariffs:
    """The price tables, present and coming."""

    header: Header
    tariffs: tuple[Tariff, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that this terminal is to hold, but its own."""

    header: Header
    table: KeyRing


@dataclass(frozen=True, slots=True)
class Told:
    """The centre's settings."""

    header: Header
    settings: Settings


@dataclass(frozen=True, slots=True)
class PackedChange:
    """A step of a packed table, its form checked; whether it follows what is in force, the table knows."""

    header: Header
    change: TableChange


Word: TypeAlias = Tariffs | Keys | Told | PackedChange | Acknowledgement
_Stamp: TypeAlias = tuple[int, int, int]


class Inbox:
    """Reads one terminal's `directory`; writes nothing there."""

    def __init__(
        self,
        directory: Path,
        terminal: int,
        server_keys: KeyRing,
        *,
        seal_private: bytes,
        own_tag: Callable[[int], bytes | None],
        applied: Mapping[Table, int],
        held: Mapping[Table, int],
        generation: int,
    ) -> None:
        """`own_tag` gives the chain tag of an own record, None when it is not kept (any more); `applied` the version of
        each table that the journal says was in force, `held` of those that are kept, and not given again (of a packed
        table all up to it); `generation` is the server's newest known."""
        self.refused: dict[str, str] = {}
        self._directory = directory
        self._terminal = terminal
        self._keys = server_keys
        self._seal_private = seal_private
        self._own_tag = own_tag
        self._applied = dict(applied)
        self._held = dict(held)
        self._seen: dict[str, _Stamp] = {}
        self._generation = generation

    def news(self) -> Iterator[Word]:
        """The words that changed since the last call and may be believed; `refused` tells of the others, by file."""
        names = [*self._tables(), ACKNOWLEDGEMENT]
        self._forget_all_but(names)
        for name in names:
            stamp = _stamp(self._directory / name)
            if stamp is None or stamp == self._seen.get(name):
                continue
            self._seen[name] = stamp
            self.refused.pop(name, None)
            try:
                raw = read_word(self._directory / name)
                word = self._acknowledgement(raw) if name == ACKNOWLEDGEMENT else self._table(name, raw)
            except (OnecardError, OSError) as error:
                self.refused[name] = str(error)
                continue
            if word is not None:
                yield word

    def refuse(self, header: Header, why: str) -> None:
        """Tell that a word was not taken, or not all of it."""
        self.refused[_file_name(header)] = why

    def put_back(self, header: Header, why: str) -> None:
        """Tell that a word could not be kept; it is given again."""
        name = _file_name(header)
        self.refused[name] = why
        self._seen.pop(name, None)
        self._held.pop(header.table, None)

    def trust(self, server_keys: KeyRing) -> None:
        """Believe what is signed under these from now on."""
        self._keys = server_keys

    def is_fresh(self, header: Header) -> bool:
        """Whether this version was not in force before; says so only once."""
        if header.version <= self._applied.get(header.table, 0):
            return False
        self._applied[header.table] = header.version
        return True

    def _tables(self) -> list[str]:
        names = [table_name(table) for table in SNAPSHOT_TABLES]
        for table in PACKED_TABLES:
            folder = table_name(table)
            try:
                chunks = sorted(file.name for file in (self._directory / folder).iterdir())
            except OSError:
                continue
            kept = self._held.get(table, 0)
            names += [f"{folder}/{name}" for name in chunks if (named_version(name) or 0) > kept]
        return names

    def _forget_all_but(self, names: list[str]) -> None:
        """The daemon takes chunks away when they are needed no more."""
        for name in self._seen.keys() - set(names):
            del self._seen[name]
            self.refused.pop(name, None)

    def _table(self, name: str, raw: bytes) -> Word | None:
        opened = downlink.open_downlink(raw, self._keys, self._terminal)
        header = opened.header
        if table_name(header.table) != name.partition("/")[0]:
            raise BadDownlink(f"{table_name(header.table)} lies in the file {name}")
        if header.table in PACKED_TABLES:
            if name != chunk_name(header.table, header.version):
                raise BadDownlink(f"version {header.version} lies in the file {name}")
            body = opened.body(self._seal_private)
            return PackedChange(header, open_packed(header.table, header.base, header.version, body))
        held = max(self._applied.get(header.table, 0), self._held.get(header.table, 0))
        if header.version < held:
            raise BadDownlink(f"version {header.version}: version {held} was in force, and versions never go back")
        if header.base != 0:
            raise BadDownlink(f"version {header.version} changes version {header.base}: only whole tables are known")
        if header.version == self._held.get(header.table):
            return None
        word = _snapshot(header, opened.body(self._seal_private))
        self._held[header.table] = header.version
        return word

    def _acknowledgement(self, raw: bytes) -> Acknowledgement:
        ack = downlink.open_acknowledgement(raw, self._keys, self._terminal)
        assert 0 <= ack.safe <= ack.received, "opening refuses what cannot be"
        if ack.generation < self._generation:
            raise BadDownlink(f"generation {ack.generation}: generation {self._generation} is known")
        for sequence, tag in ((ack.received, ack.received_tag), (ack.safe, ack.safe_tag)):
            if sequence and self._own_tag(sequence) != tag:
                raise BadDownlink(f"it acknowledges a record {sequence} that is not this journal's: call the centre")
        self._generation = ack.generation
        return ack


def _file_name(header: Header) -> str:
    if header.table in PACKED_TABLES:
        return chunk_name(header.table, header.version)
    return table_name(header.table)


def read_word(file: Path) -> bytes:
    """The bytes of an inbox file. A pipe or a device would hold the terminal up for ever. Raises `BadDownlink`,
    `OSError`."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_SIZE:
        raise BadDownlink(f"{file.name} is no file of at most {MAX_SIZE} bytes")
    return file.read_bytes()


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _snapshot(header: Header, body: list[cbor.Value]) -> Tariffs | Keys | Told:
    match header.table:
        case Table.KEYS:
            return Keys(header, read_key_table(body))
        case Table.SETTINGS:
            (raw,) = _byte_strings(body) if len(body) == 1 else (b"",)
            return Told(header, decode_settings(raw))
        case _:
            return Tariffs(header, _tariffs(body))


def _tariffs(body: list[cbor.Value]) -> tuple[Tariff, ...]:
    return tuple(tariff.decode(raw) for raw in _byte_strings(body))


def _byte_strings(body: list[cbor.Value]) -> Iterator[bytes]:
    for raw in body:
        if not isinstance(raw, bytes):
            raise BadDownlink("the body is not a list of byte strings")
        yield raw

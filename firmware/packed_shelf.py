"""The packed tables on the disk: of each the newest that was kept, a file named by its version.

Bytes (docs/formats/kept-table.md), numbers big-endian and unsigned:

    byte  0..5   "OCPACK"
          6..7   format version, 1
          8..9   terminal
         10..11  table, as in a downlink
         12..19  version
         20..27  as of, UTC seconds: the change was issued then, or an acknowledgement named no newer version
         28..    the rows, as `onecard.packed_table` has them
          -16..  keyed BLAKE2s, digest 16 bytes, over all before it

A new file is durable under its name and read back before the older ones go, so a power cut leaves the old table or the
new one, each whole. A file that is not what this terminal kept is told, renamed so that nobody counts on it (the daemon
reads the names) and passed over.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path

from onecard.downlink import Table
from onecard.durable_file import NotKept, make_directory
from onecard.errors import OnecardError
from onecard.inbox_names import named_version, table_name, version_name
from onecard.journal.disk import Disk, OsDisk
from onecard.packed_forms import FORMS
from onecard.packed_table import BadTable, PackedTable

MAGIC, FORMAT = b"OCPACK", 1
MAC_SIZE = 16
_HEADER = struct.Struct(">6sHHHQQ")
_PIECE = 1 << 20
_FRESH = ".new"
_ASIDE = "damaged"
"""The newest file of a table that was passed over."""


class BadKept(OnecardError):
    """Bytes that are not a table as this terminal kept it; `why` says in what."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"no table kept by this terminal: {why}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A table, and the UTC second at which the server said so last."""

    table: PackedTable
    as_of: int


def packed_key(chain_key: bytes) -> bytes:
    """The 32-byte key of kept tables: keyed BLAKE2s of "onecard packed" under the terminal's chain key."""
    return blake2s(b"onecard packed", key=chain_key).digest()


def encode(kept: Kept, number: Table, terminal: int, key: bytes) -> bytes:
    """The bytes of the table `number` under the `packed_key`."""
    head = _HEADER.pack(MAGIC, FORMAT, terminal, number, kept.table.version, kept.as_of)
    content = head + kept.table.rows
    return content + _mac(content, key)


def decode(raw: bytes, number: Table, terminal: int, key: bytes) -> Kept:
    """The table `number` of bytes that `encode` gave. Raises `BadKept`."""
    if len(raw) < _HEADER.size + MAC_SIZE:
        raise BadKept(f"it has {len(raw)} bytes")
    magic, form, owner, table, version, as_of = _HEADER.unpack_from(raw)
    if magic != MAGIC:
        raise BadKept("it does not begin like one")
    if form != FORMAT:
        raise BadKept(f"format version {form} is not known")
    if owner != terminal:
        raise BadKept(f"it is that of terminal {owner}")
    if not hmac.compare_digest(raw[-MAC_SIZE:], _mac(memoryview(raw)[:-MAC_SIZE], key)):
        raise BadKept("it is damaged, or another key wrote it")
    if table != number:
        raise BadKept(f"it is table {table}")
    try:
        rows = FORMS[number].checked(raw[_HEADER.size : -MAC_SIZE])
    except BadTable as error:
        raise BadKept(str(error)) from error
    return Kept(PackedTable(FORMS[number], version, rows), as_of)


class PackedShelf:
    """Of one terminal; `key` is the `packed_key` of its chain key."""

    def __init__(self, directory: Path, terminal: int, key: bytes, disk: Disk | None = None) -> None:
        """Reads nothing; a directory that is not there holds nothing."""
        self.faults: list[str] = []
        """What was passed over, by file, and why."""
        self._directory = directory
        self._terminal = terminal
        self._key = key
        self._disk = disk or OsDisk()

    def newest(self, number: Table) -> Kept | None:
        """The newest good one of a table; those that are not good are renamed and told in `faults`."""
        for file in reversed(self._files(number)):
            try:
                kept = decode(file.read_bytes(), number, self._terminal, self._key)
                if file.name != version_name(kept.table.version):
                    raise BadKept(f"it is version {kept.table.version}")
            except (BadKept, OSError) as error:
                self.faults.append(f"{table_name(number)}/{file.name} is passed over: {error}")
                with suppress(OSError):
                    file.rename(file.with_name(_ASIDE))
                continue
            return kept
        return None

    def put(self, number: Table, kept: Kept) -> None:
        """Durable when it returns, in the place of those before it. Raises `NotKept`; then they are still there."""
        folder = self._directory / table_name(number)
        file = folder / version_name(kept.table.version)
        raw = encode(kept, number, self._terminal, self._key)
        make_directory(folder)
        try:
            self._write(file, raw)
            if file.read_bytes() != raw:
                raise NotKept(file, "it reads otherwise than it was written")
            for older in self._files(number):
                if older.name < file.name:
                    older.unlink()
        except OSError as error:
            raise NotKept(file, str(error)) from error

    def version(self, number: Table) -> int:
        """What the newest name says is kept of a table, 0 for none."""
        return max((named_version(file.name) or 0 for file in self._files(number)), default=0)

    def _write(self, file: Path, raw: bytes) -> None:
        fresh = file.with_name(_FRESH)
        descriptor = self._disk.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            for piece, offset in _pieces(raw):
                if self._disk.pwrite(descriptor, piece, offset) != len(piece):
                    raise NotKept(file, "the disk took only a part of it")
            self._disk.fsync(descriptor)
        finally:
            self._disk.close(descriptor)
        self._disk.rename(fresh, file)
        self._disk.sync_directory(file.parent)

    def _files(self, number: Table) -> list[Path]:
        try:
            files = sorted((self._directory / table_name(number)).iterdir())
        except OSError:
            return []
        return [file for file in files if named_version(file.name) is not None]


def _pieces(raw: bytes) -> Iterator[tuple[bytes, int]]:
    return ((raw[at : at + _PIECE], at) for at in range(0, len(raw), _PIECE))


def _mac(content: bytes | memoryview, key: bytes) -> bytes:
    return blake2s(content, digest_size=MAC_SIZE, key=key).digest()

"""The inbox: what the server's word is on this terminal. Written here, read and verified again by the firmware.

The files (`onecard.inbox_names`) are also the daemon's own memory: what it holds and what was acknowledged is
read back from them at the start.

Of a packed table it holds what an unbroken chain of chunks reaches from the version that the firmware keeps. Chunks up
to that version go, so the folder stays small; a kept table that is gone, or a chunk that is, lowers what is held, and
the server sends what is missing, or all of it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from onecard.downlink import Acknowledgement, Header, Table, open_acknowledgement, open_downlink
from onecard.durable_file import make_directory, read_file, replace_file
from onecard.errors import OnecardError
from onecard.identity import TerminalNumber
from onecard.inbox_names import (
    ACKNOWLEDGEMENT,
    PACKED_FOLDER,
    PACKED_TABLES,
    SNAPSHOT_TABLES,
    chunk_name,
    named_version,
    table_name,
)
from onecard.keys import KeyRing
from onecard.table_versions import follows
from sync_daemon.standing import Standing

_CURE = "give the daemon's user the right to read it"


class Inbox:
    """The directory of one terminal, `data / "inbox"`, made when missing. Raises `durable_file.NotKept`."""

    def __init__(self, data: Path, server_keys: KeyRing, terminal: TerminalNumber) -> None:
        """`data` is the terminal's data directory."""
        self._directory = data / "inbox"
        self._packed = data / PACKED_FOLDER
        self._keys = server_keys
        self._terminal = terminal
        self._headers: dict[Path, tuple[int, Header]] = {}
        self._told: set[str] = set()
        for table in PACKED_TABLES:
            make_directory(self._directory / table_name(table))

    def trust(self, server_keys: KeyRing) -> None:
        """Believe what is signed under these from now on."""
        self._keys = server_keys

    def keep(self, word: Acknowledgement | Header, envelope: bytes) -> None:
        """Makes an envelope durable under the name its word has. Raises `durable_file.NotKept`."""
        replace_file(self._file(word), envelope)

    def standing(self) -> tuple[Standing, list[str]]:
        """What is held, each file verified again; and what was wrong with the others. Raises `NotReadable`."""
        standing, faults = Standing(), []
        files = [self._directory / ACKNOWLEDGEMENT]
        files += [self._directory / table_name(table) for table in SNAPSHOT_TABLES]
        for file in files:
            if not file.exists():
                continue
            raw = read_file(file, _CURE)
            try:
                if file.name == ACKNOWLEDGEMENT:
                    standing = standing.acknowledged(open_acknowledgement(raw, self._keys, self._terminal))
                else:
                    standing = standing.holding(open_downlink(raw, self._keys, self._terminal).header)
            except OnecardError as error:
                faults.append(f"{file} is set aside: {error}")
        versions, broken = self.packed_versions()
        return standing.reaching(versions), faults + broken

    def packed_versions(self) -> tuple[dict[Table, int], list[str]]:
        """The version of each packed table that is held, and what is wrong that was not told before. Chunks that are
        needed no more are removed."""
        versions: dict[Table, int] = {}
        faults: list[str] = []
        headers: dict[Path, tuple[int, Header]] = {}
        for table in PACKED_TABLES:
            held = max((named_version(file.name) or 0 for file in _files(self._packed / table_name(table))), default=0)
            for file in self._chunks(table):
                if (named_version(file.name) or 0) <= held:
                    faults += _removed(file)
                    continue
                try:
                    headers[file] = self._header(file)
                except OnecardError as error:
                    faults.append(f"{file} is set aside: {error}")
                    continue
                _, header = headers[file]
                if follows(held, header.base, header.version):
                    held = header.version
                else:
                    faults.append(f"{file} is of no use: it changes version {header.base}, and {held} is held")
            versions[table] = held
        self._headers = headers
        fresh = [fault for fault in faults if fault not in self._told]
        self._told = set(faults)
        return versions, fresh

    def _header(self, file: Path) -> tuple[int, Header]:
        """The verified header of a chunk, and the file's time in nanoseconds. Raises `OnecardError`."""
        known = self._headers.get(file)
        stamp = _stamp(file)
        if known is not None and known[0] == stamp:
            return known
        header = open_downlink(read_file(file, _CURE), self._keys, self._terminal).header
        return stamp, header

    def _chunks(self, table: Table) -> list[Path]:
        return [file for file in _files(self._directory / table_name(table)) if named_version(file.name) is not None]

    def _file(self, word: Acknowledgement | Header) -> Path:
        if isinstance(word, Acknowledgement):
            return self._directory / ACKNOWLEDGEMENT
        name = chunk_name(word.table, word.version) if word.table in PACKED_TABLES else table_name(word.table)
        return self._directory / name


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0  # reading it says what is wrong


def _removed(file: Path) -> Iterator[str]:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        yield f"{file} is needed no more and cannot be removed: {error}"

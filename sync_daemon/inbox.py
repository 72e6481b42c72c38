"""The inbox: what the server's word is on this terminal. Written here, read and verified again by the firmware.

    acknowledgement                     the newest one believed
    tariff, hotlist                     the newest of each
    certificates/<version, 12 digits>   one feed chunk (base, version] each

Each file is one envelope as it came. They are also the daemon's own memory: what it holds and what was acknowledged is
read back from them at the start.
"""

from __future__ import annotations

from pathlib import Path

from onecard.downlink import Acknowledgement, Header, Table, open_acknowledgement, open_downlink
from onecard.errors import OnecardError
from onecard.identity import TerminalNumber
from onecard.keys import KeyRing
from sync_daemon.durable_file import make_directory, read_file, replace_file
from sync_daemon.standing import CHUNK_TABLES, SNAPSHOT_TABLES, Standing

_ACKNOWLEDGEMENT = "acknowledgement"
_VERSION_DIGITS = 12
_CURE = "give the daemon's user the right to read it"


class Inbox:
    """The directory, made when missing. Raises `durable_file.NotKept`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for table in sorted(CHUNK_TABLES):
            make_directory(directory / _file_name(table))

    def keep(self, word: Acknowledgement | Header, envelope: bytes) -> None:
        """Makes an envelope durable under the name its word has. Raises `durable_file.NotKept`."""
        replace_file(self._file(word), envelope)

    def standing(self, server_keys: KeyRing, terminal: TerminalNumber) -> tuple[Standing, list[str]]:
        """What is held, each file verified again; and what was wrong with the others. Raises `NotReadable`."""
        standing, faults = Standing(), []
        files = [self._directory / _ACKNOWLEDGEMENT]
        files += [self._directory / _file_name(table) for table in sorted(SNAPSHOT_TABLES)]
        for table in sorted(CHUNK_TABLES):
            files += sorted((self._directory / _file_name(table)).glob("[0-9]" * _VERSION_DIGITS))[-1:]
        for file in files:
            if not file.exists():
                continue
            raw = read_file(file, _CURE)
            try:
                if file.name == _ACKNOWLEDGEMENT:
                    standing = standing.acknowledged(open_acknowledgement(raw, server_keys, terminal))
                else:
                    standing = standing.holding(open_downlink(raw, server_keys, terminal).header)
            except OnecardError as error:
                faults.append(f"{file} is set aside: {error}")
        return standing, faults

    def _file(self, word: Acknowledgement | Header) -> Path:
        if isinstance(word, Acknowledgement):
            return self._directory / _ACKNOWLEDGEMENT
        place = self._directory / _file_name(word.table)
        return place / f"{word.version:0{_VERSION_DIGITS}d}" if word.table in CHUNK_TABLES else place


def _file_name(table: Table) -> str:
    return table.name.lower()

"""The inbox: what the server's word is on this terminal. Written here, read and verified again by the firmware.

The files (`onecard.inbox_names`) are also the daemon's own memory: what it holds and what was acknowledged is
read back from them at the start.
"""

from __future__ import annotations

from pathlib import Path

from onecard.downlink import Acknowledgement, Header, open_acknowledgement, open_downlink
from onecard.durable_file import make_directory, read_file, replace_file
from onecard.errors import OnecardError
from onecard.identity import TerminalNumber
from onecard.inbox_names import ACKNOWLEDGEMENT, CHUNK_TABLES, SNAPSHOT_TABLES, chunk_name, is_chunk, table_name
from onecard.keys import KeyRing
from sync_daemon.standing import Standing

_CURE = "give the daemon's user the right to read it"


class Inbox:
    """The directory, made when missing. Raises `durable_file.NotKept`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for table in CHUNK_TABLES:
            make_directory(directory / table_name(table))

    def keep(self, word: Acknowledgement | Header, envelope: bytes) -> None:
        """Makes an envelope durable under the name its word has. Raises `durable_file.NotKept`."""
        replace_file(self._file(word), envelope)

    def standing(self, server_keys: KeyRing, terminal: TerminalNumber) -> tuple[Standing, list[str]]:
        """What is held, each file verified again; and what was wrong with the others. Raises `NotReadable`."""
        standing, faults = Standing(), []
        files = [self._directory / ACKNOWLEDGEMENT]
        files += [self._directory / table_name(table) for table in SNAPSHOT_TABLES]
        for table in CHUNK_TABLES:
            chunks = (self._directory / table_name(table)).iterdir()
            files += sorted(file for file in chunks if is_chunk(file.name))[-1:]
        for file in files:
            if not file.exists():
                continue
            raw = read_file(file, _CURE)
            try:
                if file.name == ACKNOWLEDGEMENT:
                    standing = standing.acknowledged(open_acknowledgement(raw, server_keys, terminal))
                else:
                    standing = standing.holding(open_downlink(raw, server_keys, terminal).header)
            except OnecardError as error:
                faults.append(f"{file} is set aside: {error}")
        return standing, faults

    def _file(self, word: Acknowledgement | Header) -> Path:
        if isinstance(word, Acknowledgement):
            return self._directory / ACKNOWLEDGEMENT
        name = chunk_name(word.table, word.version) if word.table in CHUNK_TABLES else table_name(word.table)
        return self._directory / name

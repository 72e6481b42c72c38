"""Prices, and what the server said of itself: what a start must find again, whatever became of the inbox.

The TinyDB of `data/tables/`.

Rules
- Prices are kept here; then they are in force; then their APPLIED is journaled. A power cut between any two of
  these leaves the old ones or the new ones, each whole, and the next start does what is missing.
- Versions never go back: the inbox refuses what is older than the prices kept here, or than the journal's APPLIED. Kept
  prices older than their APPLIED do not come into force again.
- This is a copy of signed words, never money. Tables that fail stop no sale: what they could not take is in force from
  memory, is told (`faults`) and shown (`lacking`), and is in the inbox at the next start.
- Damaged tables are moved to `tables-damaged`, which holds the newest such, and told; new ones are made, and filled
  from the inbox. Which versions were in force the journal tells.
- `config` keeps the centre's settings as they come, the server's generation when it rises and its time once an hour: so
  an acknowledgement from before the server was put back is not believed, and a clock without a battery is an hour late
  at most.

TinyDB tables: `tariff` (firmware/kept_words.py), `config`. Bytes: docs/formats/tables.md. The packed tables are kept by
themselves (firmware/packed_shelf.py).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from tinydb import where

from firmware.inbox import Tariffs, Told
from firmware.kept_words import documents_of, settings_document, settings_of, word_of
from onecard.downlink import Header, Table
from onecard.errors import OnecardError
from onecard.inbox_names import table_name
from onecard.journal import (
    JournalDamage,
    JournalError,
    JournalExists,
    JournalOutOfService,
    NoJournal,
    UnreadableJournal,
    UnsupportedVersion,
)
from onecard.journal.disk import Disk, OsDisk
from onecard.journal.mutable_journal import MutableJournal, TablesFull
from onecard.journal.mutable_state import Fields
from onecard.journal.mutable_table import tables_db

TABLES_SIZE = 1 << 20
"""Of a generation's file: half of it is room for 390,000 bytes of prices."""
_NAME = table_name(Table.TARIFF)
HEARD_SECONDS = 3_600
_SPOILED = (JournalDamage, JournalExists, UnreadableJournal, UnsupportedVersion)
_FAULTS = 16


class KeptTables:
    """Of one terminal. Whatever its disk does, no verb here raises for it."""

    def __init__(self, journal: MutableJournal | None, terminal: int, faults: list[str]) -> None:
        """For `open`; without a journal nothing is kept."""
        self.generation = 0  # of the server, as heard last
        self.server_at = 0  # UTC seconds
        self._journal = journal
        self._db = None if journal is None else tables_db(journal)
        self._faults = faults
        self._unkept: set[Table] = set()
        self.settings: Told | None = None  # found at the start
        self._found = self._read(terminal)
        found = self._found
        self.versions = {} if found is None else {Table.TARIFF: found.header.version}  # found at the start

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        terminal: int,
        chain_key: bytes,
        random: Callable[[int], bytes],
        disk: Disk | None = None,
    ) -> Self:
        """Those in `directory`, made at the first start and when they are damaged."""
        known_disk = disk or OsDisk()
        faults: list[str] = []

        def found() -> MutableJournal:
            try:
                return MutableJournal.open(directory, chain_key=chain_key, random=random, disk=known_disk)
            except NoJournal:
                MutableJournal.create(
                    directory, terminal=terminal, chain_key=chain_key, random=random, size=TABLES_SIZE, disk=known_disk
                )
                return MutableJournal.open(directory, chain_key=chain_key, random=random, disk=known_disk)

        try:
            try:
                journal = found()
            except _SPOILED as error:
                faults.append(f"{error}; now in {_set_aside(known_disk, directory).name}, made anew from the inbox")
                journal = found()
        except (JournalError, OSError) as error:
            faults.append(f"nothing is kept until the next start: {_cause(error)}")
            return cls(None, terminal, faults)
        return cls(journal, terminal, faults)

    @property
    def faults(self) -> list[str]:
        """What went wrong, the newest last."""
        return [*self._faults, *(self._journal.faults if self._journal else ())]

    @property
    def lacking(self) -> bool:
        """Whether a start without the inbox would not find what is in force, or what comes into force next."""
        return self._journal is None or bool(self._unkept)

    def in_force(self, applied: Mapping[Table, int]) -> Tariffs | None:
        """At the start, once: the prices found, if they are to be in force; `applied` are the journal's versions."""
        word, self._found = self._found, None
        if word is not None and word.header.version < (known := applied.get(Table.TARIFF, 0)):
            self._note(f"the kept {_named(word)} is old: version {known} was in force")
            return None
        return word

    def keep(self, word: Tariffs, at: int) -> None:
        """Durable when it returns, in the place of the version before; or told, and that version is kept still."""
        documents = documents_of(word, at)

        def put() -> None:
            assert self._db is not None
            self._db.replace(_NAME, documents)

        self._keep(word.header, put)

    def keep_settings(self, word: Told, at: int) -> None:
        """The same for the centre's settings."""
        document = settings_document(word, at)

        def put() -> None:
            assert self._db is not None
            self._db.table("config").upsert(document, where("key") == "settings")

        self._keep(word.header, put)

    def heard(self, generation: int, server_at: int) -> None:
        """The server's generation and time came with an acknowledgement that is believed."""
        if generation <= self.generation and server_at < self.server_at + HEARD_SECONDS:
            return
        self.generation, self.server_at = max(generation, self.generation), max(server_at, self.server_at)
        document: Fields = {"key": "server", "generation": self.generation, "server_at": self.server_at}

        def put() -> None:
            assert self._db is not None
            self._db.table("config").upsert(document, where("key") == "server")

        self._kept("the server's generation and time are not kept", put)

    def compact(self) -> None:
        """For idle time: room for the next words, when there is little."""
        if self._journal is not None and self._journal.worth_compacting:
            self._kept("the tables are not compacted", self._journal.compact)

    def close(self) -> None:
        """Let the files and the lock go."""
        if self._journal is not None:
            self._journal.close()

    def _read(self, terminal: int) -> Tariffs | None:
        if self._db is None:
            return None
        match self._db.table("config").get(where("key") == "server"):
            case {"generation": int(generation), "server_at": int(server_at)}:
                self.generation, self.server_at = generation, server_at
        told = self._db.table("config").get(where("key") == "settings")
        try:
            self.settings = None if told is None else settings_of(terminal, told)
        except OnecardError as error:
            self._note(str(error))
        documents = {document.doc_id: document for document in self._db.table(_NAME)}
        try:
            return word_of(terminal, documents) if documents else None
        except OnecardError as error:  # the inbox has it, or the server will send it
            self._note(str(error))
            return None

    def _keep(self, header: Header, put: Callable[[], object]) -> None:
        name = f"{table_name(header.table)} version {header.version}"
        if self._kept(f"{name} is in force and not kept", put):
            self._unkept.discard(header.table)
        else:
            self._unkept.add(header.table)

    def _kept(self, otherwise: str, put: Callable[[], object]) -> bool:
        if self._db is None:
            return False
        try:
            put()
        except (TablesFull, JournalOutOfService) as error:
            self._note(f"{otherwise}: {_cause(error)}")
            return False
        return True

    def _note(self, fault: str) -> None:
        if fault not in self._faults:
            del self._faults[: 1 - _FAULTS]
            self._faults.append(fault)


def _named(word: Tariffs) -> str:
    return f"{_NAME} version {word.header.version}"


def _cause(error: Exception) -> str:
    """What failed, without the advice that is meant for the journal of records."""
    return error.cause if isinstance(error, JournalOutOfService) else str(error)


def _set_aside(disk: Disk, directory: Path) -> Path:
    aside = directory.with_name(f"{directory.name}-damaged")
    if aside.exists():
        shutil.rmtree(aside)
    disk.rename(directory, aside)
    disk.sync_directory(directory.parent)
    return aside

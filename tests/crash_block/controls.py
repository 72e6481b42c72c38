"""Rivals whose behaviour at a power cut is known: the harness must tell them apart.

    python -m tests.crash_block.controls NAME DIRECTORY COUNT

inserts 1 … COUNT, saying `done N` when the rival calls N durable; `found` reads them back after the cut.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from enum import Enum, unique
from functools import partial
from pathlib import Path

import lmdb
from tinydb import TinyDB

_FILLING = "x" * 400


@unique
class Fate(Enum):
    """What became of what was promised."""

    HELD = "held"
    LOST = "lost"
    UNREADABLE = "unreadable"


def _json_insert(directory: Path, count: int) -> Iterator[int]:
    with TinyDB(directory / "db.json") as db:
        for number in range(1, count + 1):
            db.insert({"number": number, "filling": _FILLING})
            yield number


def _json_found(directory: Path) -> set[int]:
    with TinyDB(directory / "db.json") as db:
        return {document["number"] for document in db}


def _sqlite_insert(directory: Path, count: int, journal: str, synchronous: str) -> Iterator[int]:
    with closing(sqlite3.connect(directory / "db.sqlite", isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode={journal}")
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("CREATE TABLE record (number INTEGER PRIMARY KEY, filling TEXT)")
        for number in range(1, count + 1):
            db.execute("INSERT INTO record VALUES (?, ?)", (number, _FILLING))
            yield number


def _sqlite_found(directory: Path) -> set[int]:
    with closing(sqlite3.connect(directory / "db.sqlite")) as db:
        if not db.execute("SELECT 1 FROM sqlite_master").fetchall():
            return set()
        return {number for (number,) in db.execute("SELECT number FROM record")}


def _lmdb_insert(directory: Path, count: int) -> Iterator[int]:
    with lmdb.open(str(directory), map_size=1 << 20) as db:
        for number in range(1, count + 1):
            with db.begin(write=True) as change:
                change.put(number.to_bytes(8, "big"), _FILLING.encode())
            yield number


def _lmdb_found(directory: Path) -> set[int]:
    with lmdb.open(str(directory), map_size=1 << 20) as db, db.begin() as look:
        return {int.from_bytes(key, "big") for key in look.cursor().iternext(values=False)}


INSERT: Mapping[str, Callable[[Path, int], Iterator[int]]] = {
    "tinydb-json": _json_insert,
    "sqlite-delete-full": partial(_sqlite_insert, journal="DELETE", synchronous="FULL"),
    "sqlite-delete-extra": partial(_sqlite_insert, journal="DELETE", synchronous="EXTRA"),
    "sqlite-wal-full": partial(_sqlite_insert, journal="WAL", synchronous="FULL"),
    "lmdb-sync": _lmdb_insert,
}
_FOUND: Mapping[str, Callable[[Path], set[int]]] = {
    "tinydb-json": _json_found,
    "sqlite": _sqlite_found,
    "lmdb-sync": _lmdb_found,
}
_DAMAGE = (json.JSONDecodeError, UnicodeDecodeError, sqlite3.DatabaseError, lmdb.Error)


def fate(name: str, directory: Path, said: list[str]) -> Fate:
    """What a rival, opened after the cut, still has of what it promised in `said`."""
    promised = {int(line.removeprefix("done ")) for line in said}
    if not promised and not directory.exists():
        return Fate.HELD
    read = _FOUND["sqlite" if name.startswith("sqlite") else name]
    try:
        return Fate.HELD if promised <= read(directory) else Fate.LOST
    except _DAMAGE:
        return Fate.UNREADABLE


def main(name: str, directory: Path, count: int) -> None:
    """Inserts and says so. The directory is durable beforehand: its making is not on trial."""
    directory.mkdir()
    parent = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(parent)
    os.close(parent)
    for number in INSERT[name](directory, count):
        os.write(1, f"done {number}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))

"""The controls: known stores whose behaviour at a power cut is known, run under the same recorder.

    python -m tests.crash.rivals ENGINE DIRECTORY RECORDS

A control that does not land where it is known to shows that the harness is wrong, not the store.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import lmdb
import tinydb
from tinydb.storages import JSONStorage

NOT_KEPT = ("-shm", "lock.mdb")
"""Endings of files that each start makes anew; they are written through a mapping, which strace does not see."""
_TEXT = "a record of some length, as a tap has " * 3

Insert: TypeAlias = Callable[[int], None]


@contextmanager
def _tinydb(directory: Path) -> Iterator[Insert]:
    """Stock storage; it syncs each of its rewrites itself."""
    with closing(tinydb.TinyDB(directory / "db.json", storage=JSONStorage)) as database:
        yield lambda number: database.insert({"n": number, "text": _TEXT})


@contextmanager
def _sqlite(directory: Path, journal: str, synchronous: str) -> Iterator[Insert]:
    with closing(sqlite3.connect(directory / "db.sqlite", isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode={journal}")
        database.execute(f"PRAGMA synchronous={synchronous}")
        database.execute("CREATE TABLE IF NOT EXISTS r (n INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        yield lambda number: database.execute("INSERT INTO r VALUES (?, ?)", (number, _TEXT))


@contextmanager
def _lmdb(directory: Path) -> Iterator[Insert]:
    """Synchronous, not a writable map: pages go by pwrite, the meta page by a descriptor opened O_DSYNC."""
    with closing(lmdb.open(str(directory), map_size=1 << 20)) as environment:

        def insert(number: int) -> None:
            with environment.begin(write=True) as transaction:
                transaction.put(number.to_bytes(4, "big"), _TEXT.encode())

        yield insert


ENGINES: dict[str, Callable[[Path], AbstractContextManager[Insert]]] = {
    "tinydb-json": _tinydb,
    "sqlite-delete-full": lambda directory: _sqlite(directory, "DELETE", "FULL"),
    "sqlite-delete-extra": lambda directory: _sqlite(directory, "DELETE", "EXTRA"),
    "sqlite-wal-full": lambda directory: _sqlite(directory, "WAL", "FULL"),
    "lmdb": _lmdb,
}


def found(engine: str, directory: Path) -> list[int]:
    """The records there, as the engine's own recovery gives them. Raises whatever the engine raises."""
    match engine.partition("-")[0]:
        case "tinydb":
            with closing(tinydb.TinyDB(directory / "db.json", storage=JSONStorage)) as database:
                return [document["n"] for document in database.all() if document["text"] == _TEXT]
        case "sqlite":
            with closing(sqlite3.connect(directory / "db.sqlite")) as database:
                rows = database.execute("SELECT n, text FROM r ORDER BY n").fetchall()
                return [number for number, text in rows if text == _TEXT]
        case _:
            with closing(lmdb.open(str(directory), map_size=1 << 20)) as environment, environment.begin() as view:
                return [int.from_bytes(key, "big") for key, text in view.cursor() if text == _TEXT.encode()]


def _say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__main__":
    with ENGINES[sys.argv[1]](Path(sys.argv[2])) as add:
        add(0)
        _say("created")
        for one in range(1, int(sys.argv[3])):
            _say("begin", one)
            add(one)
            _say("done", one)
        _say("finished")

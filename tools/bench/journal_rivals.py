"""What the journal is measured beside: the bare physical limit, and databases at their best durable settings.

Each is a context manager giving `insert(kind, payload)`, which returns when the record is on the medium.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import lmdb
from tinydb import TinyDB

from onecard.journal.frame import OVERHEAD
from onecard.records import decode_record, document
from tools.bench.journal_records import open_journal, taps

Insert: TypeAlias = Callable[[int, bytes], object]

_MAP_SIZE = 1 << 28


@contextmanager
def journal(directory: Path) -> Iterator[Insert]:
    """Ours, already made."""
    with open_journal(directory) as opened:
        yield lambda kind, payload: opened.append(kind, payload, durable=True)


@contextmanager
def bare(directory: Path, *, zero_filled: bool = True) -> Iterator[Insert]:
    """The same bytes at the same place of a file, with nothing around: pwrite and fdatasync."""
    descriptor = os.open(directory / f"bare-{zero_filled}", os.O_RDWR | os.O_CREAT)
    if zero_filled:
        os.pwrite(descriptor, bytes(1 << 21), 0)
    os.fsync(descriptor)
    at = 0

    def insert(kind: int, payload: bytes) -> None:
        nonlocal at
        at += os.pwrite(descriptor, b"\1" * OVERHEAD + payload, at)
        os.fdatasync(descriptor)

    yield insert
    os.close(descriptor)


@contextmanager
def sqlite(directory: Path, journal_mode: str, synchronous: str, records: int = 0) -> Iterator[Insert]:
    """One row a transaction: kind, payload, integer key; `records` are there already."""
    file = directory / f"{journal_mode}-{synchronous}.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute(f"PRAGMA journal_mode={journal_mode}")
        db.execute(f"PRAGMA synchronous={synchronous}")
        db.execute("CREATE TABLE record (sequence INTEGER PRIMARY KEY, kind INTEGER, payload BLOB)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO record (kind, payload) VALUES (?, ?)", _many(records))
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield lambda kind, payload: db.execute("INSERT INTO record (kind, payload) VALUES (?, ?)", (kind, payload))


@contextmanager
def lmdb_sync(directory: Path, records: int = 0) -> Iterator[Insert]:
    """One put a transaction, eight-byte key, everything synced; `records` are there already."""
    place = directory / "lmdb"
    place.mkdir()
    sequence = records
    with lmdb.open(str(place), map_size=_MAP_SIZE) as db:
        with db.begin(write=True) as change:
            for number, (_, ready) in enumerate(_many(records), start=1):
                change.put(number.to_bytes(8, "big"), ready, append=True)

        def insert(kind: int, payload: bytes) -> None:
            nonlocal sequence
            sequence += 1
            with db.begin(write=True) as change:
                change.put(sequence.to_bytes(8, "big"), payload, append=True)

        yield insert


@contextmanager
def tinydb_json(directory: Path, records: int) -> Iterator[Insert]:
    """TinyDB's own storage, which rewrites the file and syncs it, with `records` documents in it already."""
    made = [_json_document(kind, payload) for kind, payload in taps()]
    with TinyDB(directory / "tinydb.json") as db:
        db.insert_multiple(made[number % len(made)] for number in range(records))
        turn = itertools.cycle(made)
        yield lambda kind, payload: db.insert(next(turn))


def _many(records: int) -> Iterator[tuple[int, bytes]]:
    return itertools.islice(itertools.cycle(taps()), records)


def _json_document(kind: int, payload: bytes) -> Mapping[str, object]:
    fields = document(decode_record(kind, payload))
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}

"""A pytest plugin for TinyDB's own suite: where it makes a database in a file, it gets one on our mutable journal.

- the fixture `db` of the suite with parameter "json", and every `TinyDB(path)` of the modules below, are on ours;
- databases in memory, JSONStorage itself, middlewares, queries and the cache class are tested as they are;
- one test reads the class names of table and storage in a repr: ours bear those names here;
- at the end, the names of the tests that used our journal are written to the file in `ONECARD_SUITE_REPORT`.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from pathlib import Path

import pytest
import tinydb

from onecard.journal.mutable_journal import MutableJournal
from onecard.journal.mutable_table import MutableStorage, MutableTable

ON_OURS = {"test_operations", "test_tables", "test_tinydb"}
_KEY = bytes(32)
_opened: list[MutableJournal] = []
_users: set[str] = set()
_running = ""
_seeds = itertools.count()


def _random(size: int) -> bytes:
    return random.Random(next(_seeds)).randbytes(size)


class JSONStorage(MutableStorage):
    """A mutable journal in the directory of that name, made when missing; how JSON is written does not matter to it."""

    __module__ = "tinydb.storages"

    def __init__(self, path: str | Path, **_: object) -> None:
        directory = Path(path)
        if not directory.exists():
            MutableJournal.create(directory, terminal=1, chain_key=_KEY, random=_random, size=65_536)
        super().__init__(MutableJournal.open(directory, chain_key=_KEY, random=_random), reuse_ids=True)
        _opened.append(self.journal)
        _users.add(_running)

    def close(self) -> None:
        self.journal.close()


class Table(MutableTable):
    """Named as TinyDB's."""


_StockTable = tinydb.TinyDB.table_class


def _table(storage, name, **more):
    return (Table if isinstance(storage, MutableStorage) else _StockTable)(storage, name, **more)


tinydb.JSONStorage = JSONStorage  # what the suite's conftest imports
tinydb.TinyDB.table_class = staticmethod(_table)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    global _running  # noqa: PLW0603
    _running = item.nodeid
    stock = tinydb.TinyDB.default_storage_class
    if item.module.__name__.split(".")[-1] in ON_OURS:
        tinydb.TinyDB.default_storage_class = JSONStorage
        if hasattr(item.module, "JSONStorage"):
            item.module.JSONStorage = JSONStorage
    try:
        return (yield)
    finally:
        tinydb.TinyDB.default_storage_class = stock
        while _opened:
            _opened.pop().close()


def pytest_sessionfinish() -> None:
    Path(os.environ["ONECARD_SUITE_REPORT"]).write_text(json.dumps(sorted(_users)))

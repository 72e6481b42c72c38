"""All that only one kind of database knows: its options, its triggers, what "busy" looks like.

SQLite is the default and the only one yet; PostgreSQL gets its branches here and nowhere else.

- WAL with synchronous=FULL: a committed transaction survives a power cut, and readers never wait (I-05).
- A thread keeps its connection: opening one costs five times a small question, and begins with a cold cache.
- IMMEDIATE: a transaction takes the write lock at its beginning, so that two writers queue instead of one failing
  half-way; it is also what `select_for_update` means here.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.db import OperationalError
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython

BUSY_SECONDS = 5
"""How long a writer waits for another before it is told to come back."""


BUSY = "the database is busy: send it again"


def database(file: Path) -> dict[str, Any]:
    """The settings of the default database in `file`."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": BUSY_SECONDS,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000",
        },
    }


def is_busy(error: OperationalError) -> bool:
    """Whether the database only asks to try again."""
    return "locked" in str(error) or "busy" in str(error)


def instant(seconds: int) -> str:
    """UTC seconds as the database keeps a time: what Django's own adaptation gives, four times as fast."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def append_only(*tables: str) -> RunPython:
    """The migration step after which the database refuses UPDATE and DELETE on `tables`."""

    def forbid(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
        for table in tables:
            for verb in ("UPDATE", "DELETE"):
                editor.execute(
                    f"CREATE TRIGGER {_trigger(table, verb)} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'rows of {table} never change: {verb} is refused'); END"
                )

    def allow(apps: object, editor: BaseDatabaseSchemaEditor) -> None:
        for table in tables:
            for verb in ("UPDATE", "DELETE"):
                editor.execute(f"DROP TRIGGER {_trigger(table, verb)}")

    return RunPython(forbid, allow)


def _trigger(table: str, verb: str) -> str:
    return f"{table}_refuses_{verb.lower()}"

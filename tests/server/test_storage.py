"""The database's promises, asked of the database itself."""

from __future__ import annotations

from django.db import connection


def test_a_committed_transaction_survives_a_power_cut(database: None) -> None:
    """I-05: an acknowledgement follows a commit, so a commit must be on the medium (SQLite: WAL, FULL is 2)."""
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)

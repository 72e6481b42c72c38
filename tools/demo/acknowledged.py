"""Whether a dead server has what it acknowledged (I-05): its database as it lies there, against terminals' inboxes.

Without this a loss would be hidden: a terminal that misses its records in an acknowledgement offers them again.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from onecard.downlink import open_acknowledgement
from onecard.enrolment import decode_identity
from onecard.errors import OnecardError
from onecard.inbox_names import ACKNOWLEDGEMENT

_DATABASE = "onecard.sqlite3"
_STORED = "SELECT COUNT(*) FROM ingest_record WHERE terminal_id = ? AND sequence <= ?"


class AcknowledgedLost(OnecardError):
    """The server does not have what it said it has."""

    def __init__(self, terminal: int, acknowledged: int, stored: int) -> None:
        self.terminal = terminal
        super().__init__(f"terminal {terminal} was told that {acknowledged} records are stored; {stored} are there")


def check_acknowledged(server: Path, terminals: Iterable[Path]) -> None:
    """Both are data directories; no process of the server runs. Raises `AcknowledgedLost`.

    The database is copied with its log, so that nobody repairs the original by looking.
    """
    with tempfile.TemporaryDirectory(prefix="onecard-chaos-") as place:
        for file in server.glob(f"{_DATABASE}*"):
            shutil.copy(file, place)
        with closing(sqlite3.connect(Path(place) / _DATABASE)) as database:
            for data in terminals:
                _check(data, database)


def _check(data: Path, database: sqlite3.Connection) -> None:
    file = data / "inbox" / ACKNOWLEDGEMENT
    if not file.exists():
        return
    identity = decode_identity((data / "identity").read_bytes(), str(data))
    told = open_acknowledgement(file.read_bytes(), identity.keys, identity.number)
    (stored,) = database.execute(_STORED, (identity.number, told.received)).fetchone()
    if stored < told.received:
        raise AcknowledgedLost(identity.number, told.received, stored)

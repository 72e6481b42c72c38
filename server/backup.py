"""A copy of all that the server alone knows, in another place, and the way back from it.

PLACE/onecard.sqlite3    the database
PLACE/issued.sqlite3     the key process's log of certificates, copied after the database: never behind it
PLACE/enrolled           terminals let in (server.sites.enrolled), copied after the database too
PLACE/generation
PLACE/copy-mark          written last: what is safe there (docs/formats/copy-mark.md)

Not in it: keys, secrets and TLS, which have their own safe. No Django here: the files of an installation that stands
still, or are copied as SQLite copies them while it runs.

A database put back begins the next generation before it is in place, so that nothing of it can speak for the life it
came from (F20). The log and the list of terminals are put back only where they are missing: what is here knows more.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
from pathlib import Path

from onecard.durable_file import SECRET, make_directory, read_file, replace_file, sync_directory
from onecard.errors import OnecardError
from server.copy_mark import CopyMark, pack_mark

DATABASE = "onecard.sqlite3"
ISSUED = "issued.sqlite3"
ENROLLED = "enrolled"
GENERATION = "generation"
MARK = "copy-mark"
_CURE = "name the directory that `onecard server backup` wrote"


class ServerRuns(OnecardError):
    """A running server's database cannot be replaced."""

    def __init__(self, data: Path) -> None:
        self.data = data
        super().__init__(f"the server in {data} is running: stop it first")


def back_up(data: Path, place: Path) -> CopyMark:
    """Copy the installation in `data` to `place` while it runs or not, durably; gives what is safe there.

    Raises `NotKept`, `NotReadable`; `sqlite3.Error` when a database cannot be read.
    """
    make_directory(place)
    generation = int(read_file(data / GENERATION, "it holds no server"))
    _copy_database(data / DATABASE, place / DATABASE)
    if (data / "keys" / ISSUED).exists():
        _copy_database(data / "keys" / ISSUED, place / ISSUED)
    with contextlib.suppress(FileNotFoundError):
        replace_file(place / ENROLLED, (data / ENROLLED).read_bytes(), SECRET)
    replace_file(place / GENERATION, f"{generation}\n".encode())
    with contextlib.closing(sqlite3.connect(place / DATABASE)) as copy:
        [highest] = copy.execute("SELECT coalesce(max(id), 0) FROM ingest_bundle").fetchone()
    mark = CopyMark(generation, highest)
    replace_file(place / MARK, pack_mark(mark))
    return mark


def put_back(place: Path, data: Path) -> int:
    """Put the copy in `place` into the installation in `data`, which stands still; gives the new generation.

    What the copy lacks is recovered afterwards (server.recovery). Raises `NotKept`, `NotReadable`.
    """
    here = data / GENERATION
    lives = [int(read_file(place / GENERATION, _CURE)), int(here.read_bytes()) if here.exists() else 0]
    generation = max(lives) + 1
    replace_file(here, f"{generation}\n".encode())
    for source, target in (
        (place / ISSUED, data / "keys" / ISSUED),
        (place / ENROLLED, data / ENROLLED),
    ):
        if source.exists() and not target.exists():
            _copy_file(source, target)
    for leftover in ("-wal", "-shm"):
        (data / f"{DATABASE}{leftover}").unlink(missing_ok=True)
    _copy_file(place / DATABASE, data / DATABASE)
    return generation


def refuse_running(data: Path) -> None:
    """Raises `ServerRuns` when a key process serves this installation."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
        probe.connect(str(data / "keyd.sock"))
        raise ServerRuns(data)


def _copy_database(source: Path, target: Path) -> None:
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as live, contextlib.closing(sqlite3.connect(fresh)) as copy:
        live.backup(copy)
    _settle(fresh, target)


def _copy_file(source: Path, target: Path) -> None:
    fresh = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, fresh)
    _settle(fresh, target)


def _settle(fresh: Path, target: Path) -> None:
    """Give `fresh` its name once all of it is on the medium; readable to its owner only."""
    fresh.chmod(SECRET)
    with fresh.open("rb") as content:
        os.fsync(content.fileno())
    fresh.replace(target)
    sync_directory(target.parent)

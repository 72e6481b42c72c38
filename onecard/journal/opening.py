"""The opening of a directory of segments by its one writer: the lock first, and nothing left open when it fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from onecard.journal.disk import Disk
from onecard.journal.errors import JournalLocked, JournalOutOfService, NoJournal
from onecard.journal.pool import LOCK
from onecard.journal.segment import ActiveSegment


@contextmanager
def opening(disk: Disk, directory: Path) -> Iterator[ExitStack]:
    """Holds the lock. What is put on the stack is let go, the lock last, unless its holder takes it all with `pop_all`.

    Raises `NoJournal`, `JournalLocked`, `JournalOutOfService` for any `OSError` inside.
    """
    try:
        lock = disk.open(directory / LOCK, os.O_RDWR)
    except FileNotFoundError as error:
        raise NoJournal(directory) from error
    except OSError as error:
        raise JournalOutOfService(directory, str(error)) from error
    with ExitStack() as held:
        held.callback(disk.close, lock)
        try:
            if not disk.lock(lock):
                raise JournalLocked(directory)
            yield held
        except OSError as error:
            raise JournalOutOfService(directory, str(error)) from error


@contextmanager
def closed_unless_taken(active: ActiveSegment) -> Iterator[None]:
    """Lets a recovered segment go when making its journal fails."""
    try:
        yield
    except BaseException:
        active.close()
        raise

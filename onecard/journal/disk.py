"""The calls the journal makes on a disk: the seam where tests let the Nth one fail.

Every call may raise `OSError`; `pwrite` may also write less than it was given. Nothing here retries.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """File calls, as the operating system means them."""

    def open(self, path: Path, flags: int) -> int:
        """A descriptor; a file that `flags` make is readable by its owner and group alone."""

    def close(self, descriptor: int) -> None:
        """Closes it; says nothing of what was written."""

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`."""

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        """How many bytes were taken."""

    def fdatasync(self, descriptor: int) -> None:
        """Returns when the data is on the medium. After an error, asking again proves nothing."""

    def fsync(self, descriptor: int) -> None:
        """As `fdatasync`, with the file's size and times."""

    def sync_directory(self, directory: Path) -> None:
        """Returns when the directory's names are on the medium."""

    def rename(self, source: Path, target: Path) -> None:
        """Atomic; durable only after `sync_directory`."""

    def names(self, directory: Path) -> list[str]:
        """The directory's file names, sorted."""

    def drop_cache(self, descriptor: int) -> None:
        """Forgets clean cached pages, so that the next read comes from the medium."""

    def lock(self, descriptor: int) -> bool:
        """Takes the exclusive advisory lock; False when another process holds it."""


class OsDisk:
    """The operating system's own."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags | os.O_CLOEXEC, 0o640)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        return os.pread(descriptor, size, offset)

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        return os.pwrite(descriptor, data, offset)

    def fdatasync(self, descriptor: int) -> None:
        os.fdatasync(descriptor)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def sync_directory(self, directory: Path) -> None:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in directory.iterdir())

    def drop_cache(self, descriptor: int) -> None:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def lock(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

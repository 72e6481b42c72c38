"""Small files replaced whole: after a power cut a reader finds the old content or the new one, never a part.

New content goes to a file beside the old one, is flushed, takes its name, and the directory is flushed (rename(2)).
"""

from __future__ import annotations

import os
from pathlib import Path

from onecard.errors import OnecardError

PUBLIC = 0o644
SECRET = 0o600


class NotKept(OnecardError):
    """The disk did not take a file; the old content, if there was any, is still in force."""

    def __init__(self, file: Path, cause: str) -> None:
        self.file = file
        self.cause = cause
        super().__init__(f"{file} could not be written ({cause}): check that the disk is writable and not full")


class NotReadable(OnecardError):
    """A file that should be there is not, or may not be read."""

    def __init__(self, file: Path, cause: str, cure: str) -> None:
        self.file = file
        self.cause = cause
        super().__init__(f"{file} cannot be read ({cause}): {cure}")


def replace_file(file: Path, content: bytes, mode: int = PUBLIC, *, durable: bool = True) -> None:
    """Gives `file` this content and these permission bits; its directory must be there.

    Without `durable` nothing is flushed: for what is worthless after a restart. Raises `NotKept`.
    """
    fresh = file.with_name(f".{file.name}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        try:
            os.fchmod(descriptor, mode)
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(file)
        if durable:
            sync_directory(file.parent)
    except OSError as error:
        raise NotKept(file, str(error)) from error


def make_directory(directory: Path) -> None:
    """Makes a directory, and those above it, where missing; the names are on the medium. Raises `NotKept`."""
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_directory(folder.parent)
    except OSError as error:
        raise NotKept(directory, str(error)) from error


def sync_directory(directory: Path) -> None:
    """Returns when the directory's names are on the medium. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_file(file: Path, cure: str) -> bytes:
    """The content. Raises `NotReadable` with the `cure` when there is none."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotReadable(file, error.strerror or str(error), cure) from error

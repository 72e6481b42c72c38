"""A disk in memory: a crash state opened by the product's own recovery, its calls recorded to be crashed again."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tests.crash.calls import Call, Create, Rename, Sync, SyncDirectory, Write
from tests.crash.medium import Files

DIRECTORY = Path("/memory")


class MemoryDisk:
    """`onecard.journal.disk.Disk` over one flat directory.

    `calls` are those made so far, on the inodes of `Medium(files)`. `ghosts` are contents that the page cache shows and
    the medium does not have, as a failed sync leaves them: `drop_cache` reveals the medium.
    """

    def __init__(self, files: Files, ghosts: Files | None = None) -> None:
        self.files: dict[str, bytes | bytearray] = files | (ghosts or {})
        self.calls: list[Call] = []
        self._medium = {name: files[name] for name in ghosts or {}}
        self._inodes = {name: number for number, name in enumerate(files, 1)}
        self._made = len(files)
        self._open: dict[int, str] = {}
        self._next = 100

    def after_a_cut(self) -> Files:
        """What lies there when all was written back but the ghosts."""
        return {name: bytes(content) for name, content in self.files.items()} | self._medium

    def open(self, path: Path, flags: int) -> int:
        name = path.name
        if name not in self.files:
            if not flags & os.O_CREAT:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            self._made += 1
            self._inodes[name] = self._made
            self.files[name] = b""
            self.calls.append(Create(name, self._made))
        assert not flags & os.O_TRUNC
        self._next += 1
        self._open[self._next] = name
        return self._next

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        return bytes(self.files[self._open[descriptor]][offset : offset + size])

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        name = self._open[descriptor]
        for contents in (self.files, self._medium):
            if name in contents:
                content = bytearray(contents[name].ljust(offset, b"\0"))
                content[offset : offset + len(data)] = data
                contents[name] = bytes(content)
        self.calls.append(Write(self._inodes[name], offset, bytes(data)))
        return len(data)

    def fdatasync(self, descriptor: int) -> None:
        self.calls.append(Sync(self._inodes[self._open[descriptor]]))

    def fsync(self, descriptor: int) -> None:
        self.fdatasync(descriptor)

    def sync_directory(self, directory: Path) -> None:
        self.calls.append(SyncDirectory("."))

    def rename(self, source: Path, target: Path) -> None:
        for contents in (self.files, self._medium, self._inodes):
            if source.name in contents:
                contents[target.name] = contents.pop(source.name)
        self._open = {d: target.name if name == source.name else name for d, name in self._open.items()}
        self.calls.append(Rename(source.name, target.name))

    def names(self, directory: Path) -> list[str]:
        if not self.files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(directory))
        return sorted(self.files)

    def drop_cache(self, descriptor: int) -> None:
        name = self._open[descriptor]
        if name in self._medium:
            self.files[name] = self._medium.pop(name)

    def lock(self, descriptor: int) -> bool:
        return True

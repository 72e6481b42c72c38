"""A disk in memory under a terminal's journal, with a power cut at any moment.

Model W of docs/journal-proof.md, drawn instead of enumerated: between two syncs of a file each of its 512-byte sectors
holds, after a cut, any version it had since, the newest perhaps torn; of the names changed since the directory's sync a
prefix took effect. A sync that lies promises nothing; the next honest one of the file makes good for it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from tools.fleet.chance import Chance

SECTOR = 512


class DiskFault:
    """What the disk does next: the world sets it, each is used up by the call it meets."""

    __slots__ = ("full", "sync_fails", "sync_lies")

    def __init__(self) -> None:
        self.sync_lies = False
        self.sync_fails = False
        self.full = False


class MemoryDisk:
    """`onecard.journal.disk.Disk` over one flat directory."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.fault = DiskFault()
        self.before_sync: Callable[[], None] = lambda: None
        """Called when a flush of data begins: the power may fail here."""
        self.lied: set[str] = set()
        """Files of which a sync lied and none was honest since."""
        self._writes: dict[str, list[tuple[int, bytes, bytes]]] = {}
        self._renames: list[tuple[str, str]] = []
        self._open: dict[int, str] = {}
        self._next = 3

    def copy(self) -> dict[str, bytes]:
        """An image of the disk as every process sees it."""
        return {name: bytes(content) for name, content in self.files.items()}

    def restore(self, image: dict[str, bytes]) -> None:
        """The image takes the place of everything."""
        self.files = {name: bytearray(content) for name, content in image.items()}
        self._settle()

    def cut(self, draw: Chance) -> bool:
        """The power fails: what is not on the medium is lost, torn, or there after all. Whether a lie came out."""
        for source, target in reversed(self._renames[draw.below(len(self._renames) + 1) :]):
            self.files[source] = self.files.pop(target)
            for pending in (self._writes,):
                if target in pending:
                    pending[source] = pending.pop(target)
        came_out = False
        for name, writes in self._writes.items():
            content = self.files.get(name)
            if content is None or not writes:
                continue
            for offset, old, _ in reversed(writes):
                content[offset : offset + len(old)] = old
            lost = _written_back(content, writes, draw)
            came_out = came_out or (lost and name in self.lied)
        self._settle()
        return came_out

    def open(self, path: Path, flags: int) -> int:
        name = path.name
        if name not in self.files:
            if not flags & os.O_CREAT:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            self.files[name] = bytearray()
        elif flags & os.O_TRUNC:
            del self.files[name][:]
        self._next += 1
        self._open[self._next] = name
        return self._next

    def close(self, descriptor: int) -> None:
        del self._open[descriptor]

    def pread(self, descriptor: int, size: int, offset: int) -> bytes:
        return bytes(self.files[self._open[descriptor]][offset : offset + size])

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        if self.fault.full:
            self.fault.full = False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        name = self._open[descriptor]
        content = self.files[name]
        end = offset + len(data)
        if end > len(content):
            content.extend(bytes(end - len(content)))
        self._writes.setdefault(name, []).append((offset, bytes(content[offset:end]), bytes(data)))
        content[offset:end] = data
        return len(data)

    def fdatasync(self, descriptor: int) -> None:
        name = self._open[descriptor]
        self.before_sync()
        if self.fault.sync_fails:
            self.fault.sync_fails = False
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.fault.sync_lies:
            self.fault.sync_lies = False
            self.lied.add(name)
            return
        self._writes.pop(name, None)
        self.lied.discard(name)

    def fsync(self, descriptor: int) -> None:
        self.fdatasync(descriptor)

    def sync_directory(self, directory: Path) -> None:
        self._renames.clear()

    def rename(self, source: Path, target: Path) -> None:
        self.files[target.name] = self.files.pop(source.name)
        if source.name in self._writes:
            self._writes[target.name] = self._writes.pop(source.name)
        for descriptor, name in self._open.items():
            if name == source.name:
                self._open[descriptor] = target.name
        self._renames.append((source.name, target.name))

    def names(self, directory: Path) -> list[str]:
        return sorted(self.files)

    def drop_cache(self, descriptor: int) -> None:
        pass  # nothing is shown here that the medium could not have

    def lock(self, descriptor: int) -> bool:
        return True

    def _settle(self) -> None:
        self._writes.clear()
        self._renames.clear()
        self._open.clear()
        self.lied.clear()
        self.fault = DiskFault()


def _written_back(content: bytearray, writes: list[tuple[int, bytes, bytes]], draw: Chance) -> bool:
    """Put on the medium, which is as of the last sync, what a cut leaves of `writes`; whether anything is lost."""
    pieces: dict[int, list[tuple[int, bytes]]] = {}
    for offset, _, data in writes:
        at = offset
        while at < offset + len(data):
            end = min(offset + len(data), (at // SECTOR + 1) * SECTOR)
            pieces.setdefault(at // SECTOR, []).append((at, data[at - offset : end - offset]))
            at = end
    lost = False
    for sector in sorted(pieces):
        versions = pieces[sector]
        kept = draw.below(len(versions) + 1)
        lost = lost or kept < len(versions)
        for at, data in versions[:kept]:
            content[at : at + len(data)] = data
        if kept < len(versions) and draw.below(4) == 0:
            at, data = versions[kept]
            torn = data[: draw.below(len(data))]
            content[at : at + len(torn)] = torn
    return lost

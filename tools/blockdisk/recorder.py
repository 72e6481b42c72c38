"""`python -m tools.blockdisk.recorder IMAGE LOG PLACE`: one disk as a file, every write and flush of it logged.

Under PLACE lie `disk`, the image; `mark`, what is written there goes into the log as it stands among the disk's
writes; `command`: `begin` forgets the log so far and saves the image as it is now beside LOG (`LOG.image`); `fail
flushes SKIP N` and `fail writes SKIP N` let SKIP more of them pass and make the next N fail with EIO. A failed flush
takes with it everything written since the last one, as a drive may.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

import mfusepy as fuse  # type: ignore[import-untyped]

from tools.blockdisk.log import Event, FailedFlush, Flush, Mark, Write, encode_event

_FILES = ("disk", "mark", "command")


class Recorder(fuse.Operations):  # type: ignore[misc]  # mfusepy's decorators are untyped
    """The FUSE file system; single-threaded, so the log is an order."""

    use_ns = True

    def __init__(self, image: bytes, log: Path) -> None:
        self._image = bytearray(image)
        self._path = log
        self._log: BinaryIO = log.open("wb", buffering=0)
        self._undo: list[tuple[int, bytes]] = []  # what the writes since the last flush replaced
        self._failing = {"flushes": range(0), "writes": range(0)}  # which of those to come
        self._seen = {"flushes": 0, "writes": 0}

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        """Sizes: the image's, 0 for the others."""
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o700, "st_nlink": 2}
        if path[1:] not in _FILES:
            raise fuse.FuseOSError(errno.ENOENT)
        size = len(self._image) if path == "/disk" else 0
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}

    def readdir(self, path: str, fh: int) -> list[str]:
        """The three files."""
        return [".", "..", *_FILES]

    def open(self, path: str, flags: int) -> int:
        """Any of them."""
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        """Nothing changes size."""
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        """The image as last written, flushed or not."""
        return bytes(self._image[offset : offset + size]) if path == "/disk" else b""

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        """Into the image, the log, or a command."""
        match path:
            case "/disk":
                self._write(data, offset)
            case "/mark":
                self._note(Mark(data.decode()))
            case _:
                self._command(data.decode().split())
        return len(data)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        """The device's FLUSH."""
        if path == "/disk":
            self._flush()
        return 0

    def _write(self, data: bytes, offset: int) -> None:
        if self._fails("writes"):
            raise fuse.FuseOSError(errno.EIO)
        self._undo.append((offset, bytes(self._image[offset : offset + len(data)])))
        self._image[offset : offset + len(data)] = data
        self._note(Write(offset, data))

    def _flush(self) -> None:
        if self._fails("flushes"):
            for offset, old in reversed(self._undo):
                self._image[offset : offset + len(old)] = old
            self._undo.clear()
            self._note(FailedFlush())
            raise fuse.FuseOSError(errno.EIO)
        self._undo.clear()
        self._note(Flush())

    def _fails(self, what: str) -> bool:
        self._seen[what] += 1
        return self._seen[what] in self._failing[what]

    def _command(self, words: list[str]) -> None:
        match words:
            case ["begin"]:
                self._undo.clear()
                self._path.with_suffix(".image").write_bytes(self._image)
                self._log.truncate(0)
                self._log.seek(0)
            case ["fail", what, skip, count] if what in self._failing:
                first = self._seen[what] + int(skip) + 1
                self._failing[what] = range(first, first + int(count))
            case _:
                raise fuse.FuseOSError(errno.EINVAL)

    def _note(self, event: Event) -> None:
        self._log.write(encode_event(event))


def main(image: str, log: str, place: str) -> None:
    """Serves until the mount goes."""
    os.umask(0)
    fuse.FUSE(Recorder(Path(image).read_bytes(), Path(log)), place, foreground=True, nothreads=True, direct_io=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

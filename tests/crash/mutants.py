"""The journal with one of its rules taken away: what the proof must catch, or it proves nothing.

`WRITERS` are disks for the writing process, `READERS` patches (module attribute → replacement) for the judging one.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from onecard.journal import frame
from onecard.journal.disk import OsDisk
from onecard.journal.frame import Frame
from onecard.journal.header import HEADER_SIZE


class NoDataSync(OsDisk):
    """Records are written and never flushed."""

    def fdatasync(self, descriptor: int) -> None:
        pass


class NoFileSync(OsDisk):
    """A header is not flushed before its file gets its name."""

    def fsync(self, descriptor: int) -> None:
        pass


class NoDirectorySync(OsDisk):
    """A segment's name is not flushed before its first record."""

    def sync_directory(self, directory: Path) -> None:
        pass


class HeaderAfterRename(OsDisk):
    """A segment gets its name, durably, and only then its header."""

    def __init__(self) -> None:
        self._held: tuple[int, bytes] | None = None

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        if offset == 0 and len(data) == HEADER_SIZE:
            self._held = (descriptor, data)
            return len(data)
        return super().pwrite(descriptor, data, offset)

    def sync_directory(self, directory: Path) -> None:
        super().sync_directory(directory)
        if self._held is not None:
            descriptor, header = self._held
            self._held = None
            if super().pwrite(descriptor, header, 0) != len(header):
                raise OSError(errno.EIO, "the header was written in part")
            os.fsync(descriptor)


WRITERS: Mapping[str, Callable[[], OsDisk]] = {
    "no-data-sync": NoDataSync,
    "no-file-sync": NoFileSync,
    "no-directory-sync": NoDirectorySync,
    "header-after-rename": HeaderAfterRename,
}


class _AnyChecksum(int):
    """A checksum that every other one equals."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


_NO_CHECK = SimpleNamespace(crc32=lambda *arguments: _AnyChecksum(zlib.crc32(*arguments)))


def _all_vouch(image: bytes, offset: int, seed: int) -> Frame | None:
    found = frame.decode_frame(image, offset, seed)
    return found and found._replace(undurable=0)


def _none_vouch(image: bytes, offset: int, seed: int) -> Frame | None:
    found = frame.decode_frame(image, offset, seed)
    return found and found._replace(undurable=frame.MAX_UNDURABLE)


def _decoding(decode: Callable[[bytes, int, int], Frame | None]) -> Mapping[str, object]:
    return {f"onecard.journal.{module}.decode_frame": decode for module in ("scan", "index")}


READERS: Mapping[str, Mapping[str, object]] = {
    "crc-ignored": {"onecard.journal.scan.zlib": _NO_CHECK, "onecard.journal.frame.zlib": _NO_CHECK},
    "every-later-record-vouches": _decoding(_all_vouch),
    "no-later-record-vouches": _decoding(_none_vouch),
    "mark-ignored": {"onecard.journal.recovery.read_mark": lambda _disk, _directory: None},
    "tail-not-zeroed": {"onecard.journal.recovery._zero": lambda *_: None},
}

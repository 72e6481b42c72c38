"""The system calls of a real process, recorded by strace and read back as `Call`s.

Followed: open, write, pwrite, writev, pwritev, lseek, ftruncate, truncate, fallocate, fsync, fdatasync, rename, unlink,
mkdir, dup, close. A descriptor opened O_SYNC or O_DSYNC syncs with every write. Not visible: writes through a shared
mapping.
A call on a traced file that is not understood is an error, never a guess.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.crash.calls import (
    Call,
    Create,
    MakeDirectory,
    Rename,
    Resize,
    Say,
    Sync,
    SyncDirectory,
    Unlink,
    Write,
)

_CALLS = (
    "open,openat,openat2,creat,close,dup,dup2,dup3,fcntl,lseek,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,"
    "sync_file_range,sync,syncfs,msync,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,"
    "truncate,ftruncate,fallocate,mkdir,mkdirat,rmdir,sendfile,copy_file_range"
)
_STRACE = ("strace", "-f", "-xx", "-s", "2000000", "-e", "signal=none")
_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|\?)(.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


class StraceMissing(Exception):
    """The recorder is not there: the proof cannot be run, and that is no pass."""

    def __init__(self) -> None:
        super().__init__("strace is not installed: run `make setup` (Debian package strace)")


class NotUnderstood(Exception):
    """A traced call whose effect on the medium this reader does not know."""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: what it did, what it said, how it ended."""

    calls: list[Call]
    said: list[tuple[str, ...]]
    status: int
    errors: str


def record(root: Path, arguments: list[str], *, inject: tuple[str, ...] = (), trace: Path) -> Run:
    """Runs `python ARGUMENTS` under strace; the calls are those on files under `root`, which exists.

    `inject` are strace fault expressions, e.g. `fdatasync:error=EIO:when=3`. Raises `StraceMissing`, `NotUnderstood`.
    """
    if shutil.which("strace") is None:
        raise StraceMissing
    faults = [part for fault in inject for part in ("-e", f"inject={fault}")]
    done = subprocess.run(
        [*_STRACE, "-o", str(trace), "-e", f"trace={_CALLS}", *faults, sys.executable, *arguments],
        check=False,
        capture_output=True,
        timeout=100,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    said = [tuple(line.split()) for line in done.stdout.decode().splitlines()]
    with trace.open(encoding="ascii") as lines:
        calls = _Reader(root).read(lines)
    return Run(calls, said, done.returncode, done.stderr.decode())


@dataclass(slots=True)
class _Open:
    """An open file description; descriptors made by dup share it."""

    name: str
    inode: int | None  # None: a directory
    position: int
    append: bool
    synchronous: bool


class _Reader:
    def __init__(self, root: Path) -> None:
        self._root = str(root.resolve())
        self._calls: list[Call] = []
        self._open: dict[int, _Open] = {}
        self._inodes: dict[str, int] = {}
        self._sizes: dict[int, int] = {}
        self._made = 0

    def read(self, lines: Iterable[str]) -> list[Call]:
        cut_short = ""
        for line in lines:
            match = _LINE.match(line)
            if cut_short and match is not None:
                raise NotUnderstood(f"two threads at once: {cut_short}")
            if "<unfinished" in line:  # the last call of a killed process
                cut_short = line[:200]
            if match is None or match[3] == "?":
                continue
            name, arguments, result = match[1], match[2], int(match[3])
            if result >= 0 or name in ("fsync", "fdatasync"):
                self._one(name, arguments, result)
        return self._calls

    def _one(self, call: str, arguments: str, result: int) -> None:
        texts = [bytes.fromhex(m[1].replace("\\x", "")) for m in _TEXT.finditer(arguments)]
        first = arguments.split(",", 1)[0]
        number = int(first) if first.lstrip("-").isdigit() else -1
        file = self._open.get(number)
        match call:
            case "open" | "openat" | "creat":
                self._opened(self._path(texts[0]), arguments, result)
            case "close":
                self._open.pop(number, None)
            case "dup" | "dup2" | "dup3":
                self._dup(file, result)
            case "fcntl" if "F_DUPFD" in arguments:
                self._dup(file, result)
            case "fcntl" | "lseek" if file is None:
                pass
            case "fcntl":
                if "F_SETFL" in arguments:
                    raise NotUnderstood(f"fcntl({arguments})")
            case "lseek":
                file.position = result
            case "write" if number == 1:
                self._calls += [Say(tuple(line.split())) for line in texts[0].decode().splitlines()]
            case "write" | "writev" if file is not None:
                start = self._sizes[file.inode] if file.append else file.position
                self._write(file, start, b"".join(texts)[:result])
                file.position = start + result
            case "pwrite64" | "pwritev" | "pwritev2" if file is not None:
                numbers = re.findall(r", (\d+)", arguments)
                place = int(numbers[-2 if call == "pwritev2" else -1])
                self._write(file, place, b"".join(texts)[:result])
            case "fsync" | "fdatasync" if file is not None:
                if file.inode is not None:
                    self._calls.append(Sync(file.inode, failed=result < 0))
                elif result >= 0:
                    self._calls.append(SyncDirectory(file.name))
            case "ftruncate" if file is not None:
                self._resize(file.inode, int(arguments.split(",")[1]))
            case "truncate":
                if (name := self._path(texts[0])) is not None:
                    self._resize(self._inodes[name], int(arguments.rsplit(",", 1)[1]))
            case "fallocate" if file is not None:
                mode, start, length = re.findall(r", (\w+)", arguments)
                if mode != "0":
                    raise NotUnderstood(f"fallocate({arguments})")
                self._resize(file.inode, max(self._sizes[file.inode], int(start) + int(length)))
            case "rename" | "renameat" | "renameat2":
                self._renamed(self._path(texts[0]), self._path(texts[1]))
            case "unlink" | "unlinkat":
                if (name := self._path(texts[0])) is not None:
                    del self._inodes[name]
                    self._calls.append(Unlink(name))
            case "mkdir" | "mkdirat":
                if (name := self._path(texts[0])) is not None:
                    self._calls.append(MakeDirectory(name))
            case _:
                if file is not None or any(self._path(text) for text in texts if call not in ("write", "writev")):
                    raise NotUnderstood(f"{call}({arguments[:200]})")

    def _path(self, raw: bytes) -> str | None:
        """The path under the root, None for any other; the root itself is "."."""
        path = raw.decode(errors="surrogateescape")
        if path == self._root:
            return "."
        return path.removeprefix(self._root + "/") if path.startswith(self._root + "/") else None

    def _dup(self, file: _Open | None, result: int) -> None:
        if file is not None:
            self._open[result] = file
        else:
            self._open.pop(result, None)

    def _opened(self, name: str | None, arguments: str, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        if name is None:
            return
        path = Path(self._root, name)
        if name == "." or "O_DIRECTORY" in arguments or (name not in self._inodes and path.is_dir()):
            self._open[descriptor] = _Open(name, None, 0, append=False, synchronous=False)
            return
        if name not in self._inodes:
            if "O_CREAT" not in arguments:
                raise NotUnderstood(f"{name} was there before the trace")
            self._made += 1
            self._inodes[name] = self._made
            self._sizes[self._made] = 0
            self._calls.append(Create(name, self._made))
        inode = self._inodes[name]
        if "O_TRUNC" in arguments and self._sizes[inode]:
            self._resize(inode, 0)
        synchronous = "O_DSYNC" in arguments or "O_SYNC" in arguments
        self._open[descriptor] = _Open(name, inode, 0, append="O_APPEND" in arguments, synchronous=synchronous)

    def _write(self, file: _Open, start: int, content: bytes) -> None:
        self._calls.append(Write(file.inode, start, content))
        self._sizes[file.inode] = max(self._sizes[file.inode], start + len(content))
        if file.synchronous:
            self._calls.append(Sync(file.inode))

    def _resize(self, inode: int, size: int) -> None:
        self._sizes[inode] = size
        self._calls.append(Resize(inode, size))

    def _renamed(self, source: str | None, target: str | None) -> None:
        if source is None and target is None:
            return
        if source is None or target is None:
            raise NotUnderstood("a rename into or out of the traced directory")
        self._inodes[target] = self._inodes.pop(source)
        for file in self._open.values():
            if file.name == source:
                file.name = target
        self._calls.append(Rename(source, target))

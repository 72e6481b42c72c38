"""A disk that fails, and journals on it."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
from pathlib import Path

import pytest

from onecard.journal import BootInfo, Journal
from onecard.journal.disk import OsDisk
from onecard.kinds import ClockQuality

KEY = bytes(range(32))
TERMINAL = 4711
SECTOR = 512


class PowerCut(BaseException):
    """The machine stopped before this call."""


class FaultyDisk(OsDisk):
    """Real files, real calls, and a model of the medium under them.

    - `faults[n]`: call n (from 0) fails: an errno, `"short"` (a pwrite takes half), `"cut"` (power fails before).
    - A failed sync leaves the new bytes in the page cache, clean and not on the medium, as Linux does: `drop_cache`
      and `power_cut` reveal what the medium holds.
    - `power_cut(rng)`: each 512-byte sector written since the last sync is independently old or new; renames not yet
      synced are undone from some point on. All descriptors close, as with a dead process.
    - `retried` names descriptors that were written or synced again after they had failed.

    Not modelled: sectors torn inside, damage to what was synced.
    """

    def __init__(self, faults: dict[int, int | str] | None = None) -> None:
        self.faults = faults or {}
        self.calls: list[tuple[str, str]] = []
        self.retried: list[str] = []
        self._paths: dict[int, Path] = {}
        self._old: dict[Path, bytes] = {}  # medium's content of files with unsynced writes
        self._ghosts: dict[Path, bytes] = {}  # medium's content of files whose sync failed
        self._renames: list[tuple[Path, Path]] = []
        self._failed: set[int] = set()

    def _call(self, name: str, path: Path, data: bytes = b"") -> int:
        """Counts the call; raises its fault; returns how many bytes of `data` may be taken."""
        fault = self.faults.get(len(self.calls))
        self.calls.append((name, path.name))
        if fault == "cut":
            raise PowerCut(name)
        if fault == "short" and name == "pwrite":
            return len(data) // 2
        if isinstance(fault, int):
            raise OSError(fault, os.strerror(fault), str(path))
        return len(data)

    def open(self, path: Path, flags: int) -> int:
        self._call("open", path)
        descriptor = super().open(path, flags)
        self._paths[descriptor] = path
        return descriptor

    def close(self, descriptor: int) -> None:
        del self._paths[descriptor]
        self._failed.discard(descriptor)
        super().close(descriptor)

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        path = self._paths[descriptor]
        self._check_poison(descriptor, "pwrite")
        self._old.setdefault(path, path.read_bytes())
        try:
            taken = self._call("pwrite", path, data)
        except OSError:
            self._failed.add(descriptor)
            raise
        if taken < len(data):
            self._failed.add(descriptor)
        return super().pwrite(descriptor, data[:taken], offset)

    def fdatasync(self, descriptor: int) -> None:
        self._sync(descriptor, "fdatasync")

    def fsync(self, descriptor: int) -> None:
        self._sync(descriptor, "fsync")

    def _sync(self, descriptor: int, name: str) -> None:
        path = self._paths[descriptor]
        self._check_poison(descriptor, name)
        try:
            self._call(name, path)
        except OSError:
            self._failed.add(descriptor)
            if path in self._old:
                self._ghosts.setdefault(path, self._old.pop(path))
            raise
        self._old.pop(path, None)  # what a failed sync left behind is clean: it never gets there

    def _check_poison(self, descriptor: int, name: str) -> None:
        path = self._paths[descriptor]
        if descriptor in self._failed and path.name != "DURABLE":  # the mark is never synced
            self.retried.append(f"{name} {path.name}")

    def sync_directory(self, directory: Path) -> None:
        self._call("sync_directory", directory)
        self._renames.clear()

    def rename(self, source: Path, target: Path) -> None:
        self._call("rename", target)
        super().rename(source, target)
        for files in (self._old, self._ghosts):
            if source in files:
                files[target] = files.pop(source)
        self._paths = {d: target if p == source else p for d, p in self._paths.items()}
        self._renames.append((source, target))

    def drop_cache(self, descriptor: int) -> None:
        path = self._paths[descriptor]
        if path in self._ghosts:
            path.write_bytes(self._ghosts.pop(path))

    def power_cut(self, rng: random.Random) -> None:
        for descriptor in list(self._paths):
            self.close(descriptor)
        for path, old in self._old.items():
            new = path.read_bytes().ljust(len(old), b"\0")
            medium = self._ghosts.get(path, old).ljust(len(new), b"\0")
            sectors = (rng.choice((medium, new))[at : at + SECTOR] for at in range(0, len(new), SECTOR))
            path.write_bytes(b"".join(sectors))
        for path, old in self._ghosts.items():
            if path not in self._old:
                path.write_bytes(old)
        survivors = rng.randint(0, len(self._renames))
        for source, target in reversed(self._renames[survivors:]):
            target.rename(source)
        self._old.clear()
        self._ghosts.clear()
        self._renames.clear()

    def power_returns(self) -> None:
        self.faults = {}


class Place:
    """One journal directory and the ways a test opens it; random bytes are counted, so runs repeat."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._random = itertools.count(1)

    def random(self, size: int) -> bytes:
        return random.Random(next(self._random)).randbytes(size)

    def create(self, segment_size: int = 16_384, segments: int = 6, **more) -> None:
        Journal.create(
            self.directory,
            terminal=TERMINAL,
            chain_key=KEY,
            salt=self.random,
            segment_size=segment_size,
            segments=segments,
            **more,
        )

    def open(self, **more) -> Journal:
        boot = BootInfo(self.random(8), 1_900_000_000, ClockQuality.KEPT, "test 1")
        return Journal.open(self.directory, chain_key=KEY, boot=boot, random=self.random, **more)

    def segment(self, number: int = 1) -> Path:
        return self.directory / f"seg-{number:08d}.ocj"

    def snapshot(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}

    def restore(self, snapshot: dict[str, bytes]) -> None:
        for path in self.directory.iterdir():
            if snapshot.get(path.name) is None:
                path.unlink()
        for name, content in snapshot.items():
            path = self.directory / name
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A journal directory that is not made yet."""
    return Place(tmp_path / "journal")


@pytest.fixture
def faulty_disk() -> type[FaultyDisk]:
    return FaultyDisk


@pytest.fixture
def power_cut() -> type[PowerCut]:
    return PowerCut


@pytest.fixture
def fork():
    """A real process from this one."""
    return multiprocessing.get_context("fork")

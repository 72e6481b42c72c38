"""Model W: everything a medium may hold after a power cut, and nothing else.

Between two syncs of a file each of its 512-byte sectors holds any version it had since, whatever the others hold; its
size is any it had since, whatever the sectors hold; of the names of a directory since its last sync any subset took
effect, in order. One sector at a time may also be torn inside: a prefix or suffix of the new version at any byte, and
0xFF or random bytes instead of those that changed. Bytes of a sector that a write does not change stay as they were.

A file's sync does not make its name durable, a directory's sync no content: harsher than ext4. A sync that failed
promises nothing, and no later sync of that file makes good for the bytes it failed on.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

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

SECTOR = 512
_ZEROS = bytes(SECTOR)
_DIRECTORY = -1
_SUBSETS = 8
_THINNED = 4
_RECENT = 6

Files: TypeAlias = dict[str, bytes]
"""What is there: path → content."""

_Key: TypeAlias = "tuple[str, int | str, int]"
_Choice: TypeAlias = "dict[_Key, bytes | int]"


@dataclass(frozen=True, slots=True)
class Effort:
    """How far one point is searched: `product` combinations at most before sampling begins; a tear at one changed byte
    of each `tears` (1: at every byte, 0: none), drawn at random.
    """

    product: int
    tears: int = 1


@dataclass(slots=True)
class Coverage:
    """How the points were searched."""

    exhaustive: int = 0  # every combination of every version
    thinned: int = 0  # every combination of the oldest, the two newest and one other version of long-unsynced sectors
    sampled: int = 0  # random combinations, besides every version of every sector beside all new and beside all old


@dataclass(slots=True)
class _File:
    durable: bytes
    current: bytearray
    sectors: dict[int, list[bytes]] = field(default_factory=dict)  # versions, oldest first
    sizes: list[int] = field(default_factory=list)
    failed: bool = False

    def version(self, number: int) -> bytes:
        return bytes(self.current[number * SECTOR : (number + 1) * SECTOR]).ljust(SECTOR, b"\0")

    def write(self, offset: int, content: bytes) -> None:
        if not content:
            return
        touched = range(offset // SECTOR, (offset + len(content) - 1) // SECTOR + 1)
        before = [self.version(number) for number in touched]
        if offset + len(content) > len(self.current):
            self.current.extend(bytes(offset + len(content) - len(self.current)))
            self.sizes.append(len(self.current))
        self.current[offset : offset + len(content)] = content
        for number, old in zip(touched, before, strict=True):
            new = self.version(number)
            if new != old:
                self.sectors.setdefault(number, [old]).append(new)

    def resize(self, size: int) -> None:
        cut = range(size // SECTOR, -(-len(self.current) // SECTOR))
        before = [self.version(number) for number in cut]
        del self.current[size:]
        for number, old in zip(cut, before, strict=True):
            new = self.version(number)
            if new != old:
                self.sectors.setdefault(number, [old]).append(new)
        self.current.extend(bytes(size - len(self.current)))
        self.sizes.append(size)

    def sync(self, *, failed: bool) -> None:
        self.failed |= failed
        if not self.failed:
            self.durable = bytes(self.current)
            self.sectors.clear()
            self.sizes.clear()

    def image(self, choice: _Choice, inode: int) -> bytes:
        if not self.sectors and not self.sizes:
            return self.durable
        size = choice.get(("size", inode, 0), len(self.durable))
        content = bytearray(self.durable[:size].ljust(size, b"\0"))
        for number in self.sectors:
            content[number * SECTOR : (number + 1) * SECTOR] = choice["sector", inode, number]
        return bytes(content[:size])


class Medium:
    """The files of one directory tree, with all that is not yet durable."""

    def __init__(self, files: Files | None = None) -> None:
        """`files` are durable, names and contents."""
        self._files: dict[int, _File] = {}
        self._names: dict[str, int] = {}
        self._pending: dict[str, list[Call]] = {}
        for number, (name, content) in enumerate((files or {}).items(), 1):
            self._files[number] = _File(content, bytearray(content))
            self._names[name] = number

    def apply(self, call: Call) -> None:
        """What the kernel knows from now on."""
        match call:
            case Write(inode, offset, content):
                self._files[inode].write(offset, content)
            case Resize(inode, size):
                self._files[inode].resize(size)
            case Sync(inode, failed):
                self._files[inode].sync(failed=failed)
            case Create(name, inode):
                self._files[inode] = _File(b"", bytearray())
                self._pending.setdefault(_parent(name), []).append(call)
            case MakeDirectory(name) | Unlink(name) | Rename(_, name):
                self._pending.setdefault(_parent(name), []).append(call)
            case SyncDirectory(name):
                for pending in self._pending.pop(name, []):
                    _take_effect(self._names, pending)
            case Say():
                pass

    def settle(self) -> None:
        """Everything so far is durable: what lies before the part that is judged."""
        for directory in list(self._pending):
            self.apply(SyncDirectory(directory))
        for file in self._files.values():
            file.sync(failed=False)

    def flushed(self) -> Files:
        """Every name there is, each file as it was at its last good sync."""
        return {name: self._files[inode].durable for name, inode in self._all_names().items() if inode != _DIRECTORY}

    def seen(self) -> Files:
        """What every process sees: each file as last written."""
        return {
            name: bytes(self._files[inode].current) for name, inode in self._all_names().items() if inode != _DIRECTORY
        }

    def ghosts(self) -> Files:
        """What the page cache shows of files whose sync failed: calls it clean, and the medium need not have it."""
        names = self._all_names()
        return {name: content for name, content in self.seen().items() if self._files[names[name]].failed}

    def crash_states(self, effort: Effort, rng: random.Random, coverage: Coverage, *, last: bool) -> Iterator[Files]:
        """What may be found if the power fails now; states may repeat. `last` sweeps every version there ever was."""
        axes = self._axes()
        choices = self._combinations(axes, effort, rng, coverage)
        choices = itertools.chain(choices, _sweep(axes, rng, last=last))
        if effort.tears:
            choices = itertools.chain(choices, _tears(axes, effort.tears, rng))
        for choice in choices:
            yield self._files_of(choice)

    def _all_names(self) -> dict[str, int]:
        names = dict(self._names)
        for pending in self._pending.values():
            for call in pending:
                _take_effect(names, call)
        return names

    def _axes(self) -> dict[_Key, list[bytes | int]]:
        """Everything that may be so or so: oldest version first, newest last."""
        axes: dict[_Key, list[bytes | int]] = {}
        for inode, file in self._files.items():
            if file.sizes:
                axes["size", inode, 0] = list(dict.fromkeys([len(file.durable), *file.sizes]))
            for number, versions in file.sectors.items():
                axes["sector", inode, number] = versions
        for directory, pending in self._pending.items():
            count = len(pending)
            if count <= _SUBSETS:
                axes["names", directory, 0] = list(range(1 << count))
            else:  # every prefix, and everything but one
                everything = (1 << count) - 1
                subsets = {(1 << kept) - 1 for kept in range(count)} | {everything ^ (1 << one) for one in range(count)}
                axes["names", directory, 0] = [*sorted(subsets - {everything}), everything]
        return axes

    def _combinations(
        self, axes: dict[_Key, list[bytes | int]], effort: Effort, rng: random.Random, coverage: Coverage
    ) -> Iterator[_Choice]:
        chosen = axes
        if math.prod(map(len, axes.values())) <= effort.product:
            coverage.exhaustive += 1
        else:
            chosen = {
                key: versions if len(versions) <= _THINNED or key[0] == "names" else _thin(versions, rng)
                for key, versions in axes.items()
            }
            if math.prod(map(len, chosen.values())) <= effort.product:
                coverage.thinned += 1
            else:
                coverage.sampled += 1
                for _ in range(effort.product):
                    yield {key: rng.choice(versions) for key, versions in axes.items()}
                return
        for versions in itertools.product(*chosen.values()):
            yield dict(zip(chosen, versions, strict=True))

    def _files_of(self, choice: _Choice) -> Files:
        names = dict(self._names)
        for directory, pending in self._pending.items():
            taken = choice["names", directory, 0]
            for number, call in enumerate(pending):
                if taken >> number & 1:
                    _take_effect(names, call)
        return {
            name: self._files[inode].image(choice, inode)
            for name, inode in names.items()
            if inode != _DIRECTORY and ("/" not in name or names.get(_parent(name)) == _DIRECTORY)
        }


def crash_points(
    medium: Medium, calls: list[Call], effort: Effort, rng: random.Random, coverage: Coverage
) -> Iterator[tuple[int, Files]]:
    """(how many calls were made, a state): all that may be found if the power fails anywhere in `calls`.

    Between two syncs what is possible only grows, and so does what was promised: each point right before a sync, and
    the end, hold all that the points before them hold.
    """
    dirty = False
    for made, call in enumerate(calls):
        if isinstance(call, Sync | SyncDirectory) and dirty:
            for files in medium.crash_states(effort, rng, coverage, last=False):
                yield made, files
            dirty = False
        medium.apply(call)
        dirty = dirty or not isinstance(call, Sync | SyncDirectory)
    for files in medium.crash_states(effort, rng, coverage, last=True):
        yield len(calls), files


def _parent(name: str) -> str:
    return name.rpartition("/")[0] or "."


def _take_effect(names: dict[str, int], call: Call) -> None:
    match call:
        case Create(name, inode):
            names[name] = inode
        case MakeDirectory(name):
            names[name] = _DIRECTORY
        case Unlink(name):
            names.pop(name, None)
        case Rename(source, target) if source in names:
            names[target] = names.pop(source)
        case _:
            pass


def _thin(versions: list[bytes | int], rng: random.Random) -> list[bytes | int]:
    return [versions[0], rng.choice(versions[1:-2]), *versions[-2:]]


def _sweep(axes: dict[_Key, list[bytes | int]], rng: random.Random, *, last: bool) -> Iterator[_Choice]:
    """Each version of each axis, beside all that is newest and beside all that is oldest."""
    for end in (-1, 0):
        others = {key: versions[end] for key, versions in axes.items()}
        yield others
        for key, versions in axes.items():
            few = last or len(versions) <= 2 * _RECENT or key[0] == "names"
            for version in versions if few else [*rng.sample(versions, 2), *versions[-_RECENT:]]:
                yield others | {key: version}


def _tears(axes: dict[_Key, list[bytes | int]], stride: int, rng: random.Random) -> Iterator[_Choice]:
    for end in (-1, 0):
        others = {key: versions[end] for key, versions in axes.items()}
        for key, versions in axes.items():
            if key[0] == "sector":
                for torn in _torn(versions[-3:], stride, rng) | _torn([versions[0], versions[-1]], stride, rng):
                    yield others | {key: torn}


def _torn(versions: list[bytes | int], stride: int, rng: random.Random) -> set[bytes]:
    """Every way to be caught in mid-write from one version to the next."""
    torn: set[bytes] = set()
    for old, new in itertools.pairwise(versions):
        changed = [at for at in range(SECTOR) if old[at] != new[at]]
        if not changed:
            continue
        first, past = changed[0], changed[-1] + 1
        for at in changed if stride == 1 else rng.sample(changed, -(-len(changed) // stride)):
            torn.add(new[:at] + old[at:])
            torn.add(old[:at] + new[at:])
        for filling in (b"\xff" * (past - first), rng.randbytes(past - first)):
            torn.add(old[:first] + filling + old[past:])
    return torn

"""What a process did to the files under one directory, as the medium has to answer for it.

Paths are relative to the traced directory; `inode` is a number of ours, given at the file's making.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Create:
    """A new name for a new, empty file."""

    name: str
    inode: int


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    name: str


@dataclass(frozen=True, slots=True)
class Write:
    inode: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Resize:
    inode: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """fsync or fdatasync of a file. One that failed promises nothing, and neither does any later one for its bytes."""

    inode: int
    failed: bool = False


@dataclass(frozen=True, slots=True)
class SyncDirectory:
    name: str


@dataclass(frozen=True, slots=True)
class Rename:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Unlink:
    name: str


@dataclass(frozen=True, slots=True)
class Say:
    """A line the workload wrote to its standard output: what it promised and when."""

    words: tuple[str, ...]


Call: TypeAlias = Create | MakeDirectory | Write | Resize | Sync | SyncDirectory | Rename | Unlink | Say

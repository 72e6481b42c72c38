"""The list of terminals let in, beside the database: a JSON line each, appended and flushed before the answer goes out.

A database put back from a backup does not know the terminals that came after it. From this list it knows them again,
and gives no number a second time (P-R7).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A terminal as it was let in. Public keys in hexadecimal, the time in UTC seconds."""

    number: int
    site: str
    work: str
    signing_public: str
    sealing_public: str
    software: str
    enrolled_at: int


def append(file: Path, terminal: Enrolled) -> None:
    """Add a terminal; it is on the medium when this returns. Raises `OSError`."""
    line = f"{json.dumps(asdict(terminal), ensure_ascii=False)}\n".encode()
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(file: Path) -> Iterator[Enrolled]:
    """The terminals of the list; a line that a crash cut short was never answered, and is passed over."""
    if not file.exists():
        return
    for line in file.read_bytes().splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        yield Enrolled(**fields)

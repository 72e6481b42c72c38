"""Every state a power cut could leave on a recorded disk. Pure.

Between two flushes each 512-byte sector independently holds what it held at the last flush or any version written since
(model W at the block device). All states of the time between two flushes are there just before the second, so they are
listed there, with all that was promised by then. While at most `EXHAUSTIVE` sectors have changed, every combination is
listed; beyond that, of several hundred thousand: nothing, everything, every prefix of the writes, every sector missing
alone, every sector there alone, and `SAMPLES` drawn at random. A content that can be left at several times counts once,
at the latest, where most was promised.

Not modelled: sectors torn inside, flushes that lie.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tools.blockdisk.log import SECTOR, Event, FailedFlush, Flush, Mark, Write

EXHAUSTIVE = 6
SAMPLES = 16
_ALONE = 16  # sectors tried alone and missing alone, at most

Sectors: TypeAlias = Mapping[int, bytes]
"""Sector number → its 512 bytes."""


@dataclass(slots=True)
class Epoch:
    """The time between two flushes."""

    writes: list[Write] = field(default_factory=list)
    marks: int = 0  # said from the beginning to the end of this epoch
    kept: bool = True  # False: the flush failed


@dataclass(frozen=True, slots=True)
class State:
    """What the medium could hold: that of the flush before epoch `epoch`, with `changes`."""

    epoch: int
    changes: Sectors
    exhaustive: bool  # all combinations of its epoch are listed


def marks_of(events: Iterable[Event]) -> list[str]:
    """All that was said, in order."""
    return [event.text for event in events if isinstance(event, Mark)]


def epochs_of(events: Iterable[Event]) -> list[Epoch]:
    """The log cut at its flushes; the last one has none."""
    epochs = [Epoch()]
    marks = 0
    for event in events:
        match event:
            case Write():
                epochs[-1].writes.append(event)
            case Mark():
                marks += 1
            case Flush() | FailedFlush():
                epochs[-1].kept = isinstance(event, Flush)
                epochs.append(Epoch())
        epochs[-1].marks = marks
    return epochs


def pass_over(image: bytearray, epoch: Epoch) -> None:
    """`image` as the flush that ends `epoch` left it."""
    if epoch.kept:
        for write in epoch.writes:
            image[write.offset : write.offset + len(write.content)] = write.content


def crash_states(image: bytes, epochs: list[Epoch], seed: int) -> list[State]:
    """All of them, by epoch; `image` is the disk as recording began."""
    rng = random.Random(seed)  # noqa: S311 - a test's, printed
    base = bytearray(image)
    name = 0
    latest: dict[int, State] = {}
    for number, epoch in enumerate(epochs):
        versions = _versions(base, epoch.writes)
        exhaustive = len(versions) <= EXHAUSTIVE
        for changes in _every(versions) if exhaustive else _some(base, epoch.writes, versions, rng):
            latest[name ^ _name(base, changes)] = State(number, changes, exhaustive)
        if epoch.kept:
            name ^= _name(base, {sector: contents[-1] for sector, contents in versions.items()})
        pass_over(base, epoch)
    return sorted(latest.values(), key=lambda state: state.epoch)


def _versions(base: bytes | bytearray, writes: list[Write]) -> dict[int, list[bytes]]:
    """Of each sector that changed: what it held at the flush, then each version in turn."""
    versions: dict[int, list[bytes]] = {}
    for write in writes:
        for sector, content in _sectors(write):
            old = versions.get(sector) or [_at(base, sector)]
            if content != old[-1]:
                versions[sector] = [*old, content]
    return versions


def _every(versions: Mapping[int, list[bytes]]) -> Iterator[Sectors]:
    for contents in itertools.product(*versions.values()):
        yield dict(zip(versions, contents, strict=True))


def _some(
    base: bytes | bytearray, writes: list[Write], versions: Mapping[int, list[bytes]], rng: random.Random
) -> Iterator[Sectors]:
    for count in range(len(writes) + 1):
        yield dict(itertools.chain.from_iterable(_sectors(write) for write in writes[:count]))
    everything = {sector: contents[-1] for sector, contents in versions.items()}
    for sector in rng.sample(sorted(versions), min(_ALONE, len(versions))):
        yield {sector: everything[sector]}
        yield everything | {sector: _at(base, sector)}
    for _ in range(SAMPLES):
        yield {sector: rng.choice(contents) for sector, contents in versions.items()}


def _sectors(write: Write) -> Iterator[tuple[int, bytes]]:
    assert write.offset % SECTOR == len(write.content) % SECTOR == 0
    for at in range(0, len(write.content), SECTOR):
        yield (write.offset + at) // SECTOR, write.content[at : at + SECTOR]


def _at(image: bytes | bytearray, sector: int) -> bytes:
    return bytes(image[sector * SECTOR : (sector + 1) * SECTOR])


def _name(base: bytes | bytearray, changes: Sectors) -> int:
    """What `changes` make of the name of `base`: equal contents have equal names, however they came about."""
    name = 0
    for sector, content in changes.items():
        name ^= _hash(sector, _at(base, sector)) ^ _hash(sector, content)
    return name


def _hash(sector: int, content: bytes) -> int:
    hashed = hashlib.blake2b(content, digest_size=8, salt=sector.to_bytes(8, "big"))
    return int.from_bytes(hashed.digest(), "big")

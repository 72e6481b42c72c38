"""The BOOT record: the one payload the journal reads and writes itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

from onecard.journal.frame import Frame
from onecard.kinds import ClockQuality
from onecard.records import Boot, RecordKind, decode_record


@dataclass(frozen=True, slots=True)
class BootInfo:
    """What the terminal knows of this start: 8 random bytes, UTC seconds and their quality, software version."""

    incarnation: bytes
    at: int
    clock: ClockQuality
    software: str


class Life(NamedTuple):
    """One life of the journal: its epoch and its 8 random bytes. Epoch 0: made, never started."""

    epoch: int
    incarnation: bytes


def boot_of(frame: Frame) -> Boot:
    """The BOOT record in a frame of that kind. Raises `BadRecord`."""
    assert frame.kind == RecordKind.BOOT
    return cast(Boot, decode_record(frame.kind, frame.payload))


def life_after(life: Life, frames: list[Frame]) -> Life:
    """The life in force after `frames`, when `life` was before them. Raises `BadRecord`."""
    for frame in reversed(frames):
        if frame.kind == RecordKind.BOOT:
            boot = boot_of(frame)
            return Life(boot.epoch, boot.incarnation)
    return life

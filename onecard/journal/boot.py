"""The BOOT record: the one payload the journal reads and writes itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from onecard.journal.errors import UnreadableBoot
from onecard.journal.frame import Frame
from onecard.kinds import ClockQuality
from onecard.records import BadRecord, Boot, RecordKind, decode_record


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


def boot_of(frame: Frame, file: Path) -> Boot:
    """The BOOT record in a frame of that kind, which lies in `file`. Raises `UnreadableBoot`."""
    assert frame.kind == RecordKind.BOOT
    try:
        return cast(Boot, decode_record(frame.kind, frame.payload))
    except BadRecord as error:
        raise UnreadableBoot(file, frame.offset, str(error)) from error


def life_after(life: Life, frames: list[Frame], file: Path) -> Life:
    """The life in force after `frames` of `file`, when `life` was before them. Raises `UnreadableBoot`."""
    for frame in reversed(frames):
        if frame.kind == RecordKind.BOOT:
            boot = boot_of(frame, file)
            return Life(boot.epoch, boot.incarnation)
    return life

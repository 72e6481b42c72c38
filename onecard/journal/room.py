"""Space in a journal: how much is left, what is kept back, and when somebody must come. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique

from onecard.journal.header import HEADER_SIZE, SegmentHeader
from onecard.records import RecordKind

CLOSING_KINDS = frozenset(
    {
        RecordKind.BOOT,
        RecordKind.OUTCOME,
        RecordKind.SHIFT,
        RecordKind.ACK,
        RecordKind.GAP,
        RecordKind.SEAL,
        RecordKind.PORT,
    }
)
"""Kinds that finish what was begun, or make room: they may use the space kept back (F14). A DECLINE, an APPLIED or an
ISSUE may not."""

LEAST_ROOM = 8 << 10
"""Bytes a sale must find before it may begin: a delivery, a seal and a debit, each with its outcome, take 1 KiB."""

_KEPT_BACK = 64 << 10


@unique
class Level(IntEnum):
    """The watermarks of a journal's space: per mille used from which each holds."""

    FREE = 0
    WARN = 700  # upload soon
    COURIER = 900  # somebody must come and collect
    FULL = 1000  # nothing new is begun


@dataclass(frozen=True, slots=True)
class Room:
    """Space for new work, in bytes, without what is kept back for outcomes."""

    bytes_left: int
    bytes_total: int

    @property
    def used_ratio(self) -> float:
        """0.0 empty … 1.0 full."""
        return 1 - self.bytes_left / self.bytes_total

    @property
    def left_per_mille(self) -> int:
        """0 full … 1000 empty, as the heartbeat tells it: never 0 while a sale may begin, so it tells the level too."""
        if self.bytes_left < LEAST_ROOM:
            return 0
        return 1000 - 1000 * (self.bytes_total - self.bytes_left) // self.bytes_total

    @property
    def level(self) -> Level:
        """The highest watermark reached."""
        return level_of(1000 - self.left_per_mille)


def level_of(used_per_mille: int) -> Level:
    """The highest watermark at or below `used_per_mille`."""
    return max(level for level in Level if level <= used_per_mille or level is Level.FREE)


def room_of(header: SegmentHeader, active_left: int, unused: int) -> Room:
    """The room of a journal: bytes left in its active segment, whose header this is, and files left in its pool."""
    capacity = header.segment_size - HEADER_SIZE
    left = active_left + unused * capacity - kept_back(capacity)
    return Room(max(0, left), header.segments * capacity)


def kept_back(capacity: int) -> int:
    """Bytes kept for `CLOSING_KINDS` in the last segment, of `capacity` bytes: some 500 outcomes in the usual 1 MiB."""
    return min(_KEPT_BACK, capacity // 4)

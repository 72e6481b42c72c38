"""Space in a journal, and what of it is kept back. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from onecard.records import RecordKind

CLOSING_KINDS = frozenset(
    {RecordKind.BOOT, RecordKind.OUTCOME, RecordKind.SHIFT, RecordKind.ACK, RecordKind.GAP, RecordKind.SEAL}
)
"""Kinds that finish what was begun, or make room: they may use the space kept back (F14)."""

_KEPT_BACK = 64 << 10


@dataclass(frozen=True, slots=True)
class Room:
    """Space for new work, in bytes, without what is kept back for outcomes."""

    bytes_left: int
    bytes_total: int

    @property
    def used_ratio(self) -> float:
        """0.0 empty … 1.0 full."""
        return 1 - self.bytes_left / self.bytes_total


def kept_back(capacity: int) -> int:
    """Bytes kept for `CLOSING_KINDS` in the last segment, of `capacity` bytes: some 500 outcomes in the usual 1 MiB."""
    return min(_KEPT_BACK, capacity // 4)

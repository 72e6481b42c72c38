"""Records that were lost, and what is whole behind them. Pure.

A damaged file is never changed. What a later record, the durable mark or the next segment's header vouches for and does
not read whole is missing; what reads whole after it is salvaged, its name told by what the journal says elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from onecard.journal.boot import boot_of
from onecard.journal.errors import CorruptMiddle, LostSegment
from onecard.journal.frame import Frame
from onecard.records import RecordKind

REASON_SIZE = 120


@dataclass(frozen=True, slots=True)
class Missing:
    """Records `first` … `last` are lost; `damage` says where and why."""

    first: int
    last: int
    damage: CorruptMiddle

    @property
    def reason(self) -> str:
        """For the GAP record: at most 120 characters, the file's name first."""
        return f"{self.damage.file.name} at byte {self.damage.offset}: {self.damage.reason}"[:REASON_SIZE]


def missing_segment(lost: LostSegment, first: int, last: int) -> Missing:
    """Records `first` … `last` are lost with a segment that does not read."""
    return Missing(first, last, CorruptMiddle(lost.file, lost.offset, lost.reason, first, None))


def missing_runs(damage: CorruptMiddle, salvaged: Iterable[Frame], last: int) -> list[Missing]:
    """What of `damage.sequence` … `last` is not among the salvaged frames."""
    runs, expected = [], damage.sequence
    for frame in salvaged:
        if frame.sequence > expected:
            runs.append(Missing(expected, frame.sequence - 1, damage))
        expected = frame.sequence + 1
    if expected <= last:
        runs.append(Missing(expected, last, damage))
    return runs


def salvaged_epochs(salvaged: Sequence[Frame], before: int, after: int | None, file: Path) -> list[int]:
    """The epoch of each frame salvaged from `file`. A BOOT states its own, and epochs rise by one, so one that was lost
    is told by the next one found, or by the epoch known `after` them all (None: nothing tells, `before` goes on).
    Raises `UnreadableBoot`."""
    boots = [boot_of(frame, file).epoch for frame in salvaged if frame.kind == RecordKind.BOOT]
    epoch = after if after is not None else max([before, *boots])
    epochs = []
    for frame in reversed(salvaged):
        if frame.kind == RecordKind.BOOT:
            epoch = boot_of(frame, file).epoch
        epochs.append(epoch)
        if frame.kind == RecordKind.BOOT:
            epoch -= 1
    return epochs[::-1]

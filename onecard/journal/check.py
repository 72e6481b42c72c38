"""Is a journal whole? Every segment read to its end, each damage found rather than the first alone. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from onecard.journal.disk import Disk, OsDisk
from onecard.journal.errors import BadHeader, JournalDamage
from onecard.journal.header import HEADER_SIZE
from onecard.journal.mark import DurableMark
from onecard.journal.pool import DURABLE, Pool
from onecard.journal.recovery import read_mark
from onecard.journal.scan import chained_frames, torn_size
from onecard.journal.segment import Segment, load_image, read_segments
from onecard.journal.walk import Entry, segment_entries


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `torn_bytes` is no damage: the next start cuts them."""

    terminal: int
    epoch: int
    segments: int
    pool: int
    first_sequence: int
    last_sequence: int
    durable_sequence: int | None  # of the mark, None when it claims nothing
    records: int
    torn_bytes: int
    chain_proved: bool
    damage: list[JournalDamage]


def check_journal(directory: Path, key: bytes | None, *, disk: Disk | None = None) -> Report:
    """Proves every CRC, the sequence, the links and, with the 32-byte chain key, every tag.

    Raises `NoJournal`, and `JournalDamage` when not even the headers tell which segments there are.
    """
    disk = disk or OsDisk()
    mark = read_mark(disk, directory)  # before the segments: a running terminal only moves it on
    segments = read_segments(disk, directory)
    damage: list[JournalDamage] = []
    last: Entry | None = None
    records = 0
    for segment, successor in zip(segments, [*segments[1:], None], strict=True):
        for entry in _collect(disk, segment, successor, key, damage):
            if mark is not None and entry.name.sequence == mark.name.sequence and entry.tag != mark.tag:
                damage.append(
                    BadHeader(directory / DURABLE, 24, f"its tag is not that of record {entry.name.sequence}")
                )
            records += 1
            last = entry
    header = segments[-1].header
    return Report(
        terminal=header.terminal,
        epoch=last.name.epoch if last else header.epoch,
        segments=len(segments),
        pool=len(Pool(disk, directory)),
        first_sequence=segments[0].header.first_sequence,
        last_sequence=last.name.sequence if last else header.first_sequence - 1,
        durable_sequence=mark.name.sequence if mark else None,
        records=records,
        torn_bytes=_tail(disk, segments[-1], mark, damage),
        chain_proved=key is not None,
        damage=damage,
    )


def _collect(
    disk: Disk, segment: Segment, successor: Segment | None, key: bytes | None, damage: list[JournalDamage]
) -> Iterator[Entry]:
    try:
        yield from segment_entries(disk, segment, successor, key=key, last=None)
    except JournalDamage as error:
        damage.append(error)


def _tail(disk: Disk, segment: Segment, mark: DurableMark | None, damage: list[JournalDamage]) -> int:
    """Torn bytes at the end of the newest segment, judged with the mark as a start would."""
    if any(error.file == segment.file for error in damage):
        return 0
    image = load_image(disk, segment)
    sequence, end = segment.header.first_sequence, HEADER_SIZE
    for frame in chained_frames(segment, image, None):
        sequence, end = frame.sequence + 1, frame.end
    try:
        return torn_size(segment, image, end, sequence, mark.name.sequence if mark else 0)
    except JournalDamage as error:
        damage.append(error)
        return 0

"""Is a journal whole? Every segment read to its end, each damage found rather than the first alone. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from onecard.journal.boot import boot_of
from onecard.journal.disk import Disk, OsDisk
from onecard.journal.errors import BadHeader, JournalDamage, LostSegment
from onecard.journal.frame import KIND_AT
from onecard.journal.mark import DurableMark
from onecard.journal.pool import DURABLE, Pool
from onecard.journal.recovery import read_mark
from onecard.journal.scan import frame_at, prove_chain, torn_size, whole_frames
from onecard.journal.segment import Segment, load_image, survey
from onecard.journal.walk import check_link
from onecard.records import RecordKind


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


@dataclass(slots=True)
class _Tally:
    """What was found so far: whole records, the last one's sequence, the epoch in force, torn bytes at the end."""

    records: int
    last: int
    epoch: int
    torn: int
    damage: list[JournalDamage]


def check_journal(
    directory: Path,
    key: bytes | None,
    *,
    disk: Disk | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Proves every CRC, the sequence, the links and, with the 32-byte chain key, every tag.

    `progress` is told segments done and in all. Raises `NoJournal`, and `BadHeader` when no header reads, or one says
    what decay does not explain.
    """
    disk = disk or OsDisk()
    mark = read_mark(disk, directory)  # before the segments: a running terminal only moves it on
    segments, unread = survey(disk, directory)
    header = segments[0].header
    tally = _Tally(0, header.first_sequence - 1, header.epoch, 0, [])
    for done, (segment, successor) in enumerate(zip(segments, [*segments[1:], None], strict=True), 1):
        lost = unread if successor is None else successor.lost_before
        tally.damage.extend(segment.lost_before)
        try:
            _check(disk, segment, successor, lost, key=key, mark=mark, tally=tally)
        except JournalDamage as error:
            tally.damage.append(error)
        progress(done, len(segments))
    tally.damage.extend(unread)
    return Report(
        terminal=header.terminal,
        epoch=tally.epoch,
        segments=len(segments),
        pool=len(Pool(disk, directory)),
        first_sequence=header.first_sequence,
        last_sequence=tally.last,
        durable_sequence=mark.name.sequence if mark else None,
        records=tally.records,
        torn_bytes=tally.torn,
        chain_proved=key is not None,
        damage=tally.damage,
    )


def _check(
    disk: Disk,
    segment: Segment,
    successor: Segment | None,
    lost: Sequence[LostSegment],
    *,
    key: bytes | None,
    mark: DurableMark | None,
    tally: _Tally,
) -> None:
    """One segment, by its offsets: no record is built. Raises `JournalDamage` after what was whole is counted.

    With segments `lost` behind it, only its own frames say where it ends.
    """
    header = segment.header
    image = load_image(disk, segment)
    offsets, end = whole_frames(segment, image)
    if successor is not None and len(offsets) > successor.header.first_sequence - header.first_sequence:
        kept = successor.header.first_sequence - header.first_sequence
        offsets, end = offsets[:kept], offsets[kept]
    tally.epoch = header.epoch
    for offset in offsets:
        if image[offset + KIND_AT] == RecordKind.BOOT:
            tally.epoch = boot_of(frame_at(image, offset), segment.file).epoch
    if offsets:
        tally.records += len(offsets)
        tally.last = header.first_sequence + len(offsets) - 1
    if mark is not None and header.first_sequence <= mark.name.sequence < header.first_sequence + len(offsets):
        tag = frame_at(image, offsets[mark.name.sequence - header.first_sequence]).tag
        if tag != mark.tag:
            reason = f"its tag is not that of record {mark.name.sequence}"
            tally.damage.append(BadHeader(segment.file.with_name(DURABLE), 24, reason))
    if key is not None:
        prove_chain(segment, image, offsets, end, key)
    next_sequence = header.first_sequence + len(offsets)
    if lost and (successor is None or next_sequence < successor.header.first_sequence):
        torn_size(segment, image, end, next_sequence, 0)
    elif successor is None:
        tally.torn = torn_size(segment, image, end, next_sequence, mark.name.sequence if mark else 0)
    elif next_sequence < successor.header.first_sequence:
        torn_size(segment, image, end, next_sequence, successor.header.first_sequence - 1)
    else:
        check_link(successor, tally.epoch, frame_at(image, offsets[-1]).tag if offsets else header.previous_tag)

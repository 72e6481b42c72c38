"""Records in order across segments: one segment's bytes in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from onecard.identity import RecordName, TerminalNumber
from onecard.journal.boot import boot_of
from onecard.journal.disk import Disk
from onecard.journal.errors import BadHeader, CorruptMiddle, LostSegment
from onecard.journal.frame import OVERHEAD, Frame
from onecard.journal.gaps import Missing, missing_runs, missing_segment, salvaged_epochs
from onecard.journal.header import HEADER_SIZE
from onecard.journal.scan import chained_frames, salvaged_frames, torn_size
from onecard.journal.segment import Segment, load_image, segment_number, survey
from onecard.records import RecordKind


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as journaled: its name, kind byte, opaque payload and 8-byte chain tag.

    `after_gap`: found whole behind damage; its CRC and the tags of its neighbours vouch for it, no tag before the hole.
    """

    name: RecordName
    kind: int
    payload: bytes
    tag: bytes
    after_gap: bool = False


def epoch_at(epoch: int, frame: Frame, file: Path) -> int:
    """The epoch of a `frame` of `file`, when `epoch` was that of the frame before it: a BOOT opens the next. Raises
    `UnreadableBoot`."""
    return boot_of(frame, file).epoch if frame.kind == RecordKind.BOOT else epoch


def walk(
    disk: Disk,
    directory: Path,
    *,
    key: bytes | None,
    first: int,
    last: int | None,
    missing: Callable[[Missing], None] | None = None,
    vouched: int = 0,
) -> Iterator[Entry]:
    """Records `first` … `last` in order; `last` None reads to the end of what is whole.

    Proves every CRC, the sequence, the links between segments and, with `key`, every chain tag from the beginning of
    the segment that holds `first`. Raises `JournalDamage` at the place, after the records before it; with `missing`,
    each run of lost records is told to it instead, and what is whole behind it follows. With a newest segment that does
    not read, what is lost goes to `vouched` at least.
    """
    segments, unread = survey(disk, directory)
    oldest = segments[0]
    if oldest.lost_before and first < oldest.header.first_sequence:
        if missing is None:
            raise oldest.lost_before[0]
        missing(lost_beginning(oldest))
    start = max((i for i, s in enumerate(segments) if s.header.first_sequence <= first), default=0)
    for segment, successor in zip(segments[start:], [*segments[start + 1 :], None], strict=True):
        if last is not None and segment.header.first_sequence > last:
            return
        lost = unread if successor is None else successor.lost_before
        entries = segment_entries(
            disk, segment, successor, lost, key=key, first=first, last=last, missing=missing, vouched=vouched
        )
        for entry in entries:
            if entry.name.sequence >= first:
                yield entry


def lost_beginning(oldest: Segment) -> Missing:
    """What may have lain in the segments before the oldest that reads: from record 1 when segment 1 is among them, else
    as many as they had room for, because nothing tells where they began."""
    lost, last = oldest.lost_before[0], oldest.header.first_sequence - 1
    begun = segment_number(lost.file)
    room = (oldest.header.number - begun) * ((oldest.header.segment_size - HEADER_SIZE) // OVERHEAD)
    return missing_segment(lost, 1 if begun == 1 else max(1, last - room + 1), last)


def segment_entries(
    disk: Disk,
    segment: Segment,
    successor: Segment | None,
    lost: Sequence[LostSegment],
    *,
    key: bytes | None,
    first: int = 1,
    last: int | None,
    missing: Callable[[Missing], None] | None = None,
    vouched: int = 0,
) -> Iterator[Entry]:
    """The records of one segment, which ends where `successor` begins; those before `first` are proved and may be left
    out. Raises `JournalDamage`, or tells `missing`.

    With segments `lost` between, their headers no longer say where this one ends: it is read as far as it is whole, and
    what does not follow there is lost with them. Nothing is salvaged behind a hole then: a torn tail that another life
    left could not be told from it, nor its epoch.
    """
    header = segment.header
    image = load_image(disk, segment)
    terminal = TerminalNumber(header.terminal)
    epoch, sequence, tag, end = header.epoch, header.first_sequence - 1, header.previous_tag, HEADER_SIZE
    sealed_at = None if successor is None else successor.header.first_sequence - 1
    bound = min((n for n in (last, sealed_at) if n is not None), default=None)
    if bound is None or sequence < bound:
        needed = first if bound is None else min(first, bound)
        for frame in chained_frames(segment, image, key, needed):
            epoch, sequence, tag, end = epoch_at(epoch, frame, segment.file), frame.sequence, frame.tag, frame.end
            yield Entry(RecordName(terminal, epoch, sequence), frame.kind, frame.payload, tag)
            if sequence == bound:
                break
        else:
            if lost:
                if missing is None:
                    raise lost[0]
                until = max(sequence + 1, vouched) if bound is None else bound
                missing(missing_segment(lost[0], sequence + 1, until))
                return
            try:
                torn_size(segment, image, end, sequence + 1, bound if bound is not None else 0)
            except CorruptMiddle as damage:
                if missing is None:
                    raise
                salvaged = [
                    f for f in salvaged_frames(segment, image, damage, key) if bound is None or f.sequence <= bound
                ]
                until = max([sequence, *(f.sequence for f in salvaged)]) if bound is None else bound
                for run in missing_runs(damage, salvaged, until):
                    missing(run)
                after = None if successor is None or bound != sealed_at else successor.header.epoch
                for frame, of in zip(salvaged, salvaged_epochs(salvaged, epoch, after, segment.file), strict=True):
                    yield Entry(RecordName(terminal, of, frame.sequence), frame.kind, frame.payload, frame.tag, True)
                return
    if successor is not None and sequence == sealed_at:
        check_link(successor, epoch, tag)


def check_link(successor: Segment, epoch: int, tag: bytes) -> None:
    """Whether `successor` continues what ends in `epoch` with `tag`. Raises `BadHeader`."""
    if successor.header.previous_tag != tag:
        raise BadHeader(successor.file, 48, "it does not continue the chain of the segment before it")
    if successor.header.epoch != epoch:
        raise BadHeader(
            successor.file, 12, f"it says epoch {successor.header.epoch}, the segment before it ends in {epoch}"
        )

"""Where each record lies: four bytes a record in memory, never the record.

A segment's offsets are found when it is first asked about, so that opening a journal costs nothing for its history.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from onecard.identity import RecordName, TerminalNumber
from onecard.journal.boot import boot_of
from onecard.journal.disk import Disk
from onecard.journal.errors import CorruptMiddle, UnreadableJournal
from onecard.journal.frame import KIND_AT, MAX_PAYLOAD, OVERHEAD, Frame, decode_frame, salt_seed
from onecard.journal.gaps import salvaged_epochs
from onecard.journal.scan import frame_at, salvaged_frames, whole_frames
from onecard.journal.segment import Segment, load_image
from onecard.journal.walk import Entry
from onecard.records import RecordKind

_LARGEST = OVERHEAD + MAX_PAYLOAD


@dataclass(slots=True)
class _Places:
    """One segment: the offsets of its records (u32), None until asked about; where its epoch changes."""

    segment: Segment
    offsets: array[int] | None
    epochs: list[tuple[int, int]]  # (first sequence, epoch), rising
    salvaged: dict[int, tuple[int, int]]  # behind damage: sequence → (offset, epoch)


class Index:
    """Places of all records of a journal, kept by its writer. Reading is by offset, from the file."""

    def __init__(
        self, disk: Disk, segments: list[Segment], offsets: array[int] | None = None, boots: Iterable[Frame] = ()
    ) -> None:
        """`offsets` and `boots` are those of the newest segment, where they are known already."""
        self._disk = disk
        self._places = [_Places(segment, None, [], {}) for segment in segments]
        self._places[-1].offsets = offsets
        self._places[-1].epochs = _epochs(segments[-1], boots)
        self._open: tuple[Segment, int] | None = None

    @property
    def first_sequence(self) -> int:
        """Of the oldest record kept."""
        return self._places[0].segment.header.first_sequence

    @property
    def segments(self) -> list[Segment]:
        """All segments in use, oldest first; the last is written."""
        return [places.segment for places in self._places]

    def forget_oldest(self) -> None:
        """The oldest segment is no longer in use."""
        assert len(self._places) > 1
        self.close()
        del self._places[0]

    def begin(self, segment: Segment) -> None:
        """An empty segment follows; records of the one before it from its first sequence on are carried into it."""
        epochs = [(segment.header.first_sequence, segment.header.epoch)]
        self._places.append(_Places(segment, array("I"), epochs, {}))

    def add(self, sequence: int, offset: int) -> None:
        """Record `sequence` of the newest segment lies at `offset`."""
        newest = self._places[-1]
        if newest.offsets is not None:
            assert sequence == newest.segment.header.first_sequence + len(newest.offsets)
            newest.offsets.append(offset)

    def begin_epoch(self, sequence: int, epoch: int) -> None:
        """Record `sequence`, just added, is the BOOT of `epoch`."""
        self._places[-1].epochs.append((sequence, epoch))

    def entry(self, sequence: int) -> Entry:
        """Record `sequence`. Raises `KeyError` when there is none, `CorruptMiddle` when it no longer reads whole."""
        at = bisect_right(self._places, sequence, key=lambda places: places.segment.header.first_sequence) - 1
        if at < 0:
            raise KeyError(sequence)
        places = self._places[at]
        offsets = places.offsets if places.offsets is not None else self._scan(at)
        header = places.segment.header
        place = sequence - header.first_sequence
        if place < len(offsets):
            offset = offsets[place]
            epoch = places.epochs[bisect_right(places.epochs, sequence, key=lambda pair: pair[0]) - 1][1]
        else:
            offset, epoch = places.salvaged[sequence]
        raw = self._read(places.segment, offset, _LARGEST)
        frame = decode_frame(raw, 0, salt_seed(header.salt))
        if frame is None or frame.sequence != sequence:
            raise CorruptMiddle(places.segment.file, offset, "it was whole when first read", sequence, None)
        return Entry(RecordName(TerminalNumber(header.terminal), epoch, sequence), frame.kind, frame.payload, frame.tag)

    def close(self) -> None:
        """Lets the last file read go."""
        if self._open is not None:
            self._disk.close(self._open[1])
            self._open = None

    def _scan(self, at: int) -> array[int]:
        places, segment = self._places[at], self._places[at].segment
        following = self._places[at + 1].segment if at + 1 < len(self._places) else None
        # Behind a hole that reaches into a lost segment nothing is salvaged (`segment_entries`).
        after = following.header if following is not None and not following.lost_before else None
        image = load_image(self._disk, segment)
        offsets, end = whole_frames(segment, image)
        boots = (frame_at(image, offset) for offset in offsets if image[offset + KIND_AT] == RecordKind.BOOT)
        epochs = _epochs(segment, boots)
        next_sequence = segment.header.first_sequence + len(offsets)
        if after is not None and next_sequence < after.first_sequence:
            damage = CorruptMiddle(segment.file, end, "the next segment begins after it", next_sequence, None)
            found = list(salvaged_frames(segment, image, damage, None))
            named = zip(found, salvaged_epochs(found, epochs[-1][1], after.epoch, segment.file), strict=True)
            places.salvaged = {frame.sequence: (frame.offset, epoch) for frame, epoch in named}
        places.offsets, places.epochs = offsets, epochs
        return offsets

    def _read(self, segment: Segment, offset: int, size: int) -> bytes:
        try:
            if self._open is None or self._open[0] is not segment:
                self.close()
                self._open = (segment, self._disk.open(segment.file, os.O_RDONLY))
            return self._disk.pread(self._open[1], size, offset)
        except OSError as error:
            raise UnreadableJournal(segment.file, str(error)) from error


def _epochs(segment: Segment, boots: Iterable[Frame]) -> list[tuple[int, int]]:
    """Where the epoch changes in a segment, its beginning first."""
    begun = [(boot.sequence, boot_of(boot, segment.file).epoch) for boot in boots]
    return [(segment.header.first_sequence, segment.header.epoch), *begun]

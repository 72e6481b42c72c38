"""Looking after sealed segments in idle time: a daily scrub, and retention.

A segment is given up only when the server's SAFE acknowledgement, whose tag is that of our own chain, covers it, and
its records are older than the retention, and enough segments stay. It is then renamed, filled with zeros, and renamed
into the pool, each step durable before the next: a cut between them leaves a file that the next idle time goes on with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from onecard.journal.disk import Disk
from onecard.journal.errors import ForeignAcknowledgement, JournalDamage, LostSegment, UnreadableJournal
from onecard.journal.gaps import Missing, missing_segment
from onecard.journal.index import Index
from onecard.journal.pool import Pool
from onecard.journal.recovery import keep_aside
from onecard.journal.segment import Segment, read_header
from onecard.journal.walk import Entry, lost_beginning, segment_entries

SEGMENTS_KEPT = 4
"""Segments that stay whatever is acknowledged, half of all if that is less: history for whoever has to look."""
_RETIRED = "retired-"


class Care:
    """Of one journal's sealed segments; the journal's writer makes it."""

    def __init__(
        self, disk: Disk, directory: Path, key: bytes, parts: tuple[Index, Pool], note: Callable[[str], None]
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._key = key
        self._index, self._pool = parts
        self._note = note
        self._refused: set[str] = set()

    @property
    def oldest_end(self) -> int | None:
        """Last sequence of the oldest segment, when it is one that could be given up; else None."""
        segments = self._index.segments
        kept = min(SEGMENTS_KEPT, segments[-1].header.segments // 2)
        return segments[1].header.first_sequence - 1 if len(segments) > kept else None

    def release(self, safe: int, safe_tag: bytes, *, below: int, is_old: Callable[[Entry], bool]) -> bool:
        """Takes the oldest segment out of use when all of it is at or below `safe`, below `below`, and old; whether.

        `is_old` is asked about its last record (or the first whole one after that). Raises `ForeignAcknowledgement`
        when `safe_tag` is not that of our record `safe`, `OSError`.
        """
        end = self.oldest_end
        if end is None or not end <= safe or not end < below:
            return False
        if self._whole_from(safe, safe).tag != safe_tag:
            raise ForeignAcknowledgement(self._directory, safe)
        if not is_old(self._whole_from(end, safe)):
            return False
        oldest, successor = self._index.segments[:2]
        names = self._disk.names(self._directory)
        lost = {lost.file for lost in (*oldest.lost_before, *successor.lost_before) if lost.file.name in names}
        for file in (*sorted(lost), oldest.file):  # cut short, the oldest is still there to be given up
            self._disk.rename(file, file.with_name(_RETIRED + file.name))
            self._disk.sync_directory(self._directory)
        self._index.forget_oldest()
        return True

    def recycle(self) -> bool:
        """Fills one released file with zeros and puts it into the pool; whether there was one."""
        names = [n for n in self._disk.names(self._directory) if n.startswith(_RETIRED) and n not in self._refused]
        if not names:
            return False
        try:
            self._pool.put(self._directory / names[0], self._index.segments[-1].header.segment_size)
        except OSError as error:
            self._refused.add(names[0])
            self._note(f"{names[0]}: {error}")
        return True

    def scrub(self, first: int) -> Iterator[list[Missing]]:
        """Reads each sealed segment that holds records from `first` on, past the page cache, one at a step; gives what
        of it is lost. A damaged file is kept, with a copy beside it."""
        segments = self._index.segments
        for segment, successor in pairwise(segments):
            if segment is segments[0] and segment.lost_before and segment.header.first_sequence > first:
                yield self._kept([lost_beginning(segment)], segment)
            if successor.header.first_sequence > first:
                yield self._kept(self._proved(segment, successor), segment)

    def _proved(self, segment: Segment, successor: Segment) -> list[Missing]:
        lost: list[Missing] = []
        try:
            descriptor = self._disk.open(segment.file, os.O_RDONLY)
            try:
                self._disk.drop_cache(descriptor)
            finally:
                self._disk.close(descriptor)
            read_header(self._disk, segment.file)
            for _ in segment_entries(
                self._disk, segment, successor, successor.lost_before, key=self._key, last=None, missing=lost.append
            ):
                pass
        except LostSegment as error:
            # This process still knows the header; whoever reads the file from now on does not.
            end = successor.header.first_sequence - 1
            if segment.header.first_sequence <= end:
                lost = [missing_segment(error, segment.header.first_sequence, end)]
            self._note(f"scrub: {error}")
        except (JournalDamage, UnreadableJournal, OSError) as error:
            self._note(f"scrub: {error}")
        return lost

    def _kept(self, lost: list[Missing], segment: Segment) -> list[Missing]:
        """What is lost, a copy of each file it lay in put aside; `segment` is of the same size."""
        for file in dict.fromkeys(run.damage.file for run in lost):
            self._note(keep_aside(self._disk, replace(segment, file=file)))
        return lost

    def _whole_from(self, sequence: int, last: int) -> Entry:
        """The first record from `sequence` to `last` that is not lost."""
        for number in range(sequence, last + 1):
            try:
                return self._index.entry(number)
            except KeyError:
                continue
        raise ForeignAcknowledgement(self._directory, last)

"""Reading a journal from any process, while the terminal runs or from a read-only copy; writes and locks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from onecard.journal.disk import Disk, OsDisk
from onecard.journal.gaps import Missing
from onecard.journal.index import Index
from onecard.journal.mark import DurableMark
from onecard.journal.pool import Pool
from onecard.journal.recovery import read_mark
from onecard.journal.room import Room, room_of
from onecard.journal.scan import whole_frames
from onecard.journal.segment import load_image, read_segments, survey
from onecard.journal.walk import Entry, walk


class JournalReader:
    """The records of a journal up to its durable mark.

    With the terminal's 32-byte chain key every chain tag is proved too, not only every CRC. Raises `NoJournal`,
    `BadHeader`, `UnsupportedVersion` when made.
    """

    def __init__(self, directory: Path, chain_key: bytes | None = None, *, disk: Disk | None = None) -> None:
        self._disk = disk or OsDisk()
        self._directory = directory
        self._key = chain_key
        oldest = survey(self._disk, directory)[0][0].header
        self.terminal = oldest.terminal
        self.first_sequence = oldest.first_sequence

    @property
    def durable(self) -> DurableMark | None:
        """Name and tag of the last record known to be on the medium; None when nothing is claimed."""
        return read_mark(self._disk, self._directory)

    @property
    def room(self) -> Room:
        """What is left for new work, as the writer counts it. Raises `JournalError`."""
        newest = read_segments(self._disk, self._directory)[-1]
        _, end = whole_frames(newest, load_image(self._disk, newest))
        return room_of(newest.header, newest.header.segment_size - end, len(Pool(self._disk, self._directory)))

    def tags(self, sequences: Iterable[int]) -> dict[int, bytes]:
        """The chain tags of those of `sequences` that are found whole; of the history only their segments are read."""
        index, found = Index(self._disk, survey(self._disk, self._directory)[0]), {}
        try:
            for sequence in sequences:
                with suppress(KeyError):
                    found[sequence] = index.entry(sequence).tag
        finally:
            index.close()
        return found

    def entries(self, first: int = 1, *, missing: Callable[[Missing], None] | None = None) -> Iterator[Entry]:
        """Records from `first` to the durable mark as it is now.

        Raises `JournalDamage` at the place; with `missing`, a hole is told to it instead and what is whole behind it
        follows, marked `after_gap`.
        """
        mark = self.durable
        if mark is None:
            return iter(())
        last = mark.name.sequence
        return walk(self._disk, self._directory, key=self._key, first=first, last=last, missing=missing)

    def all_entries(self, first: int = 1, *, missing: Callable[[Missing], None] | None = None) -> Iterator[Entry]:
        """As `entries`, to the end of what is whole: the last of these may still vanish. For technicians only."""
        mark = self.durable
        vouched = 0 if mark is None else mark.name.sequence
        return walk(
            self._disk, self._directory, key=self._key, first=first, last=None, missing=missing, vouched=vouched
        )

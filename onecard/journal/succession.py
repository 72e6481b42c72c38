"""Beginning the next segment, and carrying records into it: further pool files are tried when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from onecard.journal.disk import Disk
from onecard.journal.frame import Frame, encode_frame, salt_seed
from onecard.journal.header import SegmentHeader
from onecard.journal.pool import Pool
from onecard.journal.segment import ActiveSegment, begin_segment

TRIES = 4
"""Pool files tried before the disk is given up: enough for a bad place, not so many that a dead disk takes minutes."""


def begin_next(
    disk: Disk,
    directory: Path,
    pool: Pool,
    header: SegmentHeader,
    *,
    carried: Sequence[Frame],
    random: Callable[[int], bytes],
    note: Callable[[str], None],
) -> ActiveSegment:
    """The segment of `header`, its salt made here, with the `carried` records in it: all durable on return.

    A file that takes its name and then fails keeps it; the next one is numbered after it and begins at the same
    sequence, so the failed one counts for nothing. `note` is told each failure. Raises the last `OSError`.
    """
    tries = min(TRIES, len(pool))
    while True:
        tries -= 1
        header = replace(header, salt=random(8))
        try:
            active = begin_segment(disk, directory, pool.take(), header)
        except OSError as error:
            if tries <= 0:
                raise
            note(f"segment {header.number}: {error}")
            continue
        try:
            if carried:
                active.write(_frames(header, carried))
                active.sync()
        except OSError as error:
            active.close()
            if tries <= 0:
                raise
            note(f"segment {header.number}: {error}")
            header = replace(header, number=header.number + 1)
        except BaseException:
            active.close()
            raise
        else:
            return active


def _frames(header: SegmentHeader, carried: Sequence[Frame]) -> bytes:
    seed = salt_seed(header.salt)
    return b"".join(
        encode_frame(seed, frame.kind, undurable, frame.sequence, frame.payload, tag=frame.tag)
        for undurable, frame in enumerate(carried)
    )

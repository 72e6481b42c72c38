"""Reading a segment's bytes: the chain of whole frames, and what the place is where it ends. Pure.

Where the chain ends there is zero-filled space, a torn tail, or damage. A torn tail is what a crash leaves of frames
that were never durable; it may hold whole frames after a missing one, because sectors land in any order. It is damage
when something vouches that the missing record was durable: a later whole frame (its `undurable` count), the durable
mark, or the next segment. Only the last frame, when nothing vouches for it, cannot be told from a torn one.
"""

from __future__ import annotations

from collections.abc import Iterator

from onecard.journal.errors import BrokenChain, CorruptMiddle
from onecard.journal.frame import Frame, chain_tag, decode_frame, salt_seed
from onecard.journal.header import HEADER_SIZE
from onecard.journal.segment import Segment


def chained_frames(segment: Segment, image: bytes, key: bytes | None) -> Iterator[Frame]:
    """The whole frames from the header on, in sequence, up to the first place where the next one is not.

    With the 32-byte chain key each tag is proved; raises `BrokenChain`.
    """
    header = segment.header
    seed = salt_seed(header.salt)
    offset, sequence, tag = HEADER_SIZE, header.first_sequence, header.previous_tag
    while (frame := decode_frame(image, offset, seed)) is not None and frame.sequence == sequence:
        if key is not None and frame.tag != chain_tag(key, tag, frame.kind, sequence, frame.payload):
            raise BrokenChain(segment.file, offset, sequence)
        yield frame
        offset, sequence, tag = frame.end, sequence + 1, frame.tag


def torn_size(segment: Segment, image: bytes, offset: int, sequence: int, durable: int) -> int:
    """How many bytes of torn tail lie at `offset`, where record `sequence` is not; 0 for a clean end.

    `durable` is the last sequence that others vouch for. Raises `CorruptMiddle`.
    """
    end = len(image.rstrip(b"\0"))
    seed = salt_seed(segment.header.salt)
    later = [frame for at in range(offset, end) if (frame := decode_frame(image, at, seed)) is not None]
    reason = None
    if durable >= sequence:
        reason = f"records up to {durable} were durable"
    elif later and later[0].offset == offset:
        reason = f"record {later[0].sequence} lies in its place"
    elif any(frame.sequence - frame.undurable > sequence for frame in later):
        reason = "a later record vouches that it was durable"
    if reason is not None:
        salvage = next(((frame.offset, frame.sequence) for frame in later if frame.sequence > sequence), None)
        raise CorruptMiddle(segment.file, offset, reason, sequence, salvage)
    return max(0, end - offset)

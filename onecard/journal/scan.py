"""Reading a segment's bytes: the chain of whole frames, and what the place is where it ends. Pure.

Where the chain ends there is zero-filled space, a torn tail, or damage. A torn tail is what a crash leaves of frames
that were never durable; it may hold whole frames after a missing one, because sectors land in any order. It is damage
when something vouches that the missing record was durable: a later whole frame (its `undurable` count), the durable
mark, or the next segment. Only the last frame, when nothing vouches for it, cannot be told from a torn one.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from hashlib import blake2s

from onecard.journal.errors import BrokenChain, CorruptMiddle
from onecard.journal.frame import (
    CHECKED_FROM,
    HEAD,
    KIND_AT,
    MAX_PAYLOAD,
    OVERHEAD,
    SEQUENCE_AT,
    TAG_SIZE,
    Frame,
    chain_tag,
    decode_frame,
    salt_seed,
)
from onecard.journal.header import HEADER_SIZE
from onecard.journal.segment import Segment
from onecard.records import RecordKind


def whole_frames(segment: Segment, image: bytes) -> tuple[array[int], int]:
    """Offsets of the whole frames from the header on, in sequence, up to where the next one is not; that place.

    Proves CRC and sequence, half a microsecond a record: no frame is built.
    """
    seed, sequence, offset = salt_seed(segment.header.salt), segment.header.first_sequence, HEADER_SIZE
    unpack, crc32, view = HEAD.unpack_from, zlib.crc32, memoryview(image)
    last = len(image) - OVERHEAD
    offsets = array("I")
    while offset <= last:
        crc, length, kind, _, number = unpack(image, offset)
        end = offset + OVERHEAD + length
        if number != sequence or kind == 0 or length > MAX_PAYLOAD or end > len(image):
            break
        if crc32(view[offset + CHECKED_FROM : end], seed) != crc:
            break
        offsets.append(offset)
        offset, sequence = end, sequence + 1
    return offsets, offset


def prove_chain(segment: Segment, image: bytes, offsets: array[int], end: int, key: bytes) -> None:
    """Proves the chain tag of each whole frame with the 32-byte key. Raises `BrokenChain`.

    The keyed hash is `frame.chain_tag`'s, its key taken in once and what it hashes taken from the image in one piece.
    """
    keyed = blake2s(digest_size=TAG_SIZE, key=key)
    tag = segment.header.previous_tag
    for number, offset in enumerate(offsets):
        after = offsets[number + 1] if number + 1 < len(offsets) else end
        hashed = tag + image[offset + KIND_AT : offset + KIND_AT + 1] + image[offset + KIND_AT + 2 : after - TAG_SIZE]
        tag = image[after - TAG_SIZE : after]
        proved = keyed.copy()
        proved.update(hashed)
        if proved.digest() != tag:
            raise BrokenChain(segment.file, offset, segment.header.first_sequence + number)


def frame_at(image: bytes, offset: int) -> Frame:
    """The frame at a place where a whole one was found."""
    _, length, kind, undurable, sequence = HEAD.unpack_from(image, offset)
    body = offset + HEAD.size
    tag = body + length
    return Frame(offset, kind, undurable, sequence, image[body:tag], image[tag : tag + TAG_SIZE])


def chained_frames(segment: Segment, image: bytes, key: bytes | None, first: int = 1) -> Iterator[Frame]:
    """The whole frames from the header on, in sequence, up to the first place where the next one is not.

    With the 32-byte chain key each tag is proved; raises `BrokenChain`. Without it, of those before `first` only BOOT
    frames are built; the last one always is.
    """
    offsets, _ = whole_frames(segment, image)
    tag = segment.header.previous_tag
    if key is None:
        passed = max(0, min(first - segment.header.first_sequence, len(offsets) - 1))
        boots = [offset for offset in offsets[:passed] if image[offset + KIND_AT] == RecordKind.BOOT]
        offsets = array("I", boots) + offsets[passed:]
    for offset in offsets:
        frame = frame_at(image, offset)
        if key is not None and frame.tag != chain_tag(key, tag, frame.kind, frame.sequence, frame.payload):
            raise BrokenChain(segment.file, offset, frame.sequence)
        yield frame
        tag = frame.tag


def torn_size(segment: Segment, image: bytes, offset: int, sequence: int, durable: int) -> int:
    """How many bytes of torn tail lie at `offset`, where record `sequence` is not; 0 for a clean end.

    `durable` is the last sequence that others vouch for. Raises `CorruptMiddle`.
    """
    end = len(image.rstrip(b"\0"))
    seed = salt_seed(segment.header.salt)
    possible = _sequences(segment)
    later = [
        frame
        for at in range(offset, end)
        if (at == offset or _sequence_at(image, at) in possible)
        if (frame := decode_frame(image, at, seed)) is not None
    ]
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


def salvaged_frames(segment: Segment, image: bytes, damage: CorruptMiddle, key: bytes | None) -> Iterator[Frame]:
    """The whole frames after a damaged place, their sequences rising.

    The first after a hole stands on its CRC alone, because the tag it continues is lost; with the 32-byte chain key
    each that follows another is proved, and is passed over when its tag is wrong.
    """
    seed = salt_seed(segment.header.salt)
    end = len(image.rstrip(b"\0"))
    # A frame may end in zeros of its tag: those belong to it and not to the space after it.
    offset, sequence, before = damage.offset, damage.sequence, None
    possible = _sequences(segment)
    while offset < end:
        told = _sequence_at(image, offset)
        frame = decode_frame(image, offset, seed) if told >= sequence and told in possible else None
        if frame is None:
            offset += 1
            continue
        offset = frame.end
        if key is not None and before is not None and frame.sequence == before.sequence + 1:
            proved = frame.tag == chain_tag(key, before.tag, frame.kind, frame.sequence, frame.payload)
        else:
            proved = True
        if not proved:
            continue
        yield frame
        sequence, before = frame.sequence + 1, frame


def _sequences(segment: Segment) -> range:
    """Those for which a segment has room."""
    header = segment.header
    return range(header.first_sequence, header.first_sequence + header.segment_size // OVERHEAD)


def _sequence_at(image: bytes, offset: int) -> int:
    """What a frame at `offset` would say its sequence is; past the end it is that of no frame.

    Looked at before a checksum is: behind damage every place is tried, and noise would cost one of up to 4 KiB at each.
    """
    return int.from_bytes(image[offset + SEQUENCE_AT : offset + HEAD.size], "big")

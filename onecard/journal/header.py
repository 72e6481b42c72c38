"""The 64 bytes at the head of a segment. Pure.

Its first sequence and previous tag are authoritative: the segment before it ends there, whatever else that file still
holds. That is how records are carried away from a file whose write failed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from pathlib import Path

from onecard.journal.errors import BadHeader, LostSegment, UnsupportedVersion
from onecard.journal.frame import MAX_PAYLOAD, OVERHEAD

HEADER_SIZE = 64
MAGIC = b"OCJRNL"
VERSION = 1
_LAYOUT = struct.Struct(">6sHHBxI8sIIQ8s8sI")
_CRC = struct.Struct(">I")
_START = struct.Struct(">6sH")
SMALLEST_SEGMENT = 16_384
LARGEST_SEGMENT = 1 << 30
assert _LAYOUT.size + _CRC.size == HEADER_SIZE
assert HEADER_SIZE + 3 * (OVERHEAD + MAX_PAYLOAD) < SMALLEST_SEGMENT


@unique
class Cause(IntEnum):
    """Why a segment was begun. Wire numbers never change."""

    MADE = 0  # the first of a journal
    FULL = 1  # its predecessor was full
    IO_ERROR = 2  # writing its predecessor failed: records from the first sequence on were carried over
    DAMAGE = 3  # its predecessor is damaged and kept: records up to the first sequence are missing


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """What a segment says of itself. `epoch` and `incarnation` are those in force before its first frame."""

    terminal: int
    cause: Cause
    epoch: int
    incarnation: bytes  # 8 bytes
    number: int  # of the segment, from 1, without a hole
    segment_size: int  # bytes, header included
    first_sequence: int
    salt: bytes  # 8 bytes, random
    previous_tag: bytes  # 8 bytes, of the frame before the first
    segments: int  # how many the journal was made with, pool included

    def encode(self) -> bytes:
        """The 64 bytes."""
        head = _LAYOUT.pack(
            MAGIC,
            VERSION,
            self.terminal,
            self.cause,
            self.epoch,
            self.incarnation,
            self.number,
            self.segment_size,
            self.first_sequence,
            self.salt,
            self.previous_tag,
            self.segments,
        )
        return head + _CRC.pack(zlib.crc32(head))


def decode_header(raw: bytes, file: Path) -> SegmentHeader:
    """The header in the first 64 bytes of `file`. Raises `LostSegment` for what decay explains, `BadHeader` for
    what it does not, `UnsupportedVersion`."""
    if len(raw) < HEADER_SIZE:
        raise LostSegment(file, len(raw), f"a segment's header has {HEADER_SIZE} bytes")
    if zlib.crc32(raw[: _LAYOUT.size]) != _CRC.unpack_from(raw, _LAYOUT.size)[0]:
        raise LostSegment(file, 0, "the header's checksum is wrong")
    magic, version = _START.unpack_from(raw)
    if magic != MAGIC:
        raise BadHeader(file, 0, "this is no journal segment")
    reader = READERS.get(version)
    if reader is None:
        raise UnsupportedVersion(file, version)
    return reader(raw, file)


def _version_1(raw: bytes, file: Path) -> SegmentHeader:
    _, _, terminal, cause, epoch, incarnation, number, size, first, salt, tag, segments = _LAYOUT.unpack_from(raw)
    if cause not in Cause.__members__.values() or not SMALLEST_SEGMENT <= size <= LARGEST_SEGMENT:
        raise BadHeader(file, 0, f"cause {cause} or segment size {size} is out of range")
    return SegmentHeader(terminal, Cause(cause), epoch, incarnation, number, size, first, salt, tag, segments)


READERS: Mapping[int, Callable[[bytes, Path], SegmentHeader]] = {1: _version_1}
"""One for every version ever released; magic, version and the checksum's place never change. A version that changes
the frame as well brings its own scan; each has its vector file and its upgrade test."""

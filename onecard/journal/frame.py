"""The frame: one record as it lies in a segment. Pure.

Big-endian, 24 bytes around the payload (docs/formats/journal.md):

    0  crc32 u32       zlib CRC-32 of everything after it, started from the CRC-32 of the segment's salt
    4  length u16      of the payload, 0 … 4096
    6  kind u8         `RecordKind`, never 0, so that no frame begins like zero-filled space
    7  undurable u8    how many frames before this one were not yet durable when it was written
    8  sequence u64
    16 payload
    .. tag 8 bytes     keyed BLAKE2s over previous tag | kind | sequence | payload (RFC 7693, digest 8, key 32)

The salt keeps a payload, or what an earlier life of the file left, from ever passing for a frame. `undurable` lets a
later frame vouch for the earlier ones: a whole frame of sequence s says that all below s − undurable were durable.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import NamedTuple

HEAD = struct.Struct(">IHBBQ")
_CHECKED = struct.Struct(">HBBQ")
_CHAINED = struct.Struct(">BQ")
_CRC = struct.Struct(">I")
CHECKED_FROM = _CRC.size
KIND_AT = 6
SEQUENCE_AT = 8
TAG_SIZE = 8
OVERHEAD = HEAD.size + TAG_SIZE
MAX_PAYLOAD = 4096
MAX_UNDURABLE = 255
CHAIN_KEY_SIZE = 32


class Frame(NamedTuple):
    """A whole frame found at `offset` of a segment. (A tuple: a scan makes millions.)"""

    offset: int
    kind: int
    undurable: int
    sequence: int
    payload: bytes
    tag: bytes

    @property
    def end(self) -> int:
        """The byte after the frame."""
        return self.offset + OVERHEAD + len(self.payload)


def chain_tag(key: bytes, previous: bytes, kind: int, sequence: int, payload: bytes) -> bytes:
    """The 8-byte tag that ties a record to the one before it; `key` has 32 bytes."""
    hashed = hashlib.blake2s(previous, digest_size=TAG_SIZE, key=key)
    hashed.update(_CHAINED.pack(kind, sequence))
    hashed.update(payload)
    return hashed.digest()


def first_tag(key: bytes, terminal: int) -> bytes:
    """What stands for the previous tag before record 1: the chain begins with the terminal's number."""
    return chain_tag(key, bytes(TAG_SIZE), 0, 0, terminal.to_bytes(2, "big"))


def salt_seed(salt: bytes) -> int:
    """The start value of every frame CRC of the segment with that salt."""
    return zlib.crc32(salt)


def encode_frame(seed: int, kind: int, undurable: int, sequence: int, payload: bytes, *, tag: bytes) -> bytes:
    """The bytes of a frame under `seed` (see `salt_seed`)."""
    body = _CHECKED.pack(len(payload), kind, undurable, sequence) + payload + tag
    return _CRC.pack(zlib.crc32(body, seed)) + body


def decode_frame(image: bytes, offset: int, seed: int) -> Frame | None:
    """The whole frame at `offset` of a segment's bytes, or None when there is none under this seed."""
    body = offset + HEAD.size
    if body + TAG_SIZE > len(image):
        return None
    crc, length, kind, undurable, sequence = HEAD.unpack_from(image, offset)
    end = body + length + TAG_SIZE
    if kind == 0 or length > MAX_PAYLOAD or end > len(image):
        return None
    if zlib.crc32(image[offset + _CRC.size : end], seed) != crc:
        return None
    return Frame(offset, kind, undurable, sequence, image[body : body + length], image[end - TAG_SIZE : end])

"""What the recording disk saw, in order. Pure.

The log is a row of big-endian entries: kind (1) | offset (8) | length (4) | content. `W` content written at `offset`,
`F` a flush that returned, `X` a flush that failed and took all writes since the last one with it, `M` a mark: text
that the program under test wrote when it did or promised something.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

HEAD = struct.Struct(">cQI")
SECTOR = 512


@dataclass(frozen=True, slots=True)
class Write:
    """`content` was taken at `offset`; it may or may not outlive a power cut before the next flush."""

    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """All writes before it are on the medium."""


@dataclass(frozen=True, slots=True)
class FailedFlush:
    """The writes since the last flush are gone."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the program said."""

    text: str


Event: TypeAlias = Write | Flush | FailedFlush | Mark


def encode_event(event: Event) -> bytes:
    """The bytes of one entry."""
    match event:
        case Write(offset, content):
            return HEAD.pack(b"W", offset, len(content)) + content
        case Flush():
            return HEAD.pack(b"F", 0, 0)
        case FailedFlush():
            return HEAD.pack(b"X", 0, 0)
        case Mark(text):
            return HEAD.pack(b"M", 0, len(text.encode())) + text.encode()


def decode_events(raw: bytes) -> Iterator[Event]:
    """The entries of a whole log."""
    at = 0
    while at < len(raw):
        kind, offset, length = HEAD.unpack_from(raw, at)
        at += HEAD.size
        content = raw[at : at + length]
        at += length
        match kind:
            case b"W":
                yield Write(offset, content)
            case b"F":
                yield Flush()
            case b"X":
                yield FailedFlush()
            case _:
                assert kind == b"M"
                yield Mark(content.decode())

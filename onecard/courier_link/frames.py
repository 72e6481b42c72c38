"""Frames on a line of bytes: COBS (Cheshire and Baker, 1999) around a body and its CRC-32, one zero byte at the end.

    frame = COBS(body ‖ CRC-32(body), big-endian) ‖ 00

No other byte of a frame is zero, so a reader that comes in anywhere, or that read nonsense, is in step again at the
next zero. CRC-32 is that of IEEE 802.3 (zlib).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

BODY_MAX = 2048
"""Bytes in a frame's body."""
_CRC_SIZE = 4
_BLOCK = 254  # bytes a COBS code of FF stands before
_CODED_MAX = BODY_MAX + _CRC_SIZE + (BODY_MAX + _CRC_SIZE) // _BLOCK + 1


def stuffed(raw: bytes) -> bytes:
    """`raw` without a zero byte in it."""
    parts: list[bytes] = []
    for run in raw.split(b"\0"):
        full = len(run) // _BLOCK * _BLOCK
        for start in range(0, full, _BLOCK):
            parts += [b"\xff", run[start : start + _BLOCK]]
        parts += [bytes([len(run) - full + 1]), run[full:]]
    if raw and raw[-1] and parts[-1] == b"":
        del parts[-2:]  # a full block at the very end needs no code behind it
    return b"".join(parts)


def unstuffed(coded: bytes) -> bytes | None:
    """What was stuffed; None when nothing was: a code that leads beyond the end, or a zero byte."""
    parts: list[bytes] = []
    place, size = 0, len(coded)
    while place < size:
        code = coded[place]
        run = coded[place + 1 : place + code]
        if code == 0 or len(run) != code - 1 or 0 in run:
            return None
        parts.append(run)
        place += code
        if code <= _BLOCK and place < size:
            parts.append(b"\0")
    return b"".join(parts)


def frame(body: bytes) -> bytes:
    """The bytes of a frame."""
    assert 0 < len(body) <= BODY_MAX
    return stuffed(body + zlib.crc32(body).to_bytes(_CRC_SIZE, "big")) + b"\0"


class FrameReader:
    """Bodies out of bytes as they come. Holds one frame at most; what is too long, or does not check, is counted in
    `bad` and gone."""

    def __init__(self) -> None:
        self.bad = 0
        self._held = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that end in `data`."""
        pieces = data.split(b"\0")
        for piece in pieces[:-1]:
            self._hold(piece)
            body = self._body()
            self._held.clear()
            self._overlong = False
            if body is not None:
                yield body
        self._hold(pieces[-1])

    def _hold(self, piece: bytes) -> None:
        if self._overlong or len(self._held) + len(piece) > _CODED_MAX:
            self._overlong = True
            self._held.clear()
        else:
            self._held += piece

    def _body(self) -> bytes | None:
        """The body that was held; None for nothing at all, or nonsense."""
        if not (self._held or self._overlong):
            return None
        raw = None if self._overlong else unstuffed(bytes(self._held))
        if raw is not None and len(raw) > _CRC_SIZE:
            body = raw[:-_CRC_SIZE]
            if zlib.crc32(body).to_bytes(_CRC_SIZE, "big") == raw[-_CRC_SIZE:]:
                return body
        self.bad += 1
        return None

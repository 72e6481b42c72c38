"""The durable mark: how far other processes may read. Pure.

The file `DURABLE`, written (not synced) after each flush of the journal returned, so it never claims more than is on
the medium; after a crash it may claim less. What may still vanish is never shown to anybody (F1).
A torn or missing mark claims nothing.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from onecard.identity import RecordName, TerminalNumber

MAGIC = b"OCJMRK"
VERSION = 1
_LAYOUT = struct.Struct(">6sHH2xIQ8s")
_CRC = struct.Struct(">I")
MARK_SIZE = _LAYOUT.size + _CRC.size
assert MARK_SIZE == 36


@dataclass(frozen=True, slots=True)
class DurableMark:
    """The newest record known to be on the medium, and its chain tag. Sequence 0: none yet."""

    name: RecordName
    tag: bytes

    def encode(self) -> bytes:
        """The 36 bytes."""
        name = self.name
        head = _LAYOUT.pack(MAGIC, VERSION, name.terminal, name.epoch, name.sequence, self.tag)
        return head + _CRC.pack(zlib.crc32(head))


def decode_mark(raw: bytes) -> DurableMark | None:
    """The mark in `raw`, or None when it is torn, missing or of another version: then nothing is claimed."""
    if len(raw) < MARK_SIZE or zlib.crc32(raw[: _LAYOUT.size]) != _CRC.unpack_from(raw, _LAYOUT.size)[0]:
        return None
    magic, version, terminal, epoch, sequence, tag = _LAYOUT.unpack_from(raw)
    if (magic, version) != (MAGIC, VERSION):
        return None
    return DurableMark(RecordName(TerminalNumber(terminal), epoch, sequence), tag)

"""PN532 high-speed UART frames, seen from the chip.

    information   00 00 FF LEN LCS  TFI PD0..PDn  DCS 00      LEN = bytes from TFI to PDn, 1..255
    extended      00 00 FF FF FF LENM LENL LCS  TFI PD0..PDn  DCS 00
    ACK           00 00 FF 00 FF 00
    NACK          00 00 FF FF 00 00
    error         00 00 FF 01 FF 7F 81 00

LEN + LCS = 0 and TFI + PD0..PDn + DCS = 0, modulo 256; LENM LENL is big-endian. TFI is D4 towards the chip and D5 from
it. Source: NXP UM0701-02 §6.2.1. The chip finds a frame by its start code 00 FF, whatever stands before it (wake-up
bytes, noise), and does not ask for the postamble: hosts are known to send preambles of 1 to 16 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

ACK = bytes.fromhex("0000ff00ff00")
NACK = bytes.fromhex("0000ffff0000")
ERROR = bytes.fromhex("0000ff01ff7f8100")
FROM_HOST = 0xD4
FROM_CHIP = 0xD5
MAX_INFORMATION_SIZE = 265
"""TFI and up to 264 bytes of command (UM0701-02 §6.2.1.2)."""


class Signal(Enum):
    """What a host can send that is not a command."""

    ACK = "ack"
    NACK = "nack"
    DAMAGED = "damaged"
    """A start code followed by a wrong LCS or DCS, or by a length no frame may have."""


@dataclass(frozen=True, slots=True)
class Information:
    """A whole frame with right checksums. `payload` begins after TFI: command code, then parameters."""

    tfi: int
    payload: bytes


def information(payload: bytes, tfi: int = FROM_CHIP) -> bytes:
    """The frame of `payload` (code and parameters, at most 264 bytes): extended only when it must be."""
    size = len(payload) + 1
    assert 1 < size <= MAX_INFORMATION_SIZE
    if size <= 0xFF:
        head = bytes((0, 0, 0xFF, size, -size & 0xFF))
    else:
        length = size.to_bytes(2, "big")
        head = b"\x00\x00\xff\xff\xff" + length + bytes((-sum(length) & 0xFF,))
    return head + bytes((tfi,)) + payload + bytes((-(tfi + sum(payload)) & 0xFF, 0))


class FrameReader:
    """Cuts a stream of bytes into frames; what is not a frame is dropped. Holds at most one frame of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def partial(self) -> bool:
        """A start code was seen and its frame is not complete."""
        return self._buffer.find(b"\x00\xff") >= 0

    def reset(self) -> None:
        """Forget what was received of an unfinished frame."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[Information | Signal]:
        """Every frame completed by `data`, in order."""
        self._buffer += data
        found: list[Information | Signal] = []
        while (event := self._next()) is not None:
            found.append(event)
        return found

    def _next(self) -> Information | Signal | None:
        buffer = self._buffer
        start = buffer.find(b"\x00\xff")
        if start < 0:
            del buffer[: len(buffer) - (buffer[-1:] == b"\x00")]
            return None
        del buffer[:start]
        if len(buffer) < 4:
            return None
        size, check = buffer[2], buffer[3]
        if (size, check) in ((0x00, 0xFF), (0xFF, 0x00)):
            del buffer[:4]
            return Signal.NACK if size else Signal.ACK
        head = 4
        if (size, check) == (0xFF, 0xFF):
            if len(buffer) < 7:
                return None
            head, size, check = 7, int.from_bytes(buffer[4:6], "big"), buffer[4] + buffer[5] + buffer[6]
        else:
            check += size
        if check & 0xFF or not 1 < size <= MAX_INFORMATION_SIZE:
            del buffer[:2]  # what follows may hold a real start code
            return Signal.DAMAGED
        if len(buffer) < head + size + 1:
            return None
        body = bytes(buffer[head : head + size + 1])
        if sum(body) & 0xFF:
            del buffer[:2]
            return Signal.DAMAGED
        del buffer[: head + size + 1]
        return Information(body[0], body[1:-1])

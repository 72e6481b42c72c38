"""Frames of the PN532 found in whatever bytes a serial line delivers. No I/O here.

Source: NXP UM0701-02 §6.2.1. Every frame starts with 00 FF; what stands before it (the preamble, one 00 by the book)
and after it (the postamble 00) differs from chip to chip, so neither is required:

| frame       | bytes                                             |
|-------------|---------------------------------------------------|
| normal      | 00 FF  LEN LCS  data[LEN]  DCS                      |
| extended    | 00 FF  FF FF  LEN_M LEN_L LCS  data[LEN]  DCS        |
| acknowledge | 00 FF  00 FF                                      |
| NACK        | 00 FF  FF 00                                      |

LCS and DCS make the sum of the length bytes, and of the data bytes, zero modulo 256.
"""

from __future__ import annotations

ACK = bytes.fromhex("00 00FF 00FF 00")
"""From the chip: command received. From the host: stop what you are doing."""
NACK = bytes.fromhex("00 00FF FF00 00")
"""From the host: send the last answer again."""
MAX_DATA_SIZE = 265
"""UM0701-02 §6.2.1.2: TFI, command code and 263 bytes."""

_START = b"\x00\xff"
_DAMAGED = 0


def _frame_size(received: bytearray) -> int | None:
    """Size of the frame that `received` starts with (from its 00 FF to DCS), `_DAMAGED`, or None: more bytes needed."""
    if len(received) < 4:
        return None
    length, check = received[2], received[3]
    if (length, check) in ((0x00, 0xFF), (0xFF, 0x00)):
        return 4
    if (length, check) == (0xFF, 0xFF):
        if len(received) < 7:
            return None
        size = received[4] << 8 | received[5]
        sound = sum(received[4:7]) & 0xFF == 0 and 0 < size <= MAX_DATA_SIZE
        return 7 + size + 1 if sound else _DAMAGED
    sound = (length + check) & 0xFF == 0 and length > 0
    return 4 + length + 1 if sound else _DAMAGED


def _data_offset(frame: bytearray) -> int:
    return 7 if frame[2:4] == b"\xff\xff" else 4


class FrameScanner:
    """Takes received bytes, gives whole undamaged frames, and remembers whether anything was thrown away."""

    __slots__ = ("_received", "damaged")

    def __init__(self) -> None:
        self._received = bytearray()
        self.damaged = False
        """Bytes other than preambles and postambles were dropped since the last frame."""

    def clear(self) -> None:
        """Forget everything received."""
        self._received.clear()
        self.damaged = False

    def feed(self, received: bytes) -> None:
        """Take bytes as they came off the line."""
        self._received += received

    def next_frame(self) -> bytearray | None:
        """The next whole frame as the book writes it: 00 00 FF … DCS 00; None until more bytes come."""
        received = self._received
        while True:
            start = received.find(_START)
            if start < 0:
                start = len(received) - received.endswith(b"\x00")
                self._drop(start)
                return None
            self._drop(start)
            size = _frame_size(received)
            if size is None or size > len(received):
                return None
            if size != _DAMAGED and (size == 4 or sum(received[_data_offset(received) : size]) & 0xFF == 0):
                frame = bytearray(1) + received[:size] + bytearray(1)
                del received[:size]
                self.damaged = False
                return frame
            self._skip_start()

    @property
    def mid_frame(self) -> bool:
        """A frame has begun and its end has not come."""
        return self._received.startswith(_START)

    def abandon(self) -> None:
        """The line went quiet in mid-frame: its start was noise or its end was lost; look behind the start."""
        assert self.mid_frame
        self._skip_start()

    def _skip_start(self) -> None:
        del self._received[:1]
        self.damaged = True

    def _drop(self, count: int) -> None:
        if any(self._received[:count]):
            self.damaged = True
        del self._received[:count]

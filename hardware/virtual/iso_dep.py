"""ISO/IEC 14443-4 as a card speaks it: RATS, PPS, blocks with numbers, chaining, DESELECT. §5 to §7 of the standard.

    PCB   I-block  000 M CID NAD 1 n    M: more of this chain follows
          R-block  101 N CID 0   1 n    N: NAK
          S-block  11 ww CID 0   1 0    ww = 00 DESELECT, 11 WTX
    then CID (if its bit is set), then INF; the CRC is checked and removed below.

Rules of the card (§7.5.4): its block number is 1 after RATS and toggles at each I-block it hears; an R-block with its
own number asks for the last block again; R(NAK) with the other number is answered R(ACK); R(ACK) with the other number
asks for the next part of a chain. What it does not understand it does not answer, and waits on.
"""

from __future__ import annotations

from collections.abc import Callable

RATS = 0xE0
SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
"""FSDI and FSCI to the size of a frame, CRC included; a higher index counts as 256."""
MORE, CID_FOLLOWS, NAD_FOLLOWS, NUMBER = 0x10, 0x08, 0x04, 0x01
NAK = 0x10
I_BLOCK, R_BLOCK, S_DESELECT = 0x02, 0xA2, 0xC2
PPS, PPS_BOTH_RATES = 0xD0, 0x11
_CRC_SIZE = 2
_CID_UNSUPPORTED = 0x0F


def frame_size(index: int) -> int:
    """The frame size a parameter byte's low nibble means, CRC included."""
    return SIZES[min(index & 0x0F, len(SIZES) - 1)]


def is_i_block(pcb: int) -> bool:
    return pcb & 0xE2 == I_BLOCK


def is_r_block(pcb: int) -> bool:
    return pcb & 0xE6 == R_BLOCK


class IsoDep:
    """The block layer of one card between RATS and DESELECT. `apply` answers one whole message of the reader."""

    def __init__(self, apply: Callable[[bytes], bytes]) -> None:
        self._apply = apply
        self._reset()

    def stop(self) -> None:
        """The card left this protocol: DESELECT, or the field is gone."""
        self._reset()

    def _reset(self) -> None:
        self.active = False
        """RATS was answered: the card understands blocks and nothing else."""
        self.rate = 0
        """Bit rate as 106 kbit/s × 2^rate, both ways the slower of the two that PPS set."""
        self._frame_size = SIZES[0]
        self._cid = 0
        self._number = 1
        self._heard = b""
        self._parts: tuple[bytes, ...] = ()
        self._last = b""
        self._may_pps = False

    def activate(self, command: bytes, ats: bytes) -> bytes | None:
        """Answer RATS (E0, FSDI | CID) with `ats`; None for what is no RATS."""
        if len(command) != 2 or command[0] != RATS or command[1] & 0x0F == _CID_UNSUPPORTED:
            return None
        self.active = self._may_pps = True
        self._frame_size, self._cid = frame_size(command[1] >> 4), command[1] & 0x0F
        return ats

    def hear(self, block: bytes) -> bytes | None:
        """Answer one block; None is silence. After DESELECT `active` is false."""
        pcb = block[0]
        if pcb & 0xF0 == PPS and self._may_pps:
            return self._select_rate(block)
        self._may_pps = False
        own_cid = pcb & CID_FOLLOWS
        cid, inf = block[1 : 2 if own_cid else 1], block[2 if own_cid else 1 :]
        if (cid[0] & 0x0F if cid else 0) != self._cid or (own_cid and not cid):
            return None
        if is_i_block(pcb) and not pcb & NAD_FOLLOWS:
            return self._i_block(pcb, cid, inf)
        if is_r_block(pcb) and not inf:
            return self._r_block(pcb, cid)
        if pcb & ~CID_FOLLOWS == S_DESELECT and not inf:
            self.stop()
            return block
        return None

    def _select_rate(self, request: bytes) -> bytes | None:
        """PPSS PPS0 PPS1: §5.3. Answered with PPSS."""
        self._may_pps = False
        if len(request) not in (2, 3) or request[0] & 0x0F != self._cid or request[1] & 0xEF != 0x01:
            return None
        rates = request[2] if len(request) == 3 else 0
        self.rate = min(rates >> 2 & 3, rates & 3)
        return request[:1]

    def _i_block(self, pcb: int, cid: bytes, inf: bytes) -> bytes:
        self._number ^= 1
        self._heard += inf
        self._parts = ()
        if pcb & MORE:
            return self._send(R_BLOCK, cid)
        message, self._heard = self._heard, b""
        answer = self._apply(message)
        room = self._frame_size - _CRC_SIZE - 1 - len(cid)
        self._parts = tuple(answer[n : n + room] for n in range(0, len(answer), room)) or (b"",)
        return self._next_part(cid)

    def _r_block(self, pcb: int, cid: bytes) -> bytes | None:
        if pcb & NUMBER == self._number and self._last:
            return self._last
        if pcb & NAK:
            return self._send(R_BLOCK, cid)
        if not self._parts:
            return None
        self._number ^= 1
        return self._next_part(cid)

    def _next_part(self, cid: bytes) -> bytes:
        part, self._parts = self._parts[0], self._parts[1:]
        return self._send(I_BLOCK | (MORE if self._parts else 0), cid, part)

    def _send(self, pcb: int, cid: bytes, inf: bytes = b"") -> bytes:
        self._last = bytes((pcb | self._number | (CID_FOLLOWS if cid else 0),)) + cid + inf
        return self._last

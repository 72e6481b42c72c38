"""ISO/IEC 14443-4 as the PN532 speaks it on its own: automatic RATS, I-blocks both ways, PPS, the attention request.

No CID is used: the chip speaks to one activated card at a time. Nothing is asked again: the modelled air loses nothing,
so a silent card is a card that is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware.virtual.air import Answer, Heard
from hardware.virtual.iso_dep import (
    I_BLOCK,
    MORE,
    NAK,
    NUMBER,
    PPS,
    PPS_BOTH_RATES,
    R_BLOCK,
    RATS,
    frame_size,
    is_i_block,
    is_r_block,
)

FSDI = 0x5
"""The PN532 takes frames of 64 bytes from a card, CRC included."""
_OVERHEAD = 3
_FSCI_IF_SILENT = 2


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A card's answer. None: it did not answer, or not in this protocol. `us` on air."""

    data: bytes | None
    us: float
    silent: bool = False


class IsoDepReader:
    """The chip's side of one activated card; `hear` puts a frame without CRC on air."""

    def __init__(self, hear: Callable[[bytes], Answer]) -> None:
        self._hear = hear
        self.number = 0
        """Of the next block sent."""
        self._room = 0
        self.ats = b""

    def activate(self) -> Exchanged:
        """RATS; the answer is the ATS with its length byte."""
        answered = self._ask(bytes((RATS, FSDI << 4)))
        self.number, self.ats = 0, answered.data or b""
        fsci = self.ats[1] if len(self.ats) > 1 else _FSCI_IF_SILENT
        self._room = frame_size(fsci) - _OVERHEAD
        return answered

    def exchange(self, message: bytes) -> Exchanged:
        """One message to the card and its whole answer."""
        parts = [message[n : n + self._room] for n in range(0, len(message), self._room)] or [b""]
        us = 0.0
        for part in parts[:-1]:
            answered = self._block(I_BLOCK | MORE, part)
            us += answered.us
            if not self._is_acknowledged(answered):
                return Exchanged(None, us, answered.silent)
        answered = self._block(I_BLOCK, parts[-1])
        us += answered.us
        data = b""
        while answered.data is not None:
            pcb = answered.data[0]
            if not is_i_block(pcb) or pcb & NUMBER != self.number:
                return Exchanged(None, us)
            self.number ^= 1
            data += answered.data[1:]
            if not pcb & MORE:
                return Exchanged(data, us)
            answered = self._block(R_BLOCK, b"")
            us += answered.us
        return Exchanged(None, us, answered.silent)

    def is_there(self) -> Exchanged:
        """The attention request: R(NAK), which a card answers R(ACK)."""
        return self._block(R_BLOCK | NAK, b"")

    def set_rate(self, to_card: int, to_reader: int) -> Exchanged:
        """PPS at card number 0; rates as in PPS1."""
        return self._ask(bytes((PPS, PPS_BOTH_RATES, to_reader << 2 | to_card)))

    def _is_acknowledged(self, answered: Exchanged) -> bool:
        """R(ACK) with the number of the part just sent; the next part has the other."""
        if answered.data is None or not is_r_block(answered.data[0]) or answered.data[0] & NUMBER != self.number:
            return False
        self.number ^= 1
        return True

    def _block(self, pcb: int, inf: bytes) -> Exchanged:
        return self._ask(bytes((pcb | self.number,)) + inf)

    def _ask(self, frame: bytes) -> Exchanged:
        answer = self._hear(frame)
        if answer.heard is Heard.DATA and answer.data:
            return Exchanged(answer.data, answer.us)
        return Exchanged(None, answer.us, silent=True)

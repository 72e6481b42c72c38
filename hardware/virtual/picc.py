"""The activation states every type A card shares, ISO/IEC 14443-3 §6.

    IDLE --REQA/WUPA--> READY --SELECT--> ACTIVE --HLTA--> HALT --WUPA--> READY*
    ACTIVE --RATS--> blocks of ISO/IEC 14443-4 --DESELECT--> HALT
    any error: back to IDLE, or to HALT for a card that was woken from HALT

REQA does not wake a card in HALT. Taking the field away brings every card back to IDLE.
"""

from __future__ import annotations

from enum import Enum

from hardware.virtual import timing
from hardware.virtual.air import Answer, Card, Heard, crc_a

REQA = 0x26
WUPA = 0x52
_SELECT = (0x93, 0x95)
_CASCADE_TAG = 0x88
_CASCADE_BIT = 0x04
HLTA = b"\x50\x00"


class State(Enum):
    IDLE = "idle"
    READY = "ready"
    ACTIVE = "active"
    HALT = "halt"


class Picc:
    """One card in the field, with its activation state."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.state = State.IDLE
        self._rests_in = State.IDLE
        self._level = 0

    def power_up(self) -> None:
        """The field comes (back): nothing volatile is left."""
        self._rests_in = State.IDLE
        self._rest()

    def drop(self) -> None:
        """An error: authentication is lost and the card must be selected again."""
        if self.state in (State.READY, State.ACTIVE):
            self._rest()

    def halt(self) -> None:
        """HLTA, as the chip sends it at InDeselect and InRelease."""
        self._rests_in = State.HALT
        self._rest()

    def request(self, wake: bool) -> bool:
        """REQA, or WUPA if `wake`. True: the card answers its ATQA and is READY."""
        if self.state in (State.READY, State.ACTIVE):
            self.drop()
            return False
        if self.state is State.HALT and not wake:
            return False
        self._rests_in = self.state
        self.state, self._level = State.READY, 0
        return True

    def select(self) -> None:
        """The whole anticollision and selection of a READY card, done by the chip."""
        assert self.state is State.READY
        self.state = State.ACTIVE

    def data_exchange(self, payload: bytes) -> Answer:
        """InDataExchange with this card: only an ACTIVE card answers."""
        if self.state is not State.ACTIVE:
            return Answer(Heard.SILENCE, us=timing.READ_TIMEOUT_US)
        if self.card.in_protocol:
            return self._hear_block(payload + crc_a(payload), 0)
        return self._judged(self.card.data_exchange(payload))

    def hear(self, frame: bytes, bits: int) -> Answer:
        """A raw frame as it is on air, CRC included; `bits` of the last byte count, 0 for all."""
        silence = Answer(Heard.SILENCE)
        if self.card.in_protocol:
            return self._hear_block(frame, bits)
        if bits == 7 and frame in (bytes((REQA,)), bytes((WUPA,))):
            if self.request(frame[0] == WUPA):
                return Answer(Heard.DATA, self.card.atqa[::-1], timing.selection_us(4) / 4, checked=False)
            return silence
        if self.state is State.READY:
            return self._judged(self._cascade(frame))
        if self.state is not State.ACTIVE:
            return silence
        if bits or len(frame) < 3 or crc_a(frame[:-2]) != frame[-2:]:
            return self._judged(silence)
        if frame[:-2] == HLTA:
            self.halt()
            return silence
        return self._judged(self.card.hear(frame[:-2]))

    def _hear_block(self, frame: bytes, bits: int) -> Answer:
        """A card that answered RATS hears nothing else; what makes no sense to it leaves it as it is."""
        if bits or len(frame) < 3 or crc_a(frame[:-2]) != frame[-2:]:
            return Answer(Heard.SILENCE)
        answer = self.card.hear(frame[:-2])
        if not self.card.in_protocol:
            self.halt()
        return answer

    def _cascade(self, frame: bytes) -> Answer:
        levels = self._cascade_levels()
        mine = levels[self._level]
        code = _SELECT[self._level]
        if frame == bytes((code, 0x20)):
            return Answer(Heard.DATA, mine, timing.exchange_us(2, 5), checked=False)
        select = bytes((code, 0x70)) + mine
        if frame != select + crc_a(select):
            return Answer(Heard.SILENCE)
        self._level += 1
        us = timing.exchange_us(9, 3)
        if self._level < len(levels):
            return Answer(Heard.DATA, bytes((_CASCADE_BIT,)), us)
        self.state = State.ACTIVE
        return Answer(Heard.DATA, bytes((self.card.sak,)), us)

    def _cascade_levels(self) -> list[bytes]:
        """UID and BCC, 5 bytes, for each cascade level."""
        uid = self.card.uid
        parts = [uid] if len(uid) == 4 else [bytes((_CASCADE_TAG,)) + uid[:3], uid[3:]]
        return [part + bytes((part[0] ^ part[1] ^ part[2] ^ part[3],)) for part in parts]

    def _judged(self, answer: Answer) -> Answer:
        if not answer.good:
            self.drop()
        return answer

    def _rest(self) -> None:
        self.state = self._rests_in
        self.card.end_session()

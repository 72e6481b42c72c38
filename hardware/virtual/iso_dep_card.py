"""A card of ISO/IEC 14443-4 as the field sees it: RATS, blocks, and above them a DESFire."""

from __future__ import annotations

import copy

from hardware.virtual import timing
from hardware.virtual.air import Answer, Heard
from hardware.virtual.desfire.card import DesfireCard
from hardware.virtual.desfire.memory import Memory
from hardware.virtual.desfire.state import Volatile
from hardware.virtual.iso_dep import IsoDep

_CRC_SIZE = 2
_ATQA, _ATQA_RANDOM_UID = bytes.fromhex("0344"), bytes.fromhex("0304")
_SILENCE = Answer(Heard.SILENCE, us=timing.READ_TIMEOUT_US)


class IsoDepCard:
    """The Card of a DesfireImage."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._desfire = DesfireCard(memory)
        self._blocks = IsoDep(self._desfire.message)

    @property
    def uid(self) -> bytes:
        return self._memory.random_uid() if self._memory.contents.random_uid else self._memory.image.uid

    @property
    def atqa(self) -> bytes:
        return _ATQA_RANDOM_UID if self._memory.contents.random_uid else _ATQA

    @property
    def sak(self) -> int:
        return 0x20

    @property
    def in_protocol(self) -> bool:
        return self._blocks.active

    @property
    def writes(self) -> int:
        return self._memory.writes

    def presented(self) -> None:
        self._memory.presented()

    def end_session(self) -> None:
        self._blocks.stop()
        self._desfire.end_session()

    def data_exchange(self, payload: bytes) -> Answer:
        """Without a RATS the chip sends what it is given."""
        return self.hear(payload)

    def hear(self, command: bytes) -> Answer:
        """RATS, then blocks. EEPROM work adds its time to the answer."""
        if not command:
            return _SILENCE
        rate, writes = self._blocks.rate, self._memory.writes
        if self._blocks.active:
            data = self._blocks.hear(command)
        else:
            data = self._blocks.activate(command, self._memory.contents.ats)
        if data is None:
            return _SILENCE
        us = timing.exchange_us(len(command) + _CRC_SIZE, len(data) + _CRC_SIZE, rate)
        return Answer(Heard.DATA, data, us + (self._memory.writes - writes) * timing.DESFIRE_WRITE_US)

    def volatile(self) -> object:
        return copy.copy(self._blocks), self._desfire.state.volatile.copy()

    def restore(self, volatile: object) -> None:
        assert isinstance(volatile, tuple)
        blocks, state = volatile
        assert isinstance(blocks, IsoDep)
        assert isinstance(state, Volatile)
        self._blocks, self._desfire.state.volatile = blocks, state

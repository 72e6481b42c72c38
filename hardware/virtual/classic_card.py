"""A MIFARE Classic 1K above its activation: authentication, access conditions, value blocks.

Source: NXP MF1S50yyX_V1. Sixteen sectors of four blocks; the last block of a sector is its trailer (key A, access
bits, one free byte, key B). Block 0 holds the manufacturer's data and is never written. A value block holds a signed
little-endian number three times and its own address four times:

    v | ~v | v | a ~a a ~a

Increment, decrement and restore check all copies and work on a transfer buffer; transfer writes the buffer to a block.

Not modelled: the Crypto1 bit stream (keys are compared; a raw authentication over InCommunicateThru gets no answer),
the card's nonces and their weakness, the NAK leak, negative operands (refused), wear, and the transfer buffer
surviving a new authentication (it is lost here).
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware.virtual import timing
from hardware.virtual.access import (
    DATA_RIGHTS,
    TRAILER_RIGHTS,
    DataRights,
    Key,
    TrailerRights,
    conditions,
    key_b_is_readable,
)
from hardware.virtual.air import NAK_NOT_ALLOWED, Answer, Heard
from hardware.virtual.card_file import BLOCK_COUNT, ClassicImage
from hardware.virtual.eeprom import Eeprom
from hardware.virtual.tear import BLOCK_SIZE

_READ, _WRITE = 0x30, 0xA0
_DECREMENT, _INCREMENT, _RESTORE, _TRANSFER = 0xC0, 0xC1, 0xC2, 0xB0
_VALUE_MIN, _VALUE_MAX = -(2**31), 2**31 - 1
FACTORY_KEY = b"\xff" * 6
FACTORY_ACCESS = bytes.fromhex("ff078069")
"""Transport configuration, key B readable, and the free byte as NXP ships it."""


def blank_image(uid: bytes, keys: list[tuple[bytes, bytes]]) -> ClassicImage:
    """A card as from the factory; `keys` A and B of each of the 16 sectors, 6 bytes each."""
    assert len(uid) in (4, 7)
    assert len(keys) == 16
    blocks = [bytes(BLOCK_SIZE)] * BLOCK_COUNT
    bcc = bytes((uid[0] ^ uid[1] ^ uid[2] ^ uid[3],)) if len(uid) == 4 else b""
    blocks[0] = (uid + bcc + bytes((0x08,)) + _atqa(uid)[::-1]).ljust(BLOCK_SIZE, b"\0")
    for sector, (key_a, key_b) in enumerate(keys):
        blocks[4 * sector + 3] = key_a + FACTORY_ACCESS + key_b
    return ClassicImage(uid, blocks)


def _atqa(uid: bytes) -> bytes:
    return bytes((0x00, 0x04 if len(uid) == 4 else 0x44))


@dataclass(frozen=True, slots=True)
class Value:
    """What a value block says: a signed 32-bit number and the address byte kept with it."""

    number: int
    address: int

    def block(self) -> bytes:
        """The 16 bytes of the value block."""
        value = self.number.to_bytes(4, "little", signed=True)
        inverse = bytes(b ^ 0xFF for b in value)
        a = self.address
        return value + inverse + value + bytes((a, a ^ 0xFF, a, a ^ 0xFF))


def value_of(block: bytes) -> Value | None:
    """The value in a 16-byte block; None when any of its copies disagrees."""
    value = Value(int.from_bytes(block[:4], "little", signed=True), block[12])
    return value if value.block() == block else None


@dataclass(frozen=True, slots=True)
class _Session:
    sector: int
    key: Key


_NAK = Answer(Heard.NAK, bytes((NAK_NOT_ALLOWED,)), timing.acknowledged_us(4))
_SILENCE = Answer(Heard.SILENCE, us=timing.READ_TIMEOUT_US)
_AUTH_FAILED = Answer(
    Heard.AUTHENTICATION_FAILED, us=timing.exchange_us(4, 4) + timing.reader_frame_us(8) + timing.AUTH_TIMEOUT_US
)
_ACCESS_BITS = slice(6, 10)


class ClassicCard:
    """The Card of a ClassicImage."""

    def __init__(self, eeprom: Eeprom) -> None:
        self._eeprom = eeprom
        self._session: _Session | None = None
        self._buffer: Value | None = None

    @property
    def uid(self) -> bytes:
        return self._eeprom.image.uid

    @property
    def atqa(self) -> bytes:
        return _atqa(self.uid)

    @property
    def sak(self) -> int:
        return 0x08

    @property
    def in_protocol(self) -> bool:
        return False

    @property
    def writes(self) -> int:
        return self._eeprom.writes

    def presented(self) -> None:
        self._eeprom.presented()

    def end_session(self) -> None:
        self._session = self._buffer = None

    def data_exchange(self, payload: bytes) -> Answer:
        """60/61 block key uid: the PN532 authenticates; 30, A0, C0, C1, C2, B0: it does both parts of the command."""
        if len(payload) < 2:
            return _NAK
        code, block, rest = payload[0], payload[1], payload[2:]
        if code in (Key.A.value, Key.B.value):
            return self._authenticate(Key(code), block, rest)
        session = self._session
        if session is None or block >= BLOCK_COUNT or block // 4 != session.sector:
            return _NAK
        rights = self._rights(session, block)
        if rights is None:
            return _NAK
        match code, rest:
            case (0x30, b""):
                return self._read(session, block, rights)
            case (0xA0, data) if len(data) == BLOCK_SIZE:
                return self._write(session, block, rights, data)
            case (0xC0 | 0xC1 | 0xC2, operand) if len(operand) == 4 or (code == _RESTORE and not operand):
                return self._load_buffer(session, block, rights, code, operand)
            case (0xB0, b""):
                return self._transfer(session, block, rights)
        return _NAK

    def hear(self, command: bytes) -> Answer:
        """Raw frames. The chip keeps Crypto1 on after InDataExchange authenticated, so a raw READ works; no more."""
        if self._session is not None and len(command) == 2 and command[0] == _READ:
            return self.data_exchange(command)
        return _SILENCE

    def volatile(self) -> object:
        return self._session, self._buffer

    def restore(self, volatile: object) -> None:
        assert isinstance(volatile, tuple)
        self._session, self._buffer = volatile

    def _authenticate(self, key: Key, block: int, rest: bytes) -> Answer:
        self.end_session()
        if block >= BLOCK_COUNT or len(rest) != 10:
            return _AUTH_FAILED
        sector = block // 4
        trailer = self._eeprom.read(4 * sector + 3)
        stored = trailer[:6] if key is Key.A else trailer[10:]
        # The UID goes into Crypto1 at authentication: with another UID the keys do not meet.
        if rest != stored + self.uid[-4:] or conditions(trailer) is None:
            return _AUTH_FAILED
        self._session = _Session(sector, key)
        return Answer(Heard.ACK, us=timing.CLASSIC_AUTH_US)

    def _rights(self, session: _Session, block: int) -> DataRights | TrailerRights | None:
        of = conditions(self._eeprom.read(4 * session.sector + 3))
        if of is None or (session.key is Key.B and key_b_is_readable(of[3])):
            return None
        return TRAILER_RIGHTS[of[3]] if block % 4 == 3 else DATA_RIGHTS[of[block % 4]]

    def _read(self, session: _Session, block: int, rights: DataRights | TrailerRights) -> Answer:
        data = self._eeprom.read(block)
        if isinstance(rights, TrailerRights):
            bits = data[_ACCESS_BITS] if session.key in rights.read_bits else bytes(4)
            key_b = data[10:] if session.key in rights.read_key_b else bytes(6)
            data = bytes(6) + bits + key_b
        elif session.key not in rights.read:
            return _NAK
        return Answer(Heard.DATA, data, timing.CLASSIC_READ_US)

    def _write(self, session: _Session, block: int, rights: DataRights | TrailerRights, new: bytes) -> Answer:
        if isinstance(rights, TrailerRights):
            parts = (rights.write_key_a, rights.write_bits, rights.write_key_b)
            may_a, may_bits, may_b = (session.key in part for part in parts)
            if not (may_a or may_bits or may_b):
                return _NAK
            old = self._eeprom.read(block)
            new = (
                (new[:6] if may_a else old[:6])
                + (new[_ACCESS_BITS] if may_bits else old[_ACCESS_BITS])
                + (new[10:] if may_b else old[10:])
            )
        elif session.key not in rights.write or block == 0:
            return _NAK
        self._eeprom.write(block, new)
        return Answer(Heard.ACK, us=timing.CLASSIC_WRITE_US + timing.EEPROM_BLOCK_US)

    def _load_buffer(
        self, session: _Session, block: int, rights: DataRights | TrailerRights, code: int, operand: bytes
    ) -> Answer:
        if isinstance(rights, TrailerRights):
            return _NAK
        allowed = rights.increment if code == _INCREMENT else rights.decrement
        value = value_of(self._eeprom.read(block))
        if session.key not in allowed or value is None:
            return _NAK
        amount = 0 if code == _RESTORE else int.from_bytes(operand, "little", signed=True)
        number = value.number + (amount if code == _INCREMENT else -amount)
        if amount < 0 or not _VALUE_MIN <= number <= _VALUE_MAX:
            return _NAK
        self._buffer = Value(number, value.address)
        return Answer(Heard.ACK, us=timing.CLASSIC_VALUE_US)

    def _transfer(self, session: _Session, block: int, rights: DataRights | TrailerRights) -> Answer:
        if isinstance(rights, TrailerRights) or session.key not in rights.decrement or block == 0:
            return _NAK
        if self._buffer is None:
            return _NAK
        self._eeprom.write(block, self._buffer.block())
        return Answer(Heard.ACK, us=timing.CLASSIC_TRANSFER_US + timing.EEPROM_BLOCK_US)

"""Secure messaging of the first DESFire, after AuthenticateLegacy (0A) with a DES or two-key 3DES key. Pure.

Every card from the factory still opens so. The card only ever encrypts and the reader only ever decrypts: the reader
sends with c[i] = D(p[i] xor c[i-1]), the card with CBC encryption. The IV is zero for every message.

- PLAIN: nothing is added.
- MACED: the first four bytes of the last block of CBC encryption over the zero-padded data, where there is data.
- FULL: data | CRC16(data) | zeros.
- ChangeKey: key block | CRC16(key block) [| CRC16(new key)] | zeros.

Source: libfreefare's mifare_desfire_crypto.c, proxmark3's desfiresecurechan.c.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from hardware.cards.desfire.cipher import Key, KeyType, pad_zeros, xor
from hardware.cards.desfire.messaging import (
    CommMode,
    NewKey,
    crc16,
    key_block,
    key_block_size,
    read_key_block,
    require,
)

_BLOCK = 8
_MAC_SIZE = 4
_CRC_SIZE = 2


class LegacyChannel:
    """One end of a legacy session."""

    unfiled = CommMode.PLAIN

    def __init__(self, session: Key) -> None:
        assert session.type is KeyType.TDES
        self._session = session

    def seal_command(self, code: int, header: bytes, data: bytes, mode: CommMode) -> bytes:
        if mode is CommMode.FULL and data:
            return header + reader_encipher(self._session, pad_zeros(data + crc16(data), _BLOCK))
        return header + self._with_mac(data, mode)

    def open_answer(self, payload: bytes, mode: CommMode, size: int | None) -> bytes:
        if mode is CommMode.FULL and size != 0:
            assert size is not None
            return self._checked(payload, size, self._session.decrypt)
        return self._without_mac(payload, mode, size)

    def open_command(self, code: int, payload: bytes, header_size: int, mode: CommMode, size: int) -> bytes:
        rest = payload[header_size:]
        if mode is CommMode.FULL and size:
            return self._checked(rest, size, lambda _, enciphered: card_decipher(self._session, enciphered))
        return self._without_mac(rest, mode, size)

    def seal_answer(self, data: bytes, mode: CommMode) -> bytes:
        if mode is CommMode.FULL and data:
            return self._session.encrypt(self._session.zero_iv, pad_zeros(data + crc16(data), _BLOCK))
        return self._with_mac(data, mode)

    def seal_key_change(self, number: int, new: NewKey, old: bytes | None) -> bytes:
        block = key_block(new, old)
        plain = block + crc16(block) + (b"" if old is None else crc16(new.key.secret))
        return bytes([number]) + reader_encipher(self._session, pad_zeros(plain, _BLOCK))

    def open_key_change(self, payload: bytes, kind: KeyType, old: bytes | None) -> NewKey:
        size = key_block_size(kind)
        whole = size + _CRC_SIZE + (0 if old is None else _CRC_SIZE)
        require(len(payload) == 1 + whole + -whole % _BLOCK, "enciphered size")
        plain = card_decipher(self._session, payload[1:])
        new = read_key_block(plain[:size], kind, old)
        checks = crc16(plain[:size]) + (b"" if old is None else crc16(new.key.secret))
        require(hmac.compare_digest(plain[size:whole], checks) and not any(plain[whole:]), "checksum of the key change")
        return new

    def _mac(self, data: bytes) -> bytes:
        return self._session.encrypt(self._session.zero_iv, pad_zeros(data, _BLOCK))[-_BLOCK:][:_MAC_SIZE]

    def _with_mac(self, data: bytes, mode: CommMode) -> bytes:
        return data + (self._mac(data) if mode is CommMode.MACED and data else b"")

    def _without_mac(self, payload: bytes, mode: CommMode, size: int | None) -> bytes:
        has_mac = mode is CommMode.MACED and bool(payload)
        data = payload[:-_MAC_SIZE] if has_mac else payload
        require(size is None or len(data) == size, "size")
        require(not has_mac or hmac.compare_digest(payload, self._with_mac(data, mode)), "MAC")
        return data

    def _checked(self, enciphered: bytes, size: int, decipher: Callable[[bytes, bytes], bytes]) -> bytes:
        whole = size + _CRC_SIZE
        require(len(enciphered) == whole + -whole % _BLOCK, "enciphered size")
        plain = decipher(self._session.zero_iv, enciphered)
        data = plain[:size]
        require(hmac.compare_digest(plain[size:whole], crc16(data)) and not any(plain[whole:]), "checksum")
        return data


def reader_encipher(key: Key, plain: bytes) -> bytes:
    """How the reader sends whole blocks, using decryption only."""
    sent = b""
    previous = key.zero_iv
    for start in range(0, len(plain), _BLOCK):
        previous = key.decrypt(key.zero_iv, xor(plain[start : start + _BLOCK], previous))
        sent += previous
    return sent


def card_decipher(key: Key, sent: bytes) -> bytes:
    """The blocks that `reader_encipher` sent."""
    plain = b""
    previous = key.zero_iv
    for start in range(0, len(sent), _BLOCK):
        block = sent[start : start + _BLOCK]
        plain += xor(key.encrypt(key.zero_iv, block), previous)
        previous = block
    return plain

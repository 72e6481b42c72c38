"""Secure messaging of DESFire EV1, after AuthenticateISO (1A) or AuthenticateAES (AA). Pure.

One IV, zero after authentication, runs through every CMAC and every encryption of the session.

- *Command*: the CMAC over code | header | data is always computed; in MACED mode its first 8 bytes follow the data, if
  there is data. In FULL mode E(data | CRC32(code | header | data) | zeros) takes the place of data and CMAC.
- *Answer*: data and the first 8 bytes of the CMAC over data | status, in PLAIN mode too; in FULL mode
  E(data | CRC32(data | status) | zeros), unless there is no data.
- *ChangeKey*: E(key block | CRC32(C4 | number | key block) [| CRC32(new key)] | zeros), the second checksum when the
  key is not the one that authenticated.

Source: libfreefare's mifare_desfire_crypto.c; a real card's transcript in RFDoorLock's "Desfire EV1 Communication
Examples" (tests/vectors/desfire_ev1.json).
"""

from __future__ import annotations

import hmac

from hardware.cards.desfire.cipher import Key, KeyType, pad_zeros
from hardware.cards.desfire.messaging import (
    CHANGE_KEY,
    CRC32_SIZE,
    MAC_SIZE,
    CommMode,
    NewKey,
    crc32,
    key_block,
    key_block_size,
    read_key_block,
    require,
)
from hardware.cards.desfire.status import Status

_OK = bytes([Status.OK])


class Ev1Channel:
    """One end of an EV1 session."""

    unfiled = CommMode.PLAIN

    def __init__(self, session: Key) -> None:
        self._session = session
        self._iv = session.zero_iv

    def seal_command(self, code: int, header: bytes, data: bytes, mode: CommMode) -> bytes:
        if mode is CommMode.FULL and data:
            return header + self._encipher(data + crc32(bytes([code]) + header + data))
        mac = self._mac(bytes([code]) + header + data)
        return header + data + (mac if mode is CommMode.MACED and data else b"")

    def open_answer(self, payload: bytes, mode: CommMode, size: int | None) -> bytes:
        if mode is CommMode.FULL and size != 0:
            assert size is not None
            data, check = self._decipher(payload, (size, CRC32_SIZE))
            require(hmac.compare_digest(check, crc32(data + _OK)), "checksum of the answer")
            return data
        require(len(payload) == size + MAC_SIZE if size is not None else len(payload) >= MAC_SIZE, "answer's size")
        data, mac = payload[:-MAC_SIZE], payload[-MAC_SIZE:]
        require(hmac.compare_digest(mac, self._mac(data + _OK)), "MAC of the answer")
        return data

    def open_command(self, code: int, payload: bytes, header_size: int, mode: CommMode, size: int) -> bytes:
        header, rest = payload[:header_size], payload[header_size:]
        if mode is CommMode.FULL and size:
            data, check = self._decipher(rest, (size, CRC32_SIZE))
            require(hmac.compare_digest(check, crc32(bytes([code]) + header + data)), "checksum of the command")
            return data
        data, mac = rest[:size], rest[size:]
        expected = self._mac(bytes([code]) + header + data)
        due = expected if mode is CommMode.MACED and size else b""
        require(len(data) == size and hmac.compare_digest(mac, due), "MAC of the command")
        return data

    def seal_answer(self, data: bytes, mode: CommMode) -> bytes:
        if mode is CommMode.FULL and data:
            return self._encipher(data + crc32(data + _OK))
        return data + self._mac(data + _OK)

    def seal_key_change(self, number: int, new: NewKey, old: bytes | None) -> bytes:
        block = key_block(new, old)
        checks = crc32(bytes([CHANGE_KEY, number]) + block) + (b"" if old is None else crc32(new.key.secret))
        return bytes([number]) + self._encipher(block + checks)

    def open_key_change(self, payload: bytes, kind: KeyType, old: bytes | None) -> NewKey:
        require(bool(payload), "size")
        sizes = (key_block_size(kind), CRC32_SIZE, 0 if old is None else CRC32_SIZE)
        block, check, new_check = self._decipher(payload[1:], sizes)
        require(
            hmac.compare_digest(check, crc32(bytes([CHANGE_KEY, payload[0]]) + block)), "checksum of the key change"
        )
        new = read_key_block(block, kind, old)
        require(old is None or hmac.compare_digest(new_check, crc32(new.key.secret)), "checksum of the new key")
        return new

    def _mac(self, message: bytes) -> bytes:
        self._iv = self._session.cmac(self._iv, message)
        return self._iv[:MAC_SIZE]

    def _encipher(self, plain: bytes) -> bytes:
        enciphered = self._session.encrypt(self._iv, pad_zeros(plain, self._session.type.block_size))
        self._iv = enciphered[-self._session.type.block_size :]
        return enciphered

    def _decipher(self, enciphered: bytes, sizes: tuple[int, ...]) -> list[bytes]:
        """Parts of these sizes, behind which only padding may stand."""
        block_size, whole = self._session.type.block_size, sum(sizes)
        require(len(enciphered) == whole + -whole % block_size, "enciphered size")
        plain = self._session.decrypt(self._iv, enciphered)
        self._iv = enciphered[-block_size:]
        require(not any(plain[whole:]), "padding")
        return [plain[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(len(sizes))]

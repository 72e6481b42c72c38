"""Secure messaging of DESFire EV2 and EV3, after AuthenticateEV2First (71) or EV2NonFirst (77). Pure.

Session keys for encryption and MAC, a transaction identifier TI (4 bytes, from the card) and a command counter, u16.

- *MAC*: the odd bytes of CMAC(MAC key, code | counter | TI | header | data as sent); of an answer, status in place of
  the code. The counter, little-endian, counts commands sealed since EV2First, in PLAIN mode too: a command carries the
  count before it, its answer the count with it.
- *FULL*: data padded with 80 00 …, CBC, IV = E(A5 5A | TI | counter | zeros) for a command, 5A A5 … for an answer.
- *Session keys*: CMAC(key, SV), SV = A5 5A (encryption) or 5A A5 (MAC) | 00 01 00 80 | RndA[0:2]
  | RndA[2:8] xor RndB[0:6] | RndB[6:16] | RndA[8:16].
- *ChangeKey*: key block [| CRC32(new key)] as the data of a FULL command.

Source: NXP AN12343 and AN12196 (tests/vectors/desfire_ev2.json).
"""

from __future__ import annotations

import hmac

from hardware.cards.desfire.cipher import Key, KeyType, pad_one_and_zeros, xor
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
from onecard.keys import aes_cmac

TI_SIZE = 4
_COMMAND_IV = bytes.fromhex("A55A")
_ANSWER_IV = bytes.fromhex("5AA5")
_LABELS = (bytes.fromhex("A55A"), bytes.fromhex("5AA5"))
"""Of the session keys for encryption and MAC."""
_COUNTER_LIMIT = 0xFFFF


class Ev2Channel:
    """One end of an EV2 session."""

    unfiled = CommMode.MACED

    def __init__(self, encryption: bytes, mac: bytes, ti: bytes, counter: int = 0) -> None:
        """16-byte session keys. A NonFirst authentication takes over TI and counter of the session before."""
        assert len(ti) == TI_SIZE
        self._encryption = Key(KeyType.AES, encryption)
        self._mac_key = mac
        self.ti = ti
        self.counter = counter

    def seal_command(self, code: int, header: bytes, data: bytes, mode: CommMode) -> bytes:
        sent = self._encipher(_COMMAND_IV, data) if mode is CommMode.FULL and data else data
        mac = b"" if mode is CommMode.PLAIN else self._mac(code, header + sent)
        self._count()
        return header + sent + mac

    def open_answer(self, payload: bytes, mode: CommMode, size: int | None) -> bytes:
        data = payload if mode is CommMode.PLAIN else self._checked(Status.OK, b"", payload)
        if mode is CommMode.FULL and data:
            data = self._decipher(_ANSWER_IV, data)
        require(size is None or len(data) == size, "answer's size")
        return data

    def open_command(self, code: int, payload: bytes, header_size: int, mode: CommMode, size: int) -> bytes:
        header, data = payload[:header_size], payload[header_size:]
        if mode is not CommMode.PLAIN:
            data = self._checked(code, header, data)
        if mode is CommMode.FULL and data:
            data = self._decipher(_COMMAND_IV, data)
        require(len(header) == header_size and len(data) == size, "command's size")
        self._count()
        return data

    def seal_answer(self, data: bytes, mode: CommMode) -> bytes:
        if mode is CommMode.PLAIN:
            return data
        sent = self._encipher(_ANSWER_IV, data) if mode is CommMode.FULL and data else data
        return sent + self._mac(Status.OK, sent)

    def seal_key_change(self, number: int, new: NewKey, old: bytes | None) -> bytes:
        data = key_block(new, old) + (b"" if old is None else crc32(new.key.secret))
        return self.seal_command(CHANGE_KEY, bytes([number]), data, CommMode.FULL)

    def open_key_change(self, payload: bytes, kind: KeyType, old: bytes | None) -> NewKey:
        size = key_block_size(kind)
        data = self.open_command(CHANGE_KEY, payload, 1, CommMode.FULL, size + (0 if old is None else CRC32_SIZE))
        new = read_key_block(data[:size], kind, old)
        require(old is None or hmac.compare_digest(data[size:], crc32(new.key.secret)), "checksum of the new key")
        return new

    def _count(self) -> None:
        assert self.counter < _COUNTER_LIMIT, "a presentation does not have so many commands"
        self.counter += 1

    def _mac(self, code: int, message: bytes) -> bytes:
        return aes_cmac(self._mac_key, bytes([code]) + self._place + message)[1::2]

    def _checked(self, code: int, header: bytes, payload: bytes) -> bytes:
        """The data in front of a right MAC."""
        data, mac = payload[:-MAC_SIZE], payload[-MAC_SIZE:]
        require(len(payload) >= MAC_SIZE and hmac.compare_digest(mac, self._mac(code, header + data)), "MAC")
        return data

    @property
    def _place(self) -> bytes:
        return self.counter.to_bytes(2, "little") + self.ti

    def _iv(self, direction: bytes) -> bytes:
        counter = self.counter.to_bytes(2, "little")
        return self._encryption.encrypt(self._encryption.zero_iv, direction + self.ti + counter + bytes(8))

    def _encipher(self, direction: bytes, data: bytes) -> bytes:
        return self._encryption.encrypt(self._iv(direction), pad_one_and_zeros(data, 16))

    def _decipher(self, direction: bytes, enciphered: bytes) -> bytes:
        require(len(enciphered) % 16 == 0, "enciphered size")
        plain = self._encryption.decrypt(self._iv(direction), enciphered)
        data, mark, padding = plain.rpartition(b"\x80")
        require(bool(mark) and len(padding) < 16 and not any(padding), "padding")
        return data


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """The keys for encryption and MAC, 16 bytes each, of the key and the two 16-byte randoms."""
    context = rnd_a[:2] + xor(rnd_a[2:8], rnd_b[:6]) + rnd_b[6:] + rnd_a[8:]
    first, second = (aes_cmac(key, label + bytes.fromhex("00010080") + context) for label in _LABELS)
    return first, second

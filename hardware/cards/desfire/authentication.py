"""How reader and card prove to each other that they hold the same key, and open a channel. Pure; randoms are arguments.

| method | keys | challenge (card) | token (reader) | answer (card) |
|---|---|---|---|---|
| LEGACY 0A | DES, 2K3DES | E(RndB) | RndA, RndB' in the legacy way of sending | E(RndA') |
| ISO 1A | DES, 2K3DES, 3K3DES | E(RndB) | E(RndA, RndB') | E(RndA') |
| AES AA | AES | E(RndB) | E(RndA, RndB') | E(RndA') |
| EV2_FIRST 71 | AES | E(RndB) | E(RndA, RndB') | E(TI, RndA', 6 bytes of the card's and 6 of the reader's abilities) |
| EV2_NON_FIRST 77 | AES | E(RndB) | E(RndA, RndB') | E(RndA') |

A prime is a rotation to the left by one byte. CBC; in ISO and AES the IV runs on through the three messages, in the
others each begins at zero.

Source: libfreefare's mifare_desfire.c; NXP AN12343 §4.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import IntEnum, unique

from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.ev1 import Ev1Channel
from hardware.cards.desfire.ev2 import TI_SIZE, Ev2Channel, session_keys
from hardware.cards.desfire.legacy import LegacyChannel, card_decipher, reader_encipher
from hardware.cards.desfire.messaging import Channel, require

_ABILITIES = bytes(6)
"""What neither side claims beyond the standard (AN12343 table 15)."""


@unique
class Method(IntEnum):
    """The ways to authenticate; the number is the command."""

    LEGACY = 0x0A
    ISO = 0x1A
    AES = 0xAA
    EV2_FIRST = 0x71
    EV2_NON_FIRST = 0x77

    @property
    def chained(self) -> bool:
        """The IV runs on from message to message."""
        return self in (Method.ISO, Method.AES)

    def takes(self, kind: KeyType) -> bool:
        """Whether keys of this kind authenticate by it."""
        match self:
            case Method.LEGACY:
                return kind is KeyType.TDES
            case Method.ISO:
                return kind is not KeyType.AES
            case Method.AES | Method.EV2_FIRST | Method.EV2_NON_FIRST:
                return kind is KeyType.AES

    def random_size(self, kind: KeyType) -> int:
        """Bytes of RndA and of RndB."""
        return 8 if self is Method.LEGACY else kind.random_size


@dataclass(frozen=True, slots=True)
class ReaderProof:
    """The reader's side of one authentication with `key`, its random drawn. `former` is the session that an
    EV2_NON_FIRST goes on from."""

    method: Method
    key: Key
    rnd_a: bytes = field(repr=False)
    former: Ev2Channel | None = None

    def __post_init__(self) -> None:
        assert self.method.takes(self.key.type)
        assert len(self.rnd_a) == self.method.random_size(self.key.type)
        assert (self.former is not None) == (self.method is Method.EV2_NON_FIRST)

    def command(self, number: int) -> bytes:
        """The first message: code, key number, and for EV2_FIRST no abilities of the reader."""
        return bytes([self.method, number]) + (b"\x00" if self.method is Method.EV2_FIRST else b"")

    def token(self, challenge: bytes) -> bytes:
        """What answers the card's challenge. Raises `BrokenMessage` when that has another size than RndB."""
        plain = self.rnd_a + rotated(self._rnd_b(challenge))
        if self.method is Method.LEGACY:
            return reader_encipher(self.key, plain)
        return self.key.encrypt(self._iv(challenge), plain)

    def finish(self, challenge: bytes, answer: bytes) -> Channel:
        """The channel, once the card's answer proves that it holds the key. Raises `BrokenMessage` when not."""
        rnd_b = self._rnd_b(challenge)
        size = 32 if self.method is Method.EV2_FIRST else len(self.rnd_a)
        require(len(answer) == size, "size of the card's proof")
        plain = self.key.decrypt(self._iv(self.token(challenge)), answer)
        ti = plain[:TI_SIZE] if self.method is Method.EV2_FIRST else b""
        proof = plain[len(ti) :][: len(self.rnd_a)]
        require(hmac.compare_digest(proof, rotated(self.rnd_a)), "proof of the card's key")
        return _channel(self.method, self.key, self.rnd_a, rnd_b, _start(ti, self.former))

    def _rnd_b(self, challenge: bytes) -> bytes:
        require(len(challenge) == len(self.rnd_a), "size of the card's challenge")
        return self.key.decrypt(self.key.zero_iv, challenge)

    def _iv(self, before: bytes) -> bytes:
        return _iv(self.method, self.key, before)


@dataclass(frozen=True, slots=True)
class CardProof:
    """The card's side of one authentication with `key`, its random drawn; `ti` is what EV2_FIRST gives the session."""

    method: Method
    key: Key
    rnd_b: bytes = field(repr=False)
    ti: bytes = b""
    former: Ev2Channel | None = None

    def __post_init__(self) -> None:
        assert self.method.takes(self.key.type)
        assert len(self.rnd_b) == self.method.random_size(self.key.type)
        assert len(self.ti) == (TI_SIZE if self.method is Method.EV2_FIRST else 0)
        assert (self.former is not None) == (self.method is Method.EV2_NON_FIRST)

    def challenge(self) -> bytes:
        """The card's first message."""
        return self.key.encrypt(self.key.zero_iv, self.rnd_b)

    def finish(self, token: bytes) -> tuple[bytes, Channel]:
        """The card's last message and its channel, once the token proves that the reader holds the key.

        Raises `BrokenMessage` when not.
        """
        size = len(self.rnd_b)
        require(len(token) == 2 * size, "size of the reader's proof")
        if self.method is Method.LEGACY:
            plain = card_decipher(self.key, token)
        else:
            plain = self.key.decrypt(_iv(self.method, self.key, self.challenge()), token)
        rnd_a, proof = plain[:size], plain[size:]
        require(hmac.compare_digest(proof, rotated(self.rnd_b)), "proof of the reader's key")
        abilities = _ABILITIES * 2 if self.method is Method.EV2_FIRST else b""
        answer = self.key.encrypt(_iv(self.method, self.key, token), self.ti + rotated(rnd_a) + abilities)
        return answer, _channel(self.method, self.key, rnd_a, self.rnd_b, _start(self.ti, self.former))


def rotated(random: bytes) -> bytes:
    """One byte to the left."""
    return random[1:] + random[:1]


def _iv(method: Method, key: Key, before: bytes) -> bytes:
    """The IV of a message, given the one before it."""
    return before[-key.type.block_size :] if method.chained else key.zero_iv


def _channel(method: Method, key: Key, rnd_a: bytes, rnd_b: bytes, start: tuple[bytes, int]) -> Channel:
    """`start` is TI and counter of an EV2 session."""
    match method:
        case Method.LEGACY:
            return LegacyChannel(_session_key(key, rnd_a, rnd_b))
        case Method.ISO | Method.AES:
            return Ev1Channel(_session_key(key, rnd_a, rnd_b))
        case Method.EV2_FIRST | Method.EV2_NON_FIRST:
            return Ev2Channel(*session_keys(key.secret, rnd_a, rnd_b), *start)


def _start(ti: bytes, former: Ev2Channel | None) -> tuple[bytes, int]:
    return (ti, 0) if former is None else (former.ti, former.counter)


def _session_key(key: Key, rnd_a: bytes, rnd_b: bytes) -> Key:
    """The session key of LEGACY, ISO and AES: pieces of the two randoms in turn. A DES key, which is a 3DES key of two
    equal halves, makes a DES session key."""
    match key.type:
        case KeyType.AES:
            starts: tuple[int, ...] = (0, 12)
        case KeyType.TDES_3K:
            starts = (0, 6, 12)
        case KeyType.TDES:
            starts = (0, 0) if key.secret[:8] == key.secret[8:] else (0, 4)
    return Key(key.type, b"".join(rnd_a[at : at + 4] + rnd_b[at : at + 4] for at in starts))

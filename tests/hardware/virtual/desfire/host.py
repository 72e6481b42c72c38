"""A reader above the blocks, and the card it speaks to: `hardware.cards.desfire`'s end against the virtual card's."""

from __future__ import annotations

from hardware.cards.desfire.authentication import Method, ReaderProof
from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.ev2 import Ev2Channel
from hardware.cards.desfire.messaging import Channel, CommMode, NewKey
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire.card import DesfireCard
from hardware.virtual.desfire.contents import Generation, blank_image
from hardware.virtual.desfire.memory import Memory
from hardware.virtual.schedule import Schedule

UID = bytes.fromhex("04782e21801d80")
AID = bytes.fromhex("00caf0")
ZERO = bytes(16)
EV1, EV2 = Generation.EV1, Generation.EV2
_FRAME = 55
KINDS = {
    Method.LEGACY: KeyType.TDES,
    Method.ISO: KeyType.TDES,
    Method.AES: KeyType.AES,
    Method.EV2_FIRST: KeyType.AES,
}
"""Ways to authenticate that begin a session, and a kind of key for each."""


def secret(number: int, kind: KeyType = KeyType.AES) -> bytes:
    """Key `number` of the applications made here: no two alike, not zero, even in its parity bits."""
    return bytes((2 * (number + 1) * (n + 3)) & 0xFE for n in range(kind.key_size))


class CardLeft(Exception):
    """The card was taken away before this message."""


class Host:
    """One blank card and a reader; `ask` protects commands once `authenticate` made a session."""

    def __init__(self, generation: Generation = EV1) -> None:
        self.schedule = Schedule()
        self.image = blank_image(UID, generation)
        self.stored = 0
        self.memory = Memory(self.image, self._store, self.schedule, seed=7)
        self.card = DesfireCard(self.memory)
        self.channel: Channel | None = None
        self.messages = 0
        """Native ones the card has heard."""
        self.leaves_after: int | None = None
        """At so many messages the card is gone: `CardLeft`."""

    def _store(self, _: object) -> None:
        self.stored += 1

    def raw(self, message: str) -> str:
        """One message as it is, and its answer, in hex."""
        return self.card.message(bytes.fromhex(message)).hex()

    def frame(self, message: bytes) -> tuple[Status, bytes]:
        """One native message. Raises CardLeft."""
        if self.messages == self.leaves_after:
            raise CardLeft
        self.messages += 1
        answer = self.card.message(message)
        return Status(answer[0]), answer[1:]

    def sent(self, message: bytes) -> tuple[Status, bytes]:
        """A whole native command in as many frames as it needs, and its whole answer."""
        status, data = self.frame(message[:_FRAME])
        rest = message[_FRAME:]
        while rest and status is Status.ADDITIONAL_FRAME:
            status, data = self.frame(b"\xaf" + rest[: _FRAME - 1])
            rest = rest[_FRAME - 1 :]
        while status is Status.ADDITIONAL_FRAME and not rest:
            status, more = self.frame(b"\xaf")
            data += more
        return status, data

    def ask(
        self, code: int, header: str = "", data: bytes = b"", mode: CommMode | None = None, size: int | None = None
    ) -> tuple[Status, bytes]:
        """One command under the session. mode None: no file decides. size: of the answer, needed in full mode."""
        clear = bytes.fromhex(header)
        if self.channel is None:
            return self.sent(bytes((code,)) + clear + data)
        if mode is None:
            mode = CommMode.MACED if isinstance(self.channel, Ev2Channel) else CommMode.PLAIN
        status, answer = self.sent(bytes((code,)) + self.channel.seal_command(code, clear, data, mode))
        if status is not Status.OK:
            self.channel = None
            return status, answer
        return status, self.channel.open_answer(answer, mode, size)

    def done(
        self, code: int, header: str = "", data: bytes = b"", mode: CommMode | None = None, size: int | None = None
    ) -> bytes:
        """`ask` that must succeed: its data."""
        status, answer = self.ask(code, header, data, mode, size)
        assert status is Status.OK, status.name
        return answer

    def refused(self, code: int, header: str = "", data: bytes = b"", mode: CommMode | None = None) -> Status:
        """`ask` that must fail: its status."""
        status, answer = self.ask(code, header, data, mode)
        assert status is not Status.OK
        assert answer == b""
        return status

    def select(self, aid: bytes = AID) -> None:
        assert self.frame(b"\x5a" + aid) == (Status.OK, b"")
        self.channel = None

    def authenticate(self, number: int, key: bytes, method: Method = Method.AES, kind: KeyType | None = None) -> None:
        kind = KINDS[method] if kind is None else kind
        proof = ReaderProof(method, Key(kind, key), bytes(range(method.random_size(kind))))
        status, challenge = self.frame(proof.command(number))
        assert status is Status.ADDITIONAL_FRAME, status.name
        status, answer = self.frame(b"\xaf" + proof.token(challenge))
        assert status is Status.OK, status.name
        self.channel = proof.finish(challenge, answer)

    def change_key(
        self, number: int, new: bytes, old: bytes | None, kind: KeyType = KeyType.AES, version: int = 0
    ) -> Status:
        """old None: the key that authenticated, after which nobody is."""
        assert self.channel is not None
        sealed = self.channel.seal_key_change(number, NewKey(Key(kind, new), version), old)
        status, answer = self.sent(b"\xc4" + sealed)
        if status is not Status.OK or old is None:
            assert answer == b""
            self.channel = None
        else:
            self.channel.open_answer(
                answer, CommMode.PLAIN if not isinstance(self.channel, Ev2Channel) else CommMode.MACED, 0
            )
        return status


def with_application(
    generation: Generation = EV1, method: Method = Method.AES, keys: int = 5, settings: int = 0x0F
) -> Host:
    """A card with application AID selected, nobody authenticated, keys as `secret` says."""
    host = Host(generation)
    kind = KINDS[method]
    host.done(0xCA, AID.hex() + bytes((settings | 0x08, keys | kind)).hex())
    host.select()
    for number in range(keys - 1, -1, -1):
        host.authenticate(0, bytes(kind.key_size), method)
        old = None if number == 0 else bytes(kind.key_size)
        assert host.change_key(number, secret(number, kind), old, kind) is Status.OK
    host.channel = None
    host.select()
    return host


def le(number: int, size: int = 3) -> str:
    """Little-endian, in hex."""
    return number.to_bytes(size, "little", signed=number < 0).hex()


def create_standard(number: int, communication: int, rights: int, size: int, code: int = 0xCD) -> tuple[int, str]:
    """The command that makes a standard file; code CB: a backup file."""
    return code, f"{number:02x}{communication:02x}{le(rights, 2)}{le(size)}"


def create_value(
    number: int, communication: int, rights: int, limits: tuple[int, int], value: int, options: int = 0
) -> tuple[int, str]:
    """The command that makes a value file."""
    numbers = "".join(le(each, 4) for each in (*limits, value))
    return 0xCC, f"{number:02x}{communication:02x}{le(rights, 2)}{numbers}{options:02x}"


def create_records(
    number: int, communication: int, rights: int, size: int, capacity: int, code: int = 0xC0
) -> tuple[int, str]:
    """The command that makes a cyclic record file; code C1: a linear one."""
    return code, f"{number:02x}{communication:02x}{le(rights, 2)}{le(size)}{le(capacity)}"


def place(number: int, offset: int, size: int) -> str:
    """The header of reading and writing."""
    return f"{number:02x}{le(offset)}{le(size)}"

"""What the two ends say: each message a strict CBOR array that begins with its number, one a frame.

A whole (a bundle, a reply) travels in chunks of `CHUNK_SIZE` bytes, the last one shorter, numbered from 0; a message
names the whole by the first eight bytes of its SHA-256, its `key`. Numbers of messages never change their meaning.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from onecard import cbor
from onecard.bundle import TAG_SIZE
from onecard.envelope import MAX_SIZE
from onecard.errors import OnecardError
from onecard.identity import TERMINAL_NUMBER_MAX

VERSION = 1
"""The highest version of the link spoken here; every one from 1 on is."""
CHUNK_SIZE = 1024
WINDOW = 32
"""Chunks asked for at once, at most."""
BUNDLE_MAX = MAX_SIZE
REPLY_MAX = 16 << 20
"""Bytes of a whole: a bundle is one envelope, a reply what the server answers at most."""
DIGEST_SIZE = 32
KEY_SIZE = 8
TEXT_MAX = 300
_LIMITS = cbor.Limits(size=2048, items=64, depth=2)
_SEQUENCES = range(1 << 63)


class BadMessage(OnecardError):
    """A frame that checks and says nothing that is known here."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"courier link: {why}")


def chunk_count(size: int) -> int:
    """Chunks of a whole of `size` bytes."""
    return -(-size // CHUNK_SIZE)


def chunk(whole: bytes, number: int) -> bytes:
    """The bytes of one chunk; empty beyond the end."""
    return whole[number * CHUNK_SIZE : (number + 1) * CHUNK_SIZE]


@dataclass(frozen=True, slots=True)
class Hello:
    """Laptop: who are you? `version` is the highest it speaks."""

    NUMBER: ClassVar = 1
    version: int


@dataclass(frozen=True, slots=True)
class Next:
    """Laptop: which bundle follows record `after`, whose chain tag is `tag`? 0 and no tag: where the server stopped."""

    NUMBER: ClassVar = 2
    after: int
    tag: bytes


@dataclass(frozen=True, slots=True)
class Pull:
    """Laptop: these chunks, please, in this order."""

    NUMBER: ClassVar = 3
    key: bytes
    numbers: list[int]


@dataclass(frozen=True, slots=True)
class Give:
    """Laptop: here is a reply of the server with this SHA-256 and size; what of it do you lack?"""

    NUMBER: ClassVar = 4
    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Put:
    """Laptop: one chunk of it."""

    NUMBER: ClassVar = 5
    key: bytes
    number: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Hi:
    """Terminal: this is I. `durable` is its last record, `acknowledged` the last that the server is known to have."""

    NUMBER: ClassVar = 17
    version: int
    terminal: int
    site: str
    durable: int
    acknowledged: int

    @property
    def backlog(self) -> int:
        """Records not yet acknowledged."""
        return max(0, self.durable - self.acknowledged)


@dataclass(frozen=True, slots=True)
class Parcel:
    """Terminal: this bundle follows `after`. Its records are `first` … `last`; `tag` is the chain tag at the last."""

    NUMBER: ClassVar = 18
    after: int
    digest: bytes
    size: int
    first: int
    last: int
    tag: bytes

    @property
    def key(self) -> bytes:
        """Its short name."""
        return self.digest[:KEY_SIZE]


@dataclass(frozen=True, slots=True)
class End:
    """Terminal: nothing follows `after`."""

    NUMBER: ClassVar = 19
    after: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Terminal: one chunk of a bundle."""

    NUMBER: ClassVar = 20
    key: bytes
    number: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Want:
    """Terminal: these chunks of the reply are lacking; none: all are here, and being looked at."""

    NUMBER: ClassVar = 21
    key: bytes
    numbers: list[int]


@dataclass(frozen=True, slots=True)
class Taken:
    """Terminal: the reply was dealt with; `why` tells what of it was refused, "" for nothing."""

    NUMBER: ClassVar = 22
    key: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Terminal: that cannot be done. `to` is the number of the message, `why` is for people."""

    NUMBER: ClassVar = 23
    to: int
    why: str


Question: TypeAlias = Hello | Next | Pull | Give | Put
Answer: TypeAlias = Hi | Parcel | End | Chunk | Want | Taken | Refused
Message: TypeAlias = Question | Answer


def encode(message: Message) -> bytes:
    """The body of a message."""
    values = (getattr(message, field.name) for field in dataclasses.fields(message))
    return cbor.encode([message.NUMBER, *values])


def decode_question(body: bytes) -> Question:
    """What a laptop asks. Raises `BadMessage`."""
    match _array(body):
        case [Hello.NUMBER, int(version)] if version >= 1:
            return Hello(version)
        case [Next.NUMBER, int(after), bytes(tag)] if after in _SEQUENCES and len(tag) == (TAG_SIZE if after else 0):
            return Next(after, tag)
        case [Pull.NUMBER, bytes(key), list(numbers)] if _is_key(key):
            return Pull(key, _numbers(numbers, BUNDLE_MAX))
        case [Give.NUMBER, bytes(digest), int(size)] if len(digest) == DIGEST_SIZE and 0 < size <= REPLY_MAX:
            return Give(digest, size)
        case [Put.NUMBER, bytes(key), int(number), bytes(content)] if _is_chunk(key, number, content):
            return Put(key, number, content)
    raise BadMessage("this is no question of a laptop's that is known here")


def decode_answer(body: bytes) -> Answer:
    """What a terminal answers. Raises `BadMessage`."""
    match _array(body):
        case [Hi.NUMBER, int(version), int(terminal), str(site), int(durable), int(acknowledged)] if (
            version >= 1
            and 1 <= terminal <= TERMINAL_NUMBER_MAX
            and _is_text(site)
            and durable in _SEQUENCES
            and acknowledged in _SEQUENCES
        ):
            return Hi(version, terminal, site, durable, acknowledged)
        case [Parcel.NUMBER, int(after), bytes(digest), int(size), int(first), int(last), bytes(tag)] if (
            len(digest) == DIGEST_SIZE and 0 < size <= BUNDLE_MAX and len(tag) == TAG_SIZE
        ):
            if after >= 0 and 0 < first <= last < _SEQUENCES.stop:
                return Parcel(after, digest, size, first, last, tag)
        case [End.NUMBER, int(after)] if after in _SEQUENCES:
            return End(after)
        case [Chunk.NUMBER, bytes(key), int(number), bytes(content)] if _is_chunk(key, number, content):
            return Chunk(key, number, content)
        case [Want.NUMBER, bytes(key), list(numbers)] if _is_key(key):
            return Want(key, _numbers(numbers, REPLY_MAX))
        case [Taken.NUMBER, bytes(key), str(why)] if _is_key(key) and _is_text(why):
            return Taken(key, why)
        case [Refused.NUMBER, int(to), str(why)] if _is_text(why):
            return Refused(to, why)
    raise BadMessage("this is no answer of a terminal's that is known here")


def _array(body: bytes) -> list[cbor.Value]:
    try:
        return cbor.decode_array(body, _LIMITS)
    except cbor.BadCbor as error:
        raise BadMessage(str(error)) from error


def plain(text: str) -> str:
    """`text` as it may be sent: not too long, no control characters, which would reach the technician's terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:TEXT_MAX]


def _is_text(text: str) -> bool:
    return len(text) <= TEXT_MAX and text.isprintable()


def _is_key(key: bytes) -> bool:
    return len(key) == KEY_SIZE


def _is_chunk(key: bytes, number: int, content: bytes) -> bool:
    return _is_key(key) and 0 <= number < chunk_count(REPLY_MAX) and 0 < len(content) <= CHUNK_SIZE


def _numbers(values: list[cbor.Value], whole_max: int) -> list[int]:
    numbers = [value for value in values if isinstance(value, int) and 0 <= value < chunk_count(whole_max)]
    if len(numbers) != len(values) or len(values) > WINDOW:
        raise BadMessage(f"a list of chunks is not at most {WINDOW} numbers of chunks")
    return numbers

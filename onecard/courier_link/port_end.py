"""The terminal's end of the link: questions in, answers out. No I/O.

It holds one frame of input, one window of output, and one reply that is being handed over: hostile input costs no more
than that. A frame that does not check is not answered, the laptop asks again; a message that is not known is refused
by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, assert_never

from onecard.courier_link.assembly import Assembly
from onecard.courier_link.frames import FrameReader, frame
from onecard.courier_link.messages import (
    KEY_SIZE,
    VERSION,
    WINDOW,
    Answer,
    BadMessage,
    Chunk,
    End,
    Give,
    Hello,
    Hi,
    Next,
    Parcel,
    Pull,
    Put,
    Question,
    Refused,
    Taken,
    Want,
    chunk,
    decode_question,
    encode,
    plain,
)
from onecard.errors import OnecardError


class Goods(Protocol):
    """What a port gives and takes."""

    def greeting(self) -> Hi:
        """Who this terminal is, and what waits; its version is this end's to fill in. Raises `OnecardError`."""
        ...

    def parcel(self, after: int, tag: bytes) -> Parcel | None:
        """The bundle that follows, None when nothing does. Raises `OnecardError`."""
        ...

    def whole(self, key: bytes) -> bytes | None:
        """The bytes of a bundle that `parcel` told of lately; None when they are gone."""
        ...

    def take(self, reply: bytes) -> str | None:
        """Deal with a reply of the server's: what of it was refused, "" for nothing, None while it is looked at."""
        ...


class PortEnd:
    """One line's."""

    def __init__(self, goods: Goods) -> None:
        self._goods = goods
        self._reader = FrameReader()
        self._reply: Assembly | None = None

    @property
    def bad_frames(self) -> int:
        """Frames that did not check."""
        return self._reader.bad

    def answers(self, data: bytes) -> Iterator[bytes]:
        """The frames to write because of `data`, one at a time."""
        for body in self._reader.feed(data):
            for answer in self._answer(body):
                yield frame(encode(answer))

    def _answer(self, body: bytes) -> Iterator[Answer]:
        try:
            question = decode_question(body)
        except BadMessage as error:
            yield Refused(0, plain(str(error)))
            return
        try:
            yield from self._dealt_with(question)
        except OnecardError as error:
            yield Refused(question.NUMBER, plain(str(error)))

    def _dealt_with(self, question: Question) -> Iterator[Answer]:
        match question:
            case Hello(version):
                hi = self._goods.greeting()
                yield Hi(min(version, VERSION), hi.terminal, plain(hi.site), hi.durable, hi.acknowledged)
            case Next(after, tag):
                yield self._goods.parcel(after, tag) or End(after)
            case Pull(key, numbers):
                yield from self._chunks(key, numbers)
            case Give(digest, size):
                yield self._given(digest, size)
            case Put(key, number, content):
                if self._reply is not None and self._reply.key == key:
                    self._reply.add(number, content)
            case _:
                assert_never(question)

    def _chunks(self, key: bytes, numbers: list[int]) -> Iterator[Answer]:
        whole = self._goods.whole(key)
        if whole is None:
            yield Refused(Pull.NUMBER, "that bundle is not held any more: ask for the next one")
            return
        for number in numbers:
            content = chunk(whole, number)
            if content:
                yield Chunk(key, number, content)

    def _given(self, digest: bytes, size: int) -> Answer:
        key = digest[:KEY_SIZE]
        if self._reply is None or (self._reply.digest, self._reply.size) != (digest, size):
            self._reply = Assembly(digest, size)
        if self._reply.held < self._reply.count:
            missing = self._reply.missing()
            return Want(key, [number for number, _ in zip(missing, range(WINDOW), strict=False)])
        reply = self._reply.whole()
        if reply is None:
            return Want(key, [0])
        why = self._goods.take(reply)
        return Want(key, []) if why is None else Taken(key, plain(why))

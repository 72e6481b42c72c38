"""The laptop's end of the link: one task at a time, asked again until it is answered. No I/O, time as an argument.

    end.greet() | ask_next(…) | pull(…) | give(…)
    loop:  write end.outgoing(now);  for event in end.receive(what was read, now): …

A task is over with the event that answers it; what comes for no task is left alone. When nothing of use came for
`SILENCE_SECONDS`, `outgoing` raises `LineSilent`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from onecard.courier_link.assembly import Assembly
from onecard.courier_link.frames import FrameReader, frame
from onecard.courier_link.messages import (
    KEY_SIZE,
    REPLY_MAX,
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
    chunk_count,
    decode_answer,
    encode,
)
from onecard.errors import OnecardError

RETRY_SECONDS = 0.5
"""Without an answer so long, a question is asked again."""
SILENCE_SECONDS = 10.0
_PATIENCE = 200
"""How often a terminal may say for each window of a reply that it wants it, or is still looking at it."""


class LineSilent(OnecardError):
    """Nobody answers who speaks this protocol."""

    def __init__(self, bad_frames: int) -> None:
        self.bad_frames = bad_frames
        heard = f"{bad_frames} frames came that do not check" if bad_frames else "nothing came"
        super().__init__(
            f"the terminal does not answer ({heard}): tap an authorisation card at it, check the cable, try again"
        )


@dataclass(frozen=True, slots=True)
class Came:
    """A chunk of the bundle being pulled: keep it, so that a pulled cable costs no more than what was under way."""

    number: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Pulled:
    """The bundle is whole."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Spoiled:
    """All chunks are here and they are not the bundle that was told: begin again from nothing."""


Event: TypeAlias = Hi | Parcel | End | Came | Pulled | Spoiled | Taken | Refused


class _Task(Protocol):
    """What the laptop is after."""

    def questions(self) -> list[Question]:
        """What to say now; nothing while answers are awaited."""
        ...

    def again(self) -> None:
        """Nothing came in time: what was asked is lost."""
        ...

    def hear(self, answer: Answer) -> tuple[list[Event], bool] | None:
        """What an answer means, and whether the task is over; None when it is of no use here."""
        ...


class LaptopEnd:
    """One line's."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._task: _Task | None = None
        self._useful_at: float | None = None  # when something of use came last, or the task began
        self._asked_at = 0.0

    @property
    def bad_frames(self) -> int:
        """Frames that did not check."""
        return self._reader.bad

    def greet(self) -> None:
        """Ends with `Hi`, or `Refused`."""
        self._begin(_Ask(Hello(VERSION)))

    def ask_next(self, after: int, tag: bytes) -> None:
        """Ends with `Parcel`, `End` or `Refused`."""
        self._begin(_Ask(Next(after, tag)))

    def pull(self, parcel: Parcel, have: Mapping[int, bytes]) -> None:
        """Brings `Came`s and ends with `Pulled`, `Spoiled` or `Refused`; `have` are chunks kept from an earlier try."""
        self._begin(_PullTask(parcel, have))

    def give(self, reply: bytes) -> None:
        """Ends with `Taken` or `Refused`."""
        assert 0 < len(reply) <= REPLY_MAX
        self._begin(_GiveTask(reply))

    def outgoing(self, now: float) -> bytes:
        """What to write now. Raises `LineSilent`."""
        task = self._task
        if task is None:
            return b""
        if self._useful_at is None:
            self._useful_at = self._asked_at = now
        if now - self._useful_at >= SILENCE_SECONDS:
            raise LineSilent(self.bad_frames)
        if now - max(self._useful_at, self._asked_at) >= RETRY_SECONDS:
            task.again()
        questions = task.questions()
        if questions:
            self._asked_at = now
        return b"".join(frame(encode(question)) for question in questions)

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What `data` brings."""
        events: list[Event] = []
        for body in self._reader.feed(data):
            try:
                answer = decode_answer(body)
            except BadMessage:
                continue  # a newer terminal says more than is known here
            heard = self._task.hear(answer) if self._task is not None else None
            if heard is None:
                continue
            self._useful_at = now
            events += heard[0]
            if heard[1]:
                self._task = None
        return events

    def _begin(self, task: _Task) -> None:
        assert self._task is None, "one task at a time"
        self._task, self._useful_at = task, None


class _Ask:
    """One question, one answer."""

    def __init__(self, question: Hello | Next) -> None:
        self._question = question
        self._due = True

    def questions(self) -> list[Question]:
        due, self._due = self._due, False
        return [self._question] if due else []

    def again(self) -> None:
        self._due = True

    def hear(self, answer: Answer) -> tuple[list[Event], bool] | None:
        match answer:
            case Hi() if isinstance(self._question, Hello):
                return [answer], True
            case Refused(to) if to == self._question.NUMBER:
                return [answer], True
            case Parcel(after) | End(after) if isinstance(self._question, Next) and after == self._question.after:
                return [answer], True
        return None


class _PullTask:
    """A window of chunks, refilled when half of it has come."""

    def __init__(self, parcel: Parcel, have: Mapping[int, bytes]) -> None:
        self._whole = Assembly(parcel.digest, parcel.size, have)
        self._to_ask = deque(self._whole.missing())
        self._asked: deque[int] = deque()

    def questions(self) -> list[Question]:
        if len(self._asked) > WINDOW // 2 or not (self._to_ask or self._complete):
            return []
        if self._complete:  # all was kept from an earlier try: one chunk more lets the end be heard
            return [] if self._asked else [self._pull([0])]
        numbers: list[int] = []
        while self._to_ask and len(self._asked) + len(numbers) < WINDOW:
            number = self._to_ask.popleft()
            if not self._whole.has(number):
                numbers.append(number)
        return [self._pull(numbers)] if numbers else []

    def again(self) -> None:
        self._to_ask.extendleft(reversed(self._asked))
        self._asked.clear()

    def hear(self, answer: Answer) -> tuple[list[Event], bool] | None:
        match answer:
            case Refused(to=Pull.NUMBER):
                return [answer], True
            case Chunk(key, number, content) if key == self._whole.key:
                lost = self._lost_before(number)
                new = self._whole.add(number, content)
                self._to_ask.extendleft(reversed(lost))
                events: list[Event] = [Came(number, content)] if new else []
                if not self._complete:
                    return (events, False) if new else None
                whole = self._whole.whole()
                return [*events, Spoiled() if whole is None else Pulled(whole)], True
        return None

    @property
    def _complete(self) -> bool:
        return self._whole.held == self._whole.count

    def _pull(self, numbers: list[int]) -> Pull:
        self._asked += numbers
        return Pull(self._whole.key, numbers)

    def _lost_before(self, number: int) -> list[int]:
        """What was asked before a chunk that has come, and did not come."""
        if number not in self._asked:
            return []
        lost: list[int] = []
        while (asked := self._asked.popleft()) != number:
            lost.append(asked)
        return lost


class _GiveTask:
    """A reply, handed over a window at a time."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._offer = Give(hashlib.sha256(reply).digest(), len(reply))
        self._key = self._offer.digest[:KEY_SIZE]
        self._wanted: list[int] = []
        self._due = True
        self._patience = _PATIENCE * (1 + chunk_count(len(reply)) // WINDOW)

    def questions(self) -> list[Question]:
        if not self._due:
            return []
        key = self._key
        puts = [Put(key, number, content) for number in self._wanted if (content := chunk(self._reply, number))]
        self._due, self._wanted = False, []
        return [*puts, self._offer]

    def again(self) -> None:
        self._due = True

    def hear(self, answer: Answer) -> tuple[list[Event], bool] | None:
        match answer:
            case Refused(to=Give.NUMBER):
                return [answer], True
            case Taken(key) if key == self._key:
                return [answer], True
            case Want(key, numbers) if key == self._key and self._patience > 0:
                self._patience -= 1
                self._wanted, self._due = numbers, bool(numbers)  # nothing lacks: it is asked again in a while
                return [], False
        return None

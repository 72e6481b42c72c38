"""Both ends on one line: each rule of the link by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from onecard import cbor
from onecard.courier_link.frames import FrameReader, frame
from onecard.courier_link.laptop_end import (
    RETRY_SECONDS,
    SILENCE_SECONDS,
    Came,
    Event,
    LaptopEnd,
    LineSilent,
    Pulled,
    Spoiled,
)
from onecard.courier_link.messages import (
    CHUNK_SIZE,
    REPLY_MAX,
    WINDOW,
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
    decode_answer,
    decode_question,
    encode,
)
from onecard.courier_link.port_end import PortEnd
from tests.onecard.courier_link.terminal import Cut

_BUNDLE = bytes(range(256)) * 400  # 100 chunks


class Wire:
    """A laptop and a terminal, and what was said between them."""

    def __init__(self, *bundles: bytes) -> None:
        self.goods = Cut(list(bundles))
        self.port = PortEnd(self.goods)
        self.laptop = LaptopEnd()
        self.now = 0.0
        self.asked: list[Question] = []

    def ask(self) -> list[bytes]:
        """What the laptop writes now, as frames that the terminal answers."""
        line = self.laptop.outgoing(self.now)
        self.asked += map(decode_question, FrameReader().feed(line))
        return list(self.port.answers(line))

    def hear(self, answers: list[bytes]) -> list[Event]:
        return self.laptop.receive(b"".join(answers), self.now)

    def until_quiet(self) -> list[Event]:
        """Everything both have to say to each other without time going on."""
        events: list[Event] = []
        while answers := self.ask():
            events += self.hear(answers)
        return events

    def pulling(self) -> Parcel:
        """The laptop pulls the first bundle."""
        self.laptop.ask_next(0, b"")
        (parcel,) = self.until_quiet()
        assert isinstance(parcel, Parcel)
        self.laptop.pull(parcel, {})
        return parcel


def _said(frames: list[bytes]) -> Iterator[object]:
    return map(decode_answer, FrameReader().feed(b"".join(frames)))


def test_a_terminal_names_itself_and_what_waits() -> None:
    wire = Wire(b"one", b"two")
    wire.laptop.greet()
    (hi,) = wire.until_quiet()
    assert hi == Hi(1, 17, "XDA", 20, 0)
    assert isinstance(hi, Hi)
    assert hi.backlog == 20


def test_a_terminal_speaks_the_version_it_is_asked_in_and_none_it_does_not_know() -> None:
    port = PortEnd(Cut([]))
    assert next(_said(list(port.answers(frame(encode(Hello(9))))))) == Hi(1, 17, "XDA", 0, 0)


def test_a_bundle_is_pulled_in_windows() -> None:
    wire = Wire(_BUNDLE)
    wire.pulling()
    events = wire.until_quiet()
    assert events[-1] == Pulled(_BUNDLE)
    assert len(events) == 101
    pulls = [question for question in wire.asked if isinstance(question, Pull)]
    assert max(len(pull.numbers) for pull in pulls) == WINDOW
    assert sum(len(pull.numbers) for pull in pulls) == 100


def test_the_window_is_refilled_before_it_is_empty() -> None:
    wire = Wire(_BUNDLE)
    wire.pulling()
    answers = wire.ask()
    wire.hear(answers[: WINDOW // 2 - 1])
    assert wire.ask() == []
    wire.hear(answers[WINDOW // 2 - 1 : WINDOW // 2])
    assert len(wire.ask()) == WINDOW // 2


def test_only_missing_chunks_are_asked_again_and_at_once() -> None:
    wire = Wire(_BUNDLE)
    wire.pulling()
    answers = wire.ask()
    wire.hear(answers[:3] + answers[5:WINDOW])
    assert wire.asked[-1] == Pull(wire.asked[-1].key, list(range(WINDOW)))  # type: ignore[union-attr]
    wire.ask()
    again = wire.asked[-1]
    assert isinstance(again, Pull)
    assert again.numbers == [3, 4, *range(WINDOW, 2 * WINDOW - 2)]


def test_a_lost_question_is_asked_again_after_a_while() -> None:
    wire = Wire(_BUNDLE)
    wire.pulling()
    wire.ask()  # every answer is lost
    wire.now = RETRY_SECONDS - 0.01
    assert wire.ask() == []
    wire.now = RETRY_SECONDS
    assert wire.until_quiet()[-1] == Pulled(_BUNDLE)


def test_chunks_kept_from_an_earlier_try_are_not_asked_for() -> None:
    wire = Wire(_BUNDLE)
    parcel = wire.pulling()
    kept = {event.number: event.content for event in wire.hear(wire.ask()[:20]) if isinstance(event, Came)}
    wire.laptop = LaptopEnd()
    wire.laptop.pull(parcel, kept)
    assert len(kept) == 20
    assert wire.until_quiet()[-1] == Pulled(_BUNDLE)
    assert sum(len(question.numbers) for question in wire.asked if isinstance(question, Pull)) == WINDOW + 80


def test_a_bundle_that_was_kept_whole_needs_one_chunk_more() -> None:
    wire = Wire(b"a" * 1500)
    parcel = wire.pulling()
    wire.laptop = LaptopEnd()
    wire.laptop.pull(parcel, {0: b"a" * CHUNK_SIZE, 1: b"a" * (1500 - CHUNK_SIZE)})
    assert wire.until_quiet() == [Pulled(b"a" * 1500)]


def test_chunks_that_are_not_of_the_bundle_spoil_it_and_are_forgotten() -> None:
    wire = Wire(b"a" * 1500)
    parcel = wire.pulling()
    wire.laptop = LaptopEnd()
    wire.laptop.pull(parcel, {0: b"b" * CHUNK_SIZE})
    assert wire.until_quiet()[-1] == Spoiled()
    wire.laptop.pull(parcel, {})
    assert wire.until_quiet()[-1] == Pulled(b"a" * 1500)


def test_the_next_bundle_follows_a_record_only_under_its_own_tag() -> None:
    wire = Wire(b"one", b"two")
    wire.laptop.ask_next(10, Cut.tag(10))
    (second,) = wire.until_quiet()
    wire.laptop.ask_next(10, b"foreign!")
    (first,) = wire.until_quiet()
    assert isinstance(first, Parcel)
    assert isinstance(second, Parcel)
    assert (first.first, second.first) == (1, 11)
    wire.laptop.ask_next(20, Cut.tag(20))
    assert wire.until_quiet() == [End(20)]


def test_a_bundle_that_is_gone_is_refused_by_name() -> None:
    wire = Wire(_BUNDLE)
    wire.pulling()
    wire.goods.forgets = True
    (refused,) = wire.until_quiet()
    assert isinstance(refused, Refused)
    assert "ask for the next one" in refused.why


def test_a_failure_at_the_terminal_is_told_to_the_laptop() -> None:
    wire = Wire(b"one")
    wire.goods.fails = True
    wire.laptop.ask_next(0, b"")
    assert wire.until_quiet() == [Refused(Next.NUMBER, "the journal is damaged: send the disk to the centre")]


def test_no_control_character_reaches_the_technician_s_terminal() -> None:
    wire = Wire()
    wire.goods.verdict = "line one\nline two\x1b[2J"
    wire.laptop.give(b"reply")
    (taken,) = wire.until_quiet()
    assert isinstance(taken, Taken)
    assert taken.why == "line one line two [2J"


def test_a_reply_is_handed_over_in_windows_and_its_verdict_comes_back() -> None:
    wire = Wire()
    wire.goods.verdict = "tariff version 6: version 7 is held"
    wire.laptop.give(_BUNDLE)
    assert wire.until_quiet() == [Taken(hashlib.sha256(_BUNDLE).digest()[:8], "tariff version 6: version 7 is held")]
    assert wire.goods.taken == [_BUNDLE]
    assert sum(isinstance(question, Put) for question in wire.asked) == 100


def test_only_missing_chunks_of_a_reply_are_sent_again() -> None:
    wire = Wire()
    wire.laptop.give(_BUNDLE)
    wire.hear(wire.ask())
    puts = wire.laptop.outgoing(0.0).split(b"\0")
    wire.hear(list(wire.port.answers(b"\0".join(puts[:4] + puts[6:]))))
    wire.ask()
    sent = [question.number for question in wire.asked if isinstance(question, Put)]
    assert sent == [4, 5, *range(WINDOW, 2 * WINDOW - 2)]


def test_a_laptop_waits_while_a_reply_is_looked_at() -> None:
    wire = Wire()
    wire.goods.verdict = None
    wire.laptop.give(b"reply")
    for _ in range(60):  # half a minute, an exchange with a dead server
        assert not [event for event in wire.until_quiet() if not isinstance(event, Want)]
        wire.now += RETRY_SECONDS
    wire.goods.verdict = ""
    (taken,) = wire.until_quiet()
    assert isinstance(taken, Taken)


def test_a_terminal_that_wants_the_same_for_ever_does_not_hold_a_laptop() -> None:
    laptop, now = LaptopEnd(), 0.0
    laptop.give(b"reply")
    want = frame(encode(Want(hashlib.sha256(b"reply").digest()[:8], [0])))
    with pytest.raises(LineSilent):
        for _ in range(10_000):
            laptop.outgoing(now)
            laptop.receive(want, now)
            now += RETRY_SECONDS


def test_a_silent_line_is_named_with_what_was_heard() -> None:
    laptop = LaptopEnd()
    laptop.greet()
    laptop.outgoing(0.0)
    laptop.receive(b"login: \0login: \0", 1.0)
    laptop.outgoing(SILENCE_SECONDS - 0.1)
    with pytest.raises(LineSilent, match="2 frames came that do not check"):
        laptop.outgoing(SILENCE_SECONDS)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x80",
        cbor.encode([99]),
        cbor.encode([1, 0]),
        cbor.encode([2, 5, b""]),
        cbor.encode([2, 0, bytes(8)]),
        cbor.encode([2, 1 << 63, bytes(8)]),
        cbor.encode([3, bytes(8), list(range(WINDOW + 1))]),
        cbor.encode([3, bytes(8), [-1]]),
        cbor.encode([3, bytes(8), [b"1"]]),
        cbor.encode([3, bytes(7), []]),
        cbor.encode([4, bytes(32), REPLY_MAX + 1]),
        cbor.encode([4, bytes(32), 0]),
        cbor.encode([5, bytes(8), 0, b""]),
        cbor.encode([5, bytes(8), 0, bytes(CHUNK_SIZE + 1)]),
        encode(Hi(1, 17, "XDA", 1, 0)),
    ],
    ids=lambda body: body.hex()[:20],
)
def test_what_is_no_question_is_refused_by_name(body: bytes) -> None:
    (refused,) = _said(list(PortEnd(Cut([b"one"])).answers(frame(body))))
    assert isinstance(refused, Refused)
    assert refused.why.startswith("courier link: ")


@pytest.mark.parametrize(
    "body",
    [
        encode(Hi(1, 0, "XDA", 1, 0)),
        encode(Hi(1, 17, "X" * 301, 1, 0)),
        encode(Parcel(0, bytes(32), 1 << 40, 1, 2, bytes(8))),
        encode(Parcel(0, bytes(32), 5, 9, 2, bytes(8))),
        encode(Parcel(0, bytes(32), 5, 1, 2, bytes(7))),
        encode(Taken(bytes(8), "x" * 301)),
        encode(Hi(1, 17, "\x1b]0;owned\x07", 1, 0)),
        encode(Refused(Hello.NUMBER, "\x1b[2J")),
        encode(Hello(1)),
    ],
    ids=lambda body: body.hex()[:20],
)
def test_what_is_no_answer_is_left_alone(body: bytes) -> None:
    laptop = LaptopEnd()
    laptop.greet()
    laptop.outgoing(0.0)
    assert laptop.receive(frame(body), 0.0) == []


def test_a_terminal_holds_one_window_of_answers_whatever_is_asked() -> None:
    port = PortEnd(Cut([_BUNDLE]))
    key = hashlib.sha256(_BUNDLE).digest()[:8]
    answers = port.answers(frame(encode(Pull(key, [1] * WINDOW))) * 1000)
    assert len(next(answers)) < CHUNK_SIZE + 64
    assert sum(1 for _ in answers) == 1000 * WINDOW - 1


def test_chunks_of_another_reply_and_beyond_the_end_are_left_alone() -> None:
    goods = Cut([])
    port = PortEnd(goods)
    reply = b"r" * 1100
    digest = hashlib.sha256(reply).digest()
    put = [Give(digest, 1100), Put(bytes(8), 0, b"x"), Put(digest[:8], 9, b"x"), Put(digest[:8], 1, b"x")]
    list(port.answers(b"".join(frame(encode(question)) for question in put)))
    assert list(_said(list(port.answers(frame(encode(Give(digest, 1100))))))) == [Want(digest[:8], [0, 1])]
    for number, content in ((1, reply[CHUNK_SIZE:]), (0, reply[:CHUNK_SIZE])):
        list(port.answers(frame(encode(Put(digest[:8], number, content)))))
    assert list(_said(list(port.answers(frame(encode(Give(digest, 1100))))))) == [Taken(digest[:8], "")]
    assert goods.taken == [reply]


def test_a_reply_whose_digest_is_another_is_wanted_again_and_not_taken() -> None:
    goods = Cut([])
    port = PortEnd(goods)
    give = frame(encode(Give(bytes(32), 5)))
    assert list(_said(list(port.answers(give)))) == [Want(bytes(8), [0])]
    list(port.answers(frame(encode(Put(bytes(8), 0, b"wrong")))))
    assert list(_said(list(port.answers(give)))) == [Want(bytes(8), [0])]
    assert goods.taken == []


def test_a_chunk_nobody_asked_for_changes_nothing() -> None:
    laptop = LaptopEnd()
    assert laptop.receive(frame(encode(Chunk(bytes(8), 0, b"x"))), 0.0) == []
    assert laptop.outgoing(0.0) == b""

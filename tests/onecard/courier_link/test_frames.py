"""Frames: every body comes through, no nonsense does, and a reader is in step again at the next zero."""

from __future__ import annotations

import random

from cobs import cobs
from hypothesis import given
from hypothesis import strategies as st

from onecard.courier_link.frames import BODY_MAX, FrameReader, frame, stuffed, unstuffed

_RUNS = st.lists(st.tuples(st.sampled_from([0, 1, 7, 255]), st.integers(0, 260)), max_size=8).map(
    lambda runs: b"".join(bytes([byte]) * count for byte, count in runs)
)
_BODIES = st.binary(min_size=1, max_size=BODY_MAX)


@given(_RUNS | st.binary(max_size=600))
def test_stuffing_is_cobs_as_others_make_it(raw: bytes) -> None:
    assert stuffed(raw) == cobs.encode(raw)
    assert unstuffed(stuffed(raw)) == raw


@given(st.binary(min_size=1, max_size=300))
def test_what_is_no_cobs_is_refused(raw: bytes) -> None:
    found = unstuffed(raw)
    try:
        expected = cobs.decode(raw)
    except cobs.DecodeError:
        expected = None
    assert found == expected


@given(st.lists(_BODIES, max_size=4), st.randoms(use_true_random=False))
def test_bodies_come_through_in_any_pieces(bodies: list[bytes], chance: random.Random) -> None:
    line, reader, found = b"".join(map(frame, bodies)), FrameReader(), []
    while line:
        size = chance.randint(1, 700)
        found += reader.feed(line[:size])
        line = line[size:]
    assert (found, reader.bad) == (bodies, 0)


@given(st.binary(max_size=9000), _BODIES)
def test_a_reader_is_in_step_again_behind_nonsense(nonsense: bytes, body: bytes) -> None:
    reader = FrameReader()
    assert list(reader.feed(nonsense + b"\0" + frame(body)))[-1] == body


@given(_BODIES, st.data())
def test_no_flipped_bit_comes_through(body: bytes, data: st.DataObject) -> None:
    sent = bytearray(frame(body))
    place = data.draw(st.integers(0, 8 * len(sent) - 1))
    sent[place // 8] ^= 1 << place % 8
    reader = FrameReader()
    assert list(reader.feed(bytes(sent) + b"\0")) == []
    assert reader.bad >= 1


def test_a_reader_holds_one_frame_at_most() -> None:
    reader = FrameReader()
    for _ in range(1000):
        assert list(reader.feed(b"\x7f" * 4096)) == []
    assert len(reader._held) <= BODY_MAX + 16
    assert list(reader.feed(b"\0" + frame(b"next"))) == [b"next"]
    assert reader.bad == 1

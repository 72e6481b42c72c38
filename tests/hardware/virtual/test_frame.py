"""Frames as the chip reads and writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.virtual import frame
from hardware.virtual.frame import FrameReader, Information, Signal, information

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "pn532_frames.json").read_text())


def test_the_fixed_frames_are_those_of_the_manual() -> None:
    assert frame.ACK.hex() == VECTORS["ack"]
    assert frame.NACK.hex() == VECTORS["nack"]
    assert frame.ERROR.hex() == VECTORS["error"]


@pytest.mark.parametrize("exchange", VECTORS["exchanges"], ids=lambda e: e["of"])
def test_recorded_frames_are_read_and_rebuilt(exchange: dict[str, str]) -> None:
    for side, tfi in (("host", 0xD4), ("chip", 0xD5)):
        recorded = bytes.fromhex(exchange[side])
        (event,) = FrameReader().feed(recorded)
        assert isinstance(event, Information)
        assert event.tfi == tfi
        assert information(event.payload, tfi) == recorded


@pytest.mark.parametrize("position", [3, 4, 5, 6, 7])
def test_a_frame_with_one_wrong_byte_is_damaged_or_waits(position: int) -> None:
    good = bytearray.fromhex("0000ff02fed4022a00")
    good[position] ^= 0x40
    assert FrameReader().feed(bytes(good) + bytes(300)) == [Signal.DAMAGED]


def test_a_length_no_frame_may_have_is_damaged() -> None:
    assert FrameReader().feed(bytes.fromhex("0000ffffff") + b"\x01\x0a" + bytes((-0x0B & 0xFF,))) == [Signal.DAMAGED]
    assert FrameReader().feed(bytes.fromhex("0000ff01ffd42c00")) == [Signal.DAMAGED]


@pytest.mark.parametrize("before", ["", "00", "55 55 00 00 00", "00" * 16, "ff ff", "01", "aa" * 30, "00 00 ff 12"])
def test_the_start_code_is_found_behind_anything(before: str) -> None:
    events = FrameReader().feed(bytes.fromhex(before) + bytes.fromhex("00ff02fed4022a"))
    assert events[-1] == Information(0xD4, b"\x02")


@pytest.mark.parametrize("size", [1, 254, 255, 264])
def test_sizes_up_to_the_longest_extended_frame(size: int) -> None:
    payload = bytes(range(256)) + bytes(8)
    data = information(payload[:size], 0xD4)
    assert FrameReader().feed(data) == [Information(0xD4, payload[:size])]
    assert len(data) == size + 8 + (3 if size > 254 else 0)


@given(st.lists(st.binary(min_size=1, max_size=264), max_size=5), st.integers(1, 40))
def test_frames_survive_being_cut_into_pieces(payloads: list[bytes], step: int) -> None:
    stream = b"".join(information(payload, 0xD4) for payload in payloads)
    reader = FrameReader()
    events = [event for n in range(0, len(stream), step) for event in reader.feed(stream[n : n + step])]
    assert events == [Information(0xD4, payload) for payload in payloads]


@given(st.binary(max_size=2000))
def test_noise_never_breaks_the_reader_nor_fills_it(noise: bytes) -> None:
    reader = FrameReader()
    reader.feed(noise)
    assert len(reader._buffer) <= frame.MAX_INFORMATION_SIZE + 8

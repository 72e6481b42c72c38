"""Frames are found wherever they lie, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.pn532.frames import ACK, MAX_DATA_SIZE, NACK, FrameScanner


def _frame(data: bytes) -> bytes:
    """A frame as UM0701-02 §6.2.1 writes it, built independently of the scanner."""
    if len(data) < 256:
        head = bytes([0, 0, 0xFF, len(data), -len(data) & 0xFF])
    else:
        high, low = divmod(len(data), 256)
        head = bytes([0, 0, 0xFF, 0xFF, 0xFF, high, low, -(high + low) & 0xFF])
    return head + data + bytes([-sum(data) & 0xFF, 0])


def _scan(received: bytes) -> tuple[list[bytes], FrameScanner]:
    scanner = FrameScanner()
    scanner.feed(received)
    frames = []
    while (frame := scanner.next_frame()) is not None:
        frames.append(bytes(frame))
    return frames, scanner


VERSION = bytes.fromhex("0000ff06fad50332010607e800")  # nfcpy issue 131, from a real chip

LINE_TEST_ANSWER = _frame(bytes([0xD5, 0x01]) + bytes(range(256)))


def test_a_damaged_length_checksum_is_no_frame() -> None:
    frames, scanner = _scan(VERSION.replace(bytes.fromhex("06fa"), bytes.fromhex("06fb")))
    assert frames == []
    assert scanner.damaged


def test_a_damaged_data_checksum_is_no_frame() -> None:
    frames, scanner = _scan(VERSION.replace(b"\xe8", b"\xe9"))
    assert frames == []
    assert scanner.damaged


@pytest.mark.parametrize("position", range(2, len(VERSION) - 1))
@pytest.mark.parametrize("flip", [0x01, 0x10, 0x80])
def test_one_flipped_bit_never_yields_a_frame(position: int, flip: int) -> None:
    damaged = bytearray(VERSION)
    damaged[position] ^= flip
    assert _scan(bytes(damaged))[0] == []


def test_an_extended_frame_over_the_limit_is_no_frame() -> None:
    too_long = _frame(bytes(MAX_DATA_SIZE + 1))
    assert _scan(too_long)[0] == []


def test_a_frame_cut_short_is_awaited_then_abandoned_and_what_follows_is_found() -> None:
    scanner = FrameScanner()
    scanner.feed(VERSION[:7])
    assert scanner.next_frame() is None
    assert scanner.mid_frame
    assert not scanner.damaged
    scanner.abandon()
    assert scanner.damaged
    scanner.feed(ACK)
    assert scanner.next_frame() == ACK
    assert not scanner.damaged


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(VERSION, id="by the book"),
        pytest.param(bytes(14) + VERSION, id="long preamble (libnfc issue 289)"),
        pytest.param(VERSION[1:], id="no preamble"),
        pytest.param(b"\x01" + VERSION, id="leading 01 (HAP-ESPHome issue 28)"),
        pytest.param(VERSION + b"\xaa\xaa\xaa", id="trailing AA (RFDoorLock)"),
        pytest.param(VERSION[:-1], id="no postamble"),
        pytest.param(b"\x00\xff" + VERSION, id="a false start"),
        pytest.param(b"\xff\xff\x55\x00\x00" + VERSION, id="line noise"),
    ],
)
def test_a_frame_is_found_behind_and_before_stray_bytes(received: bytes) -> None:
    assert _scan(received)[0] == [VERSION]


def test_acknowledge_nack_answer_and_extended_answer_follow_each_other() -> None:
    frames, scanner = _scan(ACK + NACK + VERSION + LINE_TEST_ANSWER)
    assert frames == [ACK, NACK, VERSION, LINE_TEST_ANSWER]
    assert not scanner.damaged


def test_zeros_are_not_damage() -> None:
    assert not _scan(bytes(40))[1].damaged
    assert _scan(b"\x00\x01")[1].damaged


@given(st.lists(st.binary(min_size=2, max_size=MAX_DATA_SIZE), max_size=4), st.integers(1, 32))
def test_frames_arrive_whole_however_the_bytes_are_cut(bodies: list[bytes], piece_size: int) -> None:
    line = b"".join(_frame(body) for body in bodies)
    scanner, frames = FrameScanner(), []
    for start in range(0, len(line), piece_size):
        scanner.feed(line[start : start + piece_size])
        while (frame := scanner.next_frame()) is not None:
            frames.append(bytes(frame))
    assert frames == [_frame(body) for body in bodies]


@given(st.binary(max_size=600))
def test_any_bytes_end_and_every_frame_found_is_sound(received: bytes) -> None:
    frames, scanner = _scan(received)
    while scanner.mid_frame:
        scanner.abandon()
        if (frame := scanner.next_frame()) is not None:
            frames.append(bytes(frame))
    for frame in frames:
        extended = frame[3:5] == b"\xff\xff"
        data = frame[8:-1] if extended else frame[5:-1]
        assert frame in (ACK, NACK) or (sum(data) & 0xFF == 0 and len(data) > 1)

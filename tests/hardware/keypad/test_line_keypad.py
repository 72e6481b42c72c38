"""A keypad on a FIFO and on a pty: keys as they come, and a device that goes away."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.keypad.keys import Key
from hardware.keypad.line import LineKeypad


class _Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> _Seconds:
    return _Seconds()


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[int]:
    os.mkfifo(tmp_path / "keys")
    descriptor = os.open(tmp_path / "keys", os.O_RDWR | os.O_NONBLOCK)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def keypad(tmp_path: Path, seconds: _Seconds) -> LineKeypad:
    return LineKeypad(tmp_path / "keys", seconds)


def test_a_keypad_that_is_not_there_presses_no_keys_and_is_found_later(
    keypad: LineKeypad, tmp_path: Path, seconds: _Seconds
) -> None:
    assert keypad.pressed() == []
    assert not keypad.connected
    os.mkfifo(tmp_path / "keys")
    assert not keypad.pressed() and not keypad.connected, "it is tried once a second"
    seconds.now += 1
    assert keypad.pressed() == []
    assert keypad.connected
    keypad.close()


def test_every_key_is_its_byte(fifo: int, keypad: LineKeypad) -> None:
    assert keypad.pressed() == []
    os.write(fifo, "".join(key.value for key in Key).encode())
    assert keypad.pressed() == list(Key)
    assert keypad.pressed() == []


def test_enter_is_ok_and_other_bytes_are_no_keys(fifo: int, keypad: LineKeypad) -> None:
    keypad.pressed()
    os.write(fifo, b"1\r\x00x\xff2\n")
    assert keypad.pressed() == [Key.DIGIT_1, Key.OK, Key.DIGIT_2, Key.OK]


def test_digits_have_values_and_no_other_key_has() -> None:
    assert [key.digit for key in Key if key.digit is not None] == list(range(10))


def test_a_script_that_wrote_and_went_away_ends_nothing(keypad: LineKeypad, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys")
    keypad.pressed()
    for _ in range(2):
        with (tmp_path / "keys").open("wb") as script:
            script.write(b"5")
        assert keypad.pressed() == [Key.DIGIT_5]
        assert keypad.pressed() == []
        assert keypad.connected
    keypad.close()


def test_waiting_ends_with_a_key(fifo: int, keypad: LineKeypad) -> None:
    keypad.pressed()
    os.write(fifo, b"1")
    began = time.monotonic()
    keypad.wait(30)
    assert time.monotonic() - began < 10


def test_a_tty_gives_each_key_at_once_and_its_loss_is_survived(tmp_path: Path, seconds: _Seconds) -> None:
    other, device = pty.openpty()
    link = tmp_path / "tty"
    link.symlink_to(os.ttyname(device))
    keypad = LineKeypad(link, seconds)
    keypad.pressed()
    os.write(other, b"3")
    keypad.wait(5)
    assert keypad.pressed() == [Key.DIGIT_3]
    os.close(device)
    os.close(other)
    assert keypad.pressed() == []
    assert not keypad.connected
    other, device = pty.openpty()
    link.unlink()
    link.symlink_to(os.ttyname(device))
    seconds.now += 1
    keypad.pressed()
    os.write(other, b"4")
    keypad.wait(5)
    assert keypad.pressed() == [Key.DIGIT_4]
    keypad.close()
    os.close(device)
    os.close(other)

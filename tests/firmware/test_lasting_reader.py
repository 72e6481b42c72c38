"""A reader outlives its device."""

from __future__ import annotations

import pytest

from firmware.lasting_reader import RETRY_SECONDS, LastingReader
from hardware.reader import CardGone, ReaderNotFound, ReaderSilent, Target

_CARD = Target(1, b"\x00\x04", 8, b"\x01\x02\x03\x04", b"")


class _Device:
    """A reader whose next calls fail as told."""

    name = "tty"

    def __init__(self) -> None:
        self.commands = 0
        self.faults: list[Exception] = []
        self.closed = False

    def _call(self) -> None:
        self.commands += 1
        if self.faults:
            raise self.faults.pop(0)

    def poll(self) -> tuple[Target, ...]:
        self._call()
        return (_CARD,)

    def exchange(self, data: bytes, timeout: float) -> bytes:
        self._call()
        return data

    def release(self) -> None:
        self._call()

    def close(self) -> None:
        self.closed = True


class _Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.openings = 0
        self.devices = [_Device(), _Device()]
        self.missing = False
        self.reader = LastingReader("tty", self._open, lambda: self.now)

    def _open(self) -> _Device:
        self.openings += 1
        if self.missing:
            raise ReaderNotFound("tty", "no such device", "plug it in")
        return self.devices[self.openings - 1]


@pytest.fixture
def bench() -> _Bench:
    return _Bench()


def test_it_opens_at_the_first_poll_and_not_more_often_than_the_pause(bench: _Bench) -> None:
    bench.missing = True
    for now in (0.0, RETRY_SECONDS / 2, RETRY_SECONDS - 0.01):
        bench.now = now
        with pytest.raises(ReaderNotFound):
            bench.reader.poll()
    assert bench.openings == 1
    bench.now = RETRY_SECONDS
    bench.missing, bench.openings = False, 0
    assert bench.reader.poll() == (_CARD,)


def test_a_fault_closes_the_device_and_the_next_one_is_taken_after_the_pause(bench: _Bench) -> None:
    bench.reader.poll()
    bench.devices[0].faults = [ReaderSilent("tty", "no answer", "check it")]
    with pytest.raises(ReaderSilent):
        bench.reader.exchange(b"x", 1.0)
    assert bench.devices[0].closed
    with pytest.raises(ReaderNotFound):
        bench.reader.exchange(b"x", 1.0)
    bench.now = RETRY_SECONDS
    assert bench.reader.poll() == (_CARD,)
    assert bench.reader.commands == 3


def test_a_card_that_left_is_no_fault_of_the_reader(bench: _Bench) -> None:
    bench.reader.poll()
    bench.devices[0].faults = [CardGone("tty", "no answer")]
    with pytest.raises(CardGone):
        bench.reader.exchange(b"x", 1.0)
    assert not bench.devices[0].closed
    assert bench.reader.exchange(b"y", 1.0) == b"y"


def test_closing_and_releasing_what_is_not_open_is_nothing(bench: _Bench) -> None:
    bench.reader.close()
    bench.reader.release()
    assert bench.openings == 0

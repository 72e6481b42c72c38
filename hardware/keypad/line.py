"""A keypad that sends one ASCII byte a key: a serial tty, a pty or a FIFO.

The device may vanish and come back (a USB plug, a pty whose other end died): it is closed at the first error and tried
again once a second. Enter (CR or LF) is OK too; bytes that are no key are ignored.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path

from hardware.keypad.keys import Key

_RETRY_SECONDS = 1.0
_READ_SIZE = 64
_KEYS = {ord(key.value): key for key in Key} | {ord(char): Key.OK for char in "\r\n"}


class LineKeypad:
    """`Keypad` over the character device or FIFO at `path`."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._descriptor: int | None = None
        self._retry_at = float("-inf")

    @property
    def connected(self) -> bool:
        """Whether the device is open."""
        return self._descriptor is not None

    def pressed(self) -> list[Key]:
        """The keys that arrived since the last call."""
        if self._descriptor is None and not self._opened():
            return []
        assert self._descriptor is not None
        try:
            arrived = os.read(self._descriptor, _READ_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            arrived = b""
        if not arrived:  # end of file or an error: the other end went away
            self.close()
        return [_KEYS[byte] for byte in arrived if byte in _KEYS]

    def wait(self, seconds: float) -> None:
        """Sleep until a byte can be read, at most `seconds`."""
        watched = [] if self._descriptor is None else [self._descriptor]
        select.select(watched, [], [], seconds)

    def close(self) -> None:
        """Let the device go; the next `pressed` after a second opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
        self._retry_at = self._monotonic() + _RETRY_SECONDS

    def _opened(self) -> bool:
        if self._monotonic() < self._retry_at:
            return False
        try:
            # For writing too: a FIFO held open for writing never ends when a script that wrote keys goes.
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            self._retry_at = self._monotonic() + _RETRY_SECONDS
            return False
        with contextlib.suppress(termios.error):  # a FIFO has no line discipline to switch off
            tty.setraw(self._descriptor, termios.TCSANOW)
        return True

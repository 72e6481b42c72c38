"""A scripted peer on a pty: a thread that answers command frames from a table, with exactly the line faults asked for.

It is no PN532 (`hardware.virtual` is): it exists to say things a sound chip never says.
"""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hardware.pn532.frames import ACK, NACK, FrameScanner

Answers = Callable[[int, bytes], list[bytes]]
"""(command code, parameters) to the byte strings to send, in order; the ACK is one of them."""


def response(code: int, data: bytes) -> bytes:
    """The sound response frame to command `code`."""
    body = bytes([0xD5, code + 1]) + data
    return bytes([0, 0, 0xFF, len(body), -len(body) & 0xFF]) + body + bytes([-sum(body) & 0xFF, 0])


class ChipScript:
    """What the host wrote, and what it is told."""

    def __init__(self, master: int, answers: Answers, nack_answers: list[bytes]) -> None:
        self.path = ""
        self.commands: list[int] = []
        self.nacks = 0
        self.aborts = 0
        self._master = master
        self._answers = answers
        self._nack_answers = nack_answers
        self._scanner = FrameScanner()
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            if not select.select([self._master], [], [], 0.02)[0]:
                continue
            self._scanner.feed(os.read(self._master, 1024))
            while (frame := self._scanner.next_frame()) is not None:
                for piece in self._hear(bytes(frame)):
                    os.write(self._master, piece)

    def _hear(self, frame: bytes) -> list[bytes]:
        if frame == NACK:
            self.nacks += 1
            return [self._nack_answers.pop(0)] if self._nack_answers else []
        if frame == ACK:
            self.aborts += 1
            return []
        self.commands.append(frame[6])
        return self._answers(frame[6], frame[7:-2])


@contextmanager
def chip_script(answers: Answers, nack_answers: list[bytes] | None = None) -> Iterator[ChipScript]:
    """A pty with a `ChipScript` behind it; `script.path` is the tty."""
    master, slave = os.openpty()
    tty.setraw(slave)
    script = ChipScript(master, answers, nack_answers or [])
    script.path = os.ttyname(slave)
    thread = threading.Thread(target=script.run)
    thread.start()
    try:
        yield script
    finally:
        script.stopped.set()
        thread.join()
        os.close(slave)
        os.close(master)

"""Readers with a DESFire behind them that is not as it should be."""

from __future__ import annotations

from collections.abc import Callable

from hardware.reader import Reader, Target


class Meddler:
    """A reader on the way of which somebody changes answers: `change(frame, answer)` gives what is heard instead."""

    def __init__(self, reader: Reader, change: Callable[[bytes, bytes], bytes]) -> None:
        self._reader = reader
        self._change = change
        self.heard: list[bytes] = []

    @property
    def name(self) -> str:
        return self._reader.name

    @property
    def commands(self) -> int:
        return self._reader.commands

    def poll(self) -> tuple[Target, ...]:
        return self._reader.poll()

    def exchange(self, data: bytes, timeout: float) -> bytes:
        self.heard.append(data)
        return self._change(data, self._reader.exchange(data, timeout))

    def release(self) -> None:
        self._reader.release()


class Script:
    """A reader whose card answers from a list and knows nothing; `sent` is what it heard, `field` what else was asked.

    A search finds `lying`.
    """

    name = "script"
    commands = 0

    def __init__(self, *answers: str) -> None:
        self._answers = [bytes.fromhex(answer) for answer in answers]
        self.sent: list[str] = []
        self.field: list[str] = []
        self.lying: tuple[Target, ...] = ()

    def poll(self) -> tuple[Target, ...]:
        self.field.append("search")
        return self.lying

    def exchange(self, data: bytes, timeout: float) -> bytes:
        self.sent.append(data.hex())
        return self._answers.pop(0)

    def release(self) -> None:
        self.field.append("off")

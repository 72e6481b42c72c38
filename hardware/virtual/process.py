"""`onecard reader serve` as a child process, for tests, benches and the demo."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from onecard.errors import OnecardError

ANSWER_SECONDS = 20.0
_STOP_SECONDS = 10.0


class VirtualReaderError(OnecardError):
    """The virtual reader refused an order, or is gone."""


class VirtualReader:
    """A virtual PN532 at `link` for as long as the `with` block lasts.

    cards: laid in the field at the start. pace: "none", or "model" to wait the modelled time out. seed: of weak bits.
    """

    def __init__(self, link: Path, *, cards: Sequence[Path] = (), pace: str = "none", seed: int = 0) -> None:
        self.link = link
        self._arguments = ["--link", str(link), "--pace", pace, "--seed", str(seed)]
        for card in cards:
            self._arguments += ["--card", str(card)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start and wait until it is reachable. Raises VirtualReaderError."""
        command = [sys.executable, "-c", "from tools.cli import main; main()", "reader", "serve", *self._arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is for who started it, who then stops it in order
        )
        try:
            if (line := self._line()) != "ready":
                raise VirtualReaderError(f"virtual reader at {self.link} said {line!r} instead of `ready`")
        except VirtualReaderError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._running
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    @property
    def pid(self) -> int:
        """Of the process: to be killed by a test that wants to."""
        return self._running.pid

    def command(self, line: str) -> dict[str, object]:
        """Give one order (see `hardware.virtual.orders`), return its answer. Raises VirtualReaderError."""
        process = self._running
        assert process.stdin is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None
        answer = json.loads(self._line())
        assert isinstance(answer, dict)
        if "error" in answer:
            raise VirtualReaderError(f"virtual reader: {answer['error']}")
        return answer

    @property
    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def _line(self) -> str:
        out = self._running.stdout
        assert out is not None
        if not select.select([out], [], [], ANSWER_SECONDS)[0]:
            raise VirtualReaderError(f"virtual reader at {self.link} gave no answer in {ANSWER_SECONDS} s")
        line = out.readline()
        if not line:
            raise self._gone()
        return line.rstrip("\n")

    def _gone(self) -> VirtualReaderError:
        stderr = self._running.stderr
        told = stderr.read().strip()[-500:] if stderr is not None else ""
        return VirtualReaderError(f"virtual reader at {self.link} is gone: {told or 'it said nothing'}")

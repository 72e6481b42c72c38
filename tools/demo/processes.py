"""Child processes of the demo: each with its log file, stopped in order, killed when they do not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from onecard.errors import OnecardError

ONECARD = (sys.executable, "-m", "tools.cli")
"""The onecard command of this very installation."""
_STOP_SECONDS = 15.0


class ProcessFailed(OnecardError):
    """A child process ended, or did not come up. `log` is where it says why."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        self.name = name
        self.log = log
        told = log.read_text(encoding="utf-8", errors="replace").strip()[-800:] if log.exists() else ""
        super().__init__(f"{name} {why}; its log {log} ends:\n{told}")


class Child:
    """One `onecard …` process."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False

    @property
    def pid(self) -> int:
        """Of the process last started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it (again); its output is appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*ONECARD, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        self._killed = False  # last: another thread may look meanwhile

    def kill(self) -> None:
        """SIGKILL, as a power cut is to it."""
        assert self._process is not None
        self._killed = True
        self._process.kill()
        self._process.wait()

    def check(self) -> None:
        """Raise `ProcessFailed` when it ended, unless it was killed here."""
        assert self._process is not None
        if not self._killed and (code := self._process.poll()) is not None:
            raise ProcessFailed(self.name, f"ended with exit code {code}", self.log)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to its whole session when it does not end in time."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def children(pid: int) -> dict[int, str]:
    """The processes that a process started: their ids, and the command lines."""
    found: dict[int, str] = {}
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, file.read_text().split()):
                found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs still; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class Stopped(OnecardError):
    """The demo is being ended: nobody waits for anything any more."""


def wait_for(
    what: str,
    condition: Callable[[], bool],
    seconds: float,
    *children: Child,
    stopping: threading.Event | None = None,
) -> None:
    """Return when `condition` holds. Raises `ProcessFailed` when a child ends first, `Stopped` when `stopping` is set,
    `OnecardError` when time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if stopping is not None and stopping.is_set():
            raise Stopped(what)
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            if children:
                raise ProcessFailed(children[0].name, f"was awaited in vain: {what}", children[0].log)
            raise OnecardError(f"awaited in vain for {seconds:.0f} s: {what}")
        time.sleep(0.02)

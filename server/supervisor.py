"""The server's processes: started together, restarted when one dies, stopped in order.

A process that dies comes back after a pause that doubles from half a second to thirty; one that has run for a minute
starts anew at half a second. The order of stopping is the reverse of starting: the web first, the keys last. When this
process is killed, Linux tells the others to stop, so that nothing holds the port and the sockets. A process that dies
takes the rest of its session with it: a web worker that outlived its master would answer on the port beside the next.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onecard.notify import Pulse

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SETTLED_SECONDS = 60.0
STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One process: its name, its command line, and how it fares."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    pause: float = field(default=FIRST_PAUSE_SECONDS, init=False)
    started: float = field(default=0.0, init=False)
    due: float = field(default=0.0, init=False)


class Supervisor:
    """Keeps children running until told to stop."""

    def __init__(self, children: Sequence[Child], environment: Mapping[str, str], say: Callable[[str], None]) -> None:
        """`say` puts one line before whoever watches."""
        self._children = children
        self._environment = dict(environment)
        self._say = say
        self._stopping = False

    def run(self, ready: Callable[[], bool], on_ready: Callable[[], None], pulse: Pulse) -> None:
        """Start all, call `on_ready` once `ready` says so, keep them running until SIGTERM or SIGINT. The service
        manager hears of every turn; how a child fares it does not: this process looks after that."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        told = False
        try:
            while not self._stopping:
                for child in self._children:
                    self._look_after(child, time.monotonic())
                if not told and ready():
                    told = True
                    on_ready()
                pulse.beat(time.monotonic())
                time.sleep(_LOOK_SECONDS)
        finally:
            self._stop_all()

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True

    def _look_after(self, child: Child, now: float) -> None:
        if child.process is not None and (code := _ended(child.process)) is not None:
            if now - child.started > SETTLED_SECONDS:
                child.pause = FIRST_PAUSE_SECONDS
            self._say(f"{child.name} ended with {code}; starting it again in {child.pause:.1f} s")
            child.process, child.due = None, now + child.pause
            child.pause = min(child.pause * 2, LONGEST_PAUSE_SECONDS)
        if child.process is None and now >= child.due:
            # A session of its own: Ctrl-C reaches this process, which stops the others in order.
            child.process = subprocess.Popen(
                child.command,
                env=self._environment,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - this process has one thread
            )
            child.started = now

    def _stop_all(self) -> None:
        for child in reversed(self._children):
            if child.process is None:
                continue
            child.process.terminate()
            try:
                child.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._say(f"{child.name} does not stop; killed")
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()


def _ended(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code of a process that leads a session and has ended, its session killed before its number is free."""
    if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        return None
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _end_with_parent() -> None:
    """In a child: ask Linux for a SIGTERM when the supervisor is gone, however it went (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

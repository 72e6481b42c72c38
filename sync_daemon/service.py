"""The daemon as a service: its loop, the orderly stop on SIGTERM or SIGINT, the service manager's watchdog."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType

from onecard.notify import Notifier, Pulse
from sync_daemon.courier.port import CourierPort
from sync_daemon.daemon import Daemon


class Stopped(BaseException):
    """Raised out of a wait for the network when a stop was asked for; nothing is half done there."""


class StopSignal:
    """SIGTERM and SIGINT: seen between steps, and at once while the line is waited for."""

    def __init__(self) -> None:
        self.asked = False
        self._waiting = False
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def interruptible(self, wait: Callable[[], bytes]) -> bytes:
        """`wait()`, left by `Stopped` when a stop is asked for meanwhile."""
        if self.asked:
            raise Stopped
        self._waiting = True
        try:
            return wait()
        finally:
            self._waiting = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if self._waiting:
            self._waiting = False
            raise Stopped


def serve(daemon: Daemon, port: CourierPort, stop: StopSignal, notifier: Notifier, pulse: Pulse) -> None:
    """Steps until a stop is asked for; beside it the courier's port. `pulse` beats after each step and nowhere else: a
    step that hangs is heard."""
    notifier.ready()
    port.start()
    try:
        while not stop.asked:
            port.deal_with_replies(daemon)
            pause = daemon.step()
            pulse.beat(time.monotonic())
            time.sleep(pause)
    except Stopped:
        pass
    finally:
        notifier.stopping()
        port.stop()

"""The way to systemd, if it started this process: what `onecard.notify` says goes out here."""

from __future__ import annotations

import contextlib
import os
import socket

from onecard.notify import Notifier, Pulse, socket_address, watchdog_seconds


def open_notifier() -> Notifier:
    """To the service manager of this process's environment, or to nobody."""
    address = socket_address(os.environ)
    if address is None:
        return Notifier()
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    line.connect(address)
    line.setblocking(False)

    def send(message: bytes) -> None:
        with contextlib.suppress(OSError):  # a manager that does not listen, or not now, holds no sale up
            line.send(message)

    return Notifier(send)


def open_pulse(notifier: Notifier) -> Pulse:
    """For this process's main loop, as often as its environment asks."""
    return Pulse(notifier, watchdog_seconds(os.environ, os.getpid()))

"""Waking the poster: one datagram on a unix socket, so that a flow is posted when it comes, not at the next look."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from django.conf import settings


def wake_poster() -> None:
    """Tell the poster that there is work."""
    # A poster that does not listen looks by itself in a moment: a lost call costs that moment, nothing else.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.setblocking(False)
        bell.sendto(b"!", str(settings.POSTER_SOCKET))


def listen(path: Path, wait_seconds: float) -> socket.socket:
    """The poster's end, whose `recv` gives up after `wait_seconds`."""
    path.unlink(missing_ok=True)
    bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bell.bind(str(path))
    bell.settimeout(wait_seconds)
    return bell

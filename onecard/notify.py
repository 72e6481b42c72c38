"""Telling systemd how a service is (sd_notify(3)). Pure: the edge (`tools.service_manager`) gives a `send`."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def socket_address(environment: Mapping[str, str]) -> str | None:
    """Where to send, from NOTIFY_SOCKET; None when no service manager listens. `@` names an abstract socket."""
    address = environment.get("NOTIFY_SOCKET", "")
    if address.startswith("@"):
        return "\0" + address[1:]
    return address if address.startswith("/") else None


def watchdog_seconds(environment: Mapping[str, str], process: int) -> float | None:
    """How often to say `alive`: half of what the manager allows (sd_watchdog_enabled(3)); None when it does not watch
    `process`."""
    allowed = environment.get("WATCHDOG_USEC", "")
    watched = environment.get("WATCHDOG_PID", str(process))
    if not (allowed.isdecimal() and int(allowed) > 0 and watched == str(process)):
        return None
    return int(allowed) / 2_000_000


class Notifier:
    """The messages a service owes its manager. Without a manager nothing is sent."""

    def __init__(self, send: Callable[[bytes], object] | None = None) -> None:
        self._send = send

    def ready(self) -> None:
        """The service does its work now."""
        self._tell("READY=1")

    def alive(self) -> None:
        """The main loop turns: it is said there and nowhere else."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """An orderly stop has begun."""
        self._tell("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._tell("STATUS=" + " ".join(text.splitlines()))

    def _tell(self, assignment: str) -> None:
        if self._send is not None:
            self._send(assignment.encode())


class Pulse:
    """The watchdog's share of a main loop: `beat` at every turn, heard as often as the manager wants to hear it."""

    def __init__(self, notifier: Notifier, every: float | None) -> None:
        """`every` is `watchdog_seconds`; None when nobody listens. Times are monotonic seconds."""
        self._notifier = notifier
        self._every = every
        self._beaten_at = float("-inf")

    def beat(self, now: float) -> None:
        """The loop turned at `now`."""
        if self._every is not None and now - self._beaten_at >= self._every:
            self._beaten_at = now
            self._notifier.alive()

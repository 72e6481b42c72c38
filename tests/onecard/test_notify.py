"""The words of sd_notify(3), over a real datagram socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from onecard.notify import Notifier, Pulse, socket_address, watchdog_seconds


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}])
def test_without_a_manager_there_is_no_address(environment: dict[str, str]) -> None:
    assert socket_address(environment) is None


def test_an_abstract_address_begins_with_a_zero_byte() -> None:
    assert socket_address({"NOTIFY_SOCKET": "@onecard/x"}) == "\0onecard/x"
    assert socket_address({"NOTIFY_SOCKET": "/run/systemd/notify"}) == "/run/systemd/notify"


@pytest.mark.parametrize(
    "environment",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "9000000", "WATCHDOG_PID": "8"}],
)
def test_an_unwatched_process_owes_nothing(environment: dict[str, str]) -> None:
    assert watchdog_seconds(environment, 7) is None


def test_a_watched_process_speaks_twice_in_the_allowed_time() -> None:
    assert watchdog_seconds({"WATCHDOG_USEC": "9000000", "WATCHDOG_PID": "7"}, 7) == 4.5
    assert watchdog_seconds({"WATCHDOG_USEC": "9000000"}, 7) == 4.5


def test_messages_arrive_one_a_datagram(tmp_path: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line,
    ):
        manager.bind(str(tmp_path / "notify"))
        line.connect(str(tmp_path / "notify"))
        notifier = Notifier(line.send)
        notifier.ready()
        notifier.alive()
        notifier.status("backlog 3\nREADY=0")
        notifier.stopping()
        heard = [manager.recv(100) for _ in range(4)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STATUS=backlog 3 READY=0", b"STOPPING=1"]


def test_without_a_manager_nothing_is_sent() -> None:
    Notifier().ready()


def test_a_pulse_is_heard_at_each_turn_that_comes_late_enough() -> None:
    sent: list[bytes] = []
    pulse = Pulse(Notifier(sent.append), 2.0)
    heard = []
    for now in (0.0, 1.9, 2.0, 3.9, 60.0):
        pulse.beat(now)
        heard.append(len(sent))
    assert heard == [1, 1, 2, 2, 3]


def test_nobody_listens_to_an_unwatched_pulse() -> None:
    sent: list[bytes] = []
    Pulse(Notifier(sent.append), None).beat(0.0)
    assert sent == []

"""The command as a process: beside a terminal that writes, killed, stopped, watched."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from onecard.journal import JournalReader
from tests.sync_daemon.peer import Line
from tests.sync_daemon.till import Till

ONECARD = Path(sys.executable).parent / "onecard"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(till: Till, line: Line, authority: tuple[Path, Path]) -> Path:
    file = till.data / "daemon.toml"
    file.write_text(
        f'[terminal]\ndata = "{till.data}"\n[server]\nurl = "{line.url}"\nca = "{authority[0]}"\n'
        "[sync]\nidle_seconds = 0\nheartbeat_seconds = 1\nretry_first_ms = 10\nretry_cap_seconds = 1\n"
    )
    return file


class Daemons:
    """Started daemons; none outlives its test."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        daemon = subprocess.Popen(
            [ONECARD, "daemon", "run", "--config", self._config, *options],
            env=os.environ | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(daemon)
        return daemon

    def end(self) -> None:
        for daemon in self._started:
            if daemon.poll() is None:
                daemon.kill()
            daemon.communicate()


@pytest.fixture
def daemons(config: Path) -> Iterator[Daemons]:
    daemons = Daemons(config)
    yield daemons
    daemons.end()


def until(done: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def writer(till: Till, count: int) -> subprocess.Popen[bytes]:
    """Another process goes on as the terminal, one durable record at a time."""
    till.close()
    return subprocess.Popen([sys.executable, "-m", "tests.sync_daemon.till", till.data, str(count)], cwd=ROOT)


def journaled(till: Till) -> list[object]:
    return [entry.name for entry in JournalReader(till.data / "journal").entries()]


def test_once_sends_all_and_says_so(daemons: Daemons, till: Till, line: Line) -> None:
    till.write(700)
    daemon = daemons.start("--once")
    assert daemon.wait(15) == 0
    assert sorted(line.peer.records) == till.names


def test_once_fails_with_the_reason_when_the_server_is_away(daemons: Daemons, till: Till, line: Line) -> None:
    line.down()
    daemon = daemons.start("--once")
    _, told = daemon.communicate(timeout=15)
    assert daemon.returncode == 1
    assert "cannot be reached" in told
    assert "Traceback" not in told


def test_a_daemon_without_an_identity_names_the_cure(daemons: Daemons, till: Till) -> None:
    (till.data / "identity").unlink()
    _, told = daemons.start().communicate(timeout=15)
    assert "onecard terminal enrol" in told
    assert "Traceback" not in told


def test_records_written_meanwhile_arrive_each_once(daemons: Daemons, till: Till, line: Line) -> None:
    daemon = daemons.start()
    assert writer(till, 800).wait(30) == 0
    until(lambda: len(line.peer.records) == 802)
    assert sorted(line.peer.records) == journaled(till)
    assert (line.peer.repeated, line.peer.forks) == (0, 0)
    assert daemon.poll() is None


def test_a_killed_daemon_loses_and_doubles_nothing(daemons: Daemons, till: Till, line: Line) -> None:
    moments = random.Random(20)
    terminal = writer(till, 3000)
    for _ in range(6):
        daemon = daemons.start()
        seen = len(line.peer.runs)
        until(lambda seen=seen: len(line.peer.runs) > seen or terminal.poll() is not None)  # type: ignore[misc]
        time.sleep(moments.uniform(0, 0.05))
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
    assert terminal.wait(30) == 0
    assert daemons.start("--once").wait(15) == 0
    assert sorted(line.peer.records) == journaled(till)
    assert line.peer.forks == 0
    assert line.peer.received == len(line.peer.records)


def test_sigterm_ends_a_wait_for_the_server_at_once(daemons: Daemons, line: Line) -> None:
    asked, answer_now = threading.Event(), threading.Event()

    def dawdle(handler: BaseHTTPRequestHandler, answer: object) -> tuple[int, bytes]:
        asked.set()
        answer_now.wait(20)
        return 503, b""

    line.peer.faults.append(dawdle)
    daemon = daemons.start()
    assert asked.wait(15)
    daemon.terminate()
    assert daemon.wait(2) == 0
    answer_now.set()


def test_the_service_manager_is_told_ready_alive_and_stopping(
    daemons: Daemons, till: Till, tmp_path: Path, line: Line
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(15)
        daemon = daemons.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000")
        assert [manager.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
        daemon.terminate()
        assert daemon.wait(15) == 0
        last = b""
        while last != b"STOPPING=1":
            last = manager.recv(64)


def test_a_daemon_that_hangs_is_not_said_to_be_alive(daemons: Daemons, till: Till, tmp_path: Path, line: Line) -> None:
    """The loop's turn is what notifies: no thread or timer of its own does."""
    hanging, let_go = threading.Event(), threading.Event()

    def hang(handler: BaseHTTPRequestHandler, answer: object) -> tuple[int, bytes]:
        hanging.set()
        let_go.wait(20)
        return 503, b""

    line.peer.faults.append(hang)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(15)
        daemons.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="20000")
        assert manager.recv(64) == b"READY=1"
        assert hanging.wait(15)
        manager.settimeout(0.5)  # fifty beats that are not heard
        with pytest.raises(TimeoutError):
            while manager.recv(64):
                pass
        manager.settimeout(15)
        let_go.set()
        assert manager.recv(64) == b"WATCHDOG=1"


def test_the_status_file_is_whole_at_every_moment(daemons: Daemons, till: Till, line: Line) -> None:
    daemons.start()
    file = till.data / "outbox" / "status"
    until(file.exists)
    for _ in range(200):
        assert set(json.loads(file.read_text())) >= {"line_up", "backlog", "last_error"}
        till.write(1)
    until(lambda: json.loads(file.read_text())["line_up"])

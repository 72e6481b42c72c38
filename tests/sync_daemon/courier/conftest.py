"""A terminal's daemon whose line to the centre is down, a port that can be opened, and a laptop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardware.board.boot_id import boot_id
from onecard.courier_store import CourierStore
from onecard.port_word import OPEN_SECONDS, PORT_WORD, PortWord
from tests.sync_daemon.peer import Line
from tests.sync_daemon.till import Till

ONECARD = Path(sys.executable).parent / "onecard"
WAIT_SECONDS = 40.0


def until(done: Callable[[], bool], what: str = "") -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < end, f"it did not happen: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """Everything at one cinema, as processes."""

    def __init__(self, folder: Path, till: Till, line: Line, ca: Path) -> None:
        self.folder = folder
        self.till = till
        self.line = line
        self.ca = ca
        self.port = free_port()
        self.stick = folder / "stick"
        self.store = folder / "laptop"
        self.daemon_in: tuple[str, ...] = ()
        self.laptop_in: tuple[str, ...] = ()
        self._daemon: subprocess.Popen[str] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "daemon.log").read_text()

    def start_daemon(self, lines: str = "") -> None:
        """With the courier's `lines`, a network address by default. It reaches no server."""
        file = self.till.data / "daemon.toml"
        file.write_text(
            f'[terminal]\ndata = "{self.till.data}"\n[server]\nurl = "https://127.0.0.1:1"\nca = "{self.ca}"\n'
            f"[sync]\nidle_seconds = 0\nretry_first_ms = 200\n[courier]\nport = {self.port}\n"
            + (lines or 'listen = "127.0.0.1"\n')
        )
        with (self.folder / "daemon.log").open("a") as log:
            self._daemon = subprocess.Popen(
                [*self.daemon_in, ONECARD, "daemon", "run", "--config", file], stderr=log, text=True
            )
        until((self.till.data / "outbox" / "status").exists, "the daemon starts")

    def kill_daemon(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def open_port(self, seconds: float = OPEN_SECONDS) -> None:
        """As the firmware does when a card was tapped."""
        word = PortWord(boot_id(), int(1000 * (time.monotonic() + seconds)) - 1)
        fresh = self.till.data / ".port.new"
        fresh.write_bytes(word.encode())
        fresh.replace(self.till.data / PORT_WORD)
        until(lambda: self.log.count("port is open") > self.log.count("port is closed"), "the port opens")

    def close_port(self) -> None:
        (self.till.data / PORT_WORD).unlink()
        until(lambda: self.log.count("port is open") == self.log.count("port is closed"), "the port closes")

    @property
    def status(self) -> dict[str, object]:
        """What the terminal's screen is told of the line."""
        status: dict[str, object] = json.loads((self.till.data / "outbox" / "status").read_text())
        return status

    def collect(
        self, *options: str, store: Path | None = None, check: bool = True, found: bool = False
    ) -> subprocess.CompletedProcess[str]:
        road = () if found else options or ("--host", f"127.0.0.1:{self.port}")
        return self._onecard(["collect", *road, "--store", str(store or self.store)], check)

    def deliver(self, store: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        arguments = ["deliver", "--server", self.line.url, "--ca", str(self.ca), "--store", str(store or self.store)]
        return self._onecard(arguments, check)

    def held(self, store: Path | None = None) -> list[tuple[int, int]]:
        """First and last record of each bundle a laptop has."""
        return [(bundle.first, bundle.last) for bundle in CourierStore(store or self.store).bundles()]

    def _onecard(self, arguments: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"COLUMNS": "200"}
        command = [*self.laptop_in, ONECARD, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=100)
        assert "Traceback" not in done.stderr, done.stderr
        assert not check or done.returncode == 0, done.stdout + done.stderr + self.log
        return done


@pytest.fixture
def site(tmp_path: Path, till: Till, line: Line, authority: tuple[Path, Path]) -> Iterator[Site]:
    site = Site(tmp_path, till, line, authority[0])
    yield site
    site.kill_daemon()

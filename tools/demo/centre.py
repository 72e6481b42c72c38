"""The centre of the demo: the server with its key process and poster, and an issuing desk beside a clerk's browser."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from hardware.virtual import card_file
from hardware.virtual.card_file import Image
from hardware.virtual.process import VirtualReader
from onecard.errors import OnecardError
from onecard.kinds import CardKind
from tools.demo.clerk import Clerk
from tools.demo.processes import ONECARD, Child, children, is_alive, wait_for

USER = "manager"
PASSWORD = "onecard-demo"  # noqa: S105 - of a server on loopback that ends with the demo
SITES = {"XDA": "新东安", "WDK": "五道口", "CHG": "长虹"}
PARTS = {
    "web": ("granian", False),
    "web_worker": ("granian", True),
    "key_process": ("keys serve", False),
    "poster": ("server.ledger.poster", False),
}
"""The server's parts: a word of the command line, and whether it is a child of that process."""
_START_SECONDS = 90.0
_JOB_SECONDS = 180.0
_LAY_AGAIN_SECONDS = 10.0

_DESK_TOML = """\
[terminal]
data = "{data}"
[reader]
device = "{reader}"
[server]
url = "{url}"
ca = "{ca}"
"""


class Centre:
    """A server in `folder/server` on loopback, and a desk station in `folder/desk`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.data = folder / "server"
        self.port = port or _free_port()
        self.url = f"https://localhost:{self.port}"
        self.ca = self.data / "tls" / "ca.pem"
        run = ["server", "run", "--data", str(self.data), "--port", str(self.port)]
        self._said_before = 0  # bytes of the log, by servers before the one that runs
        self._server = Child("server", run, folder / "server.log")

    def start(self) -> None:
        """Make the server and wait until it answers."""
        _onecard("server", "init", "--data", str(self.data), "--user", USER, "--password", PASSWORD)
        self.run()

    def run(self) -> None:
        """Start what `start` made, again, and wait until it answers."""
        log = self._server.log
        self._said_before = log.stat().st_size if log.exists() else 0
        self._server.start()
        wait_for("the server", self._is_ready, _START_SECONDS, self._server)

    def stop(self) -> None:
        """Stop it in order."""
        self._server.stop()

    def kill_all(self) -> None:
        """SIGKILL to every process of the server, as a power cut is to it; none is left when this returns."""
        parts = children(self._server.pid)
        workers = [worker for part in parts for worker in children(part)]
        for part in parts:  # each leads a session, the web's workers with it
            with contextlib.suppress(ProcessLookupError):  # it had died just now
                os.killpg(part, signal.SIGKILL)
        self._server.kill()
        wait_for("the server's end", lambda: not any(map(is_alive, (*parts, *workers))), _START_SECONDS)

    def kill(self, part: str) -> None:
        """SIGKILL to one process of the server, one of `PARTS`; the server itself starts it again."""

        def struck() -> bool:
            found = self._part(part)
            if found is None or not is_alive(found):
                return False
            os.kill(found, signal.SIGKILL)
            return True

        wait_for(f"the server's {part}", struck, _START_SECONDS, self._server)

    def _part(self, part: str) -> int | None:
        word, below = PARTS[part]
        for pid, command in children(self._server.pid).items():
            if word in command:
                return next(iter(children(pid)), None) if below else pid
        return None

    def enrol(self, site: str, data: Path, *, desk: bool = False) -> None:
        """Let a new terminal or desk station in, by a one-time token; its data directory is `data`."""
        token = _onecard("server", "token", "--data", str(self.data), "--site", site, *(["--desk"] if desk else []))
        reach = ["--server", self.url, "--ca", str(self.ca)]
        _onecard("terminal", "enrol", *reach, "--token", token.strip(), "--data", str(data))

    def clerk(self) -> Clerk:
        """A clerk signed in at the server's pages."""
        return Clerk(self.url, self.ca, USER, PASSWORD)

    def _is_ready(self) -> bool:
        return b"ready https://" in self._server.log.read_bytes()[self._said_before :]


class Desk:
    """The issuing desk: a station with a virtual reader and a sync daemon; cards are files in `folder/cards`."""

    def __init__(self, centre: Centre, site: str, seed: int) -> None:
        folder = centre.folder / "desk"
        self.data = folder / "data"
        self._centre = centre
        self._site = site
        self._cards = centre.folder / "cards"
        self.reader = VirtualReader(folder / "reader", seed=seed)
        self.stopping = threading.Event()  # set when the demo ends: nobody waits at the desk any more
        folder.mkdir()
        self._cards.mkdir()
        fields = {"data": self.data, "reader": folder / "reader", "url": centre.url, "ca": centre.ca}
        config = folder / "desk.toml"
        config.write_text(_DESK_TOML.format(**fields), encoding="utf-8")
        daemon = folder / "daemon.toml"
        terminal = f'[terminal]\ndata = "{self.data}"\n[server]\nurl = "{centre.url}"\nca = "{centre.ca}"\n'
        daemon.write_text(f"{terminal}[sync]\nidle_seconds = 0\nheartbeat_seconds = 2\n", encoding="utf-8")
        self.station = Child("desk", ["desk", "run", "--config", str(config)], folder / "desk.log")
        self._daemon = Child("daemon of desk", ["daemon", "run", "--config", str(daemon)], folder / "daemon.log")

    def start(self) -> None:
        """Enrol the station and start it."""
        self._centre.enrol(self._site, self.data, desk=True)
        self.reader.__enter__()
        self.station.start()
        self._daemon.start()
        self._clerk = self._centre.clerk()

    def stop(self) -> None:
        """Stop station, daemon and reader."""
        self.station.stop()
        self._daemon.stop()
        self.reader.__exit__(None, None, None)

    def issue(self, new: Image, kind: CardKind, tier: int) -> Path:
        """A factory-new card comes out of its box and is issued."""
        card = self._cards / f"{new.uid.hex()}.card"
        card_file.save(card, new)
        self._work(self._clerk.order_issue(self._site, kind, tier), card)
        return card

    def load(self, card: Path, yuan: str) -> int:
        """Money is paid at the desk and put on the card; the job's number."""
        job = self._clerk.order_load(self._site, yuan)
        self._work(job, card)
        return job

    def _work(self, job: int, card: Path) -> None:
        """The card lies there until the job is done, lifted and laid down again every few seconds: a desk that said no
        once, because the centre knew too little yet, asks again about a card that comes anew."""
        laid_at = float("-inf")

        def done() -> bool:
            nonlocal laid_at
            if self._clerk.is_done(job):
                return True
            if time.monotonic() - laid_at > _LAY_AGAIN_SECONDS:
                self.reader.command("remove")
                self.reader.command(f"place {card}")
                laid_at = time.monotonic()
            return False

        try:
            wait_for(f"desk job {job}", done, _JOB_SECONDS, self.station, stopping=self.stopping)
        finally:
            self.reader.command("remove")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _onecard(*arguments: str) -> str:
    done = subprocess.run([*ONECARD, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OnecardError(f"onecard {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
    return done.stdout

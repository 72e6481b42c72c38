"""One till of the demo: virtual reader, keypad on a pty, the terminal and its sync daemon, each a real process."""

from __future__ import annotations

import os
import threading
import tty
from pathlib import Path

from hardware.virtual.process import VirtualReader
from tools.demo.processes import Child, wait_for

_PATIENCE_SECONDS = 60.0

_TERMINAL_TOML = """\
[terminal]
data = "{data}"
language = "{language}"
[reader]
device = "{reader}"
baud = 115200
[display]
directory = "{data}"
[keypad]
device = "{keypad}"
[sale]
{sale}
[limits]
in_doubt_seconds = {in_doubt_seconds}
[journal]
segments = 16
segment_kib = 256
"""

_DAEMON_TOML = """\
[terminal]
data = "{data}"
[server]
url = "{url}"
ca = "{ca}"
"""
QUICK_SYNC = """\
[sync]
idle_seconds = 0
heartbeat_seconds = 2
retry_first_ms = 200
retry_cap_seconds = 2
"""
"""A demo is short: news is asked for more often than the product does."""

FIXED = 'mode = "fixed"\nfixed_amount = "{amount}"\ninterval_seconds = 0'
SHOW = 'mode = "show"'


class Screen:
    """What `screen.txt` says: its first lines are the session's state and the count of finished presentations."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def line(self, name: str) -> str:
        """The text after `name: `, or nothing while there is no screen."""
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return ""
        return next((line.partition(": ")[2] for line in lines if line.startswith(f"{name}: ")), "")

    @property
    def state(self) -> str:
        """The session's state."""
        return self.line("state")

    @property
    def results(self) -> int:
        """Presentations finished since the terminal's start."""
        return int(self.line("results") or 0)

    def forget(self) -> None:
        """Take the picture away, so that the next one is from a new process."""
        self._file.unlink(missing_ok=True)


class DemoTill:
    """A till in its own folder; `folder/data` is the terminal's data directory, already enrolled."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        url: str,
        ca: Path,
        sale: str,
        in_doubt_seconds: int,
        pace: str,
        seed: int,
        sync: str = QUICK_SYNC,
    ) -> None:
        """`sync` is that section of the daemon's configuration; empty: the product's own pace."""
        self.name = name
        self.data = folder / "data"
        self.shows = sale == SHOW
        self.stopping = threading.Event()  # set when the demo ends: nobody waits at this till any more
        self.reader = VirtualReader(folder / "reader", pace=pace, seed=seed)
        self.screen = Screen(self.data / "screen.txt")
        self._keys, slave = os.openpty()
        tty.setraw(slave)
        fields = {
            "data": self.data,
            "reader": folder / "reader",
            "keypad": os.ttyname(slave),
            "language": "zh",
            "sale": sale,
            "in_doubt_seconds": in_doubt_seconds,
        }
        config, daemon = folder / "terminal.toml", folder / "daemon.toml"
        config.write_text(_TERMINAL_TOML.format(**fields), encoding="utf-8")
        daemon.write_text(_DAEMON_TOML.format(data=self.data, url=url, ca=ca) + sync, encoding="utf-8")
        self.terminal = Child(
            f"terminal of {name}", ["terminal", "run", "--config", str(config)], folder / "terminal.log"
        )
        self.daemon = Child(f"daemon of {name}", ["daemon", "run", "--config", str(daemon)], folder / "daemon.log")

    def start(self) -> None:
        """Start reader, terminal and daemon."""
        self.reader.__enter__()
        self.terminal.start()
        self.daemon.start()

    def stop(self) -> None:
        """Stop them, the terminal first, in order."""
        self.terminal.stop()
        self.daemon.stop()
        self.reader.__exit__(None, None, None)

    def press(self, keys: str) -> None:
        """Press keys, one ASCII byte each."""
        os.write(self._keys, keys.encode("ascii"))

    def place(self, *cards: Path) -> None:
        """Lay cards on the reader."""
        for card in cards:
            self.reader.command(f"place {card}")

    def clear(self) -> None:
        """Take all cards away."""
        self.reader.command("remove")

    def await_state(self, *states: str) -> str:
        """Wait until the session is in one of these states, and say in which."""
        wait_for(
            f"{self.name} in state {' or '.join(states)}, it is {self.screen.state!r}",
            lambda: self.screen.state in states,
            _PATIENCE_SECONDS,
            self.terminal,
            stopping=self.stopping,
        )
        return self.screen.state

    def await_result(self, before: int) -> str:
        """Wait until one more presentation is finished than `before`; the state it led to."""
        wait_for(
            f"{self.name}: a card's result",
            lambda: self.screen.results > before,
            _PATIENCE_SECONDS,
            self.terminal,
            stopping=self.stopping,
        )
        return self.screen.state

    def kill_and_restart(self) -> None:
        """SIGKILL the terminal, take the card away, start it again, wait for its first screen."""
        self.terminal.kill()
        self.clear()
        self.reader.command("resume")
        self.screen.forget()
        self.terminal.start()
        wait_for(
            f"{self.name} up again",
            lambda: bool(self.screen.state),
            _PATIENCE_SECONDS,
            self.terminal,
            stopping=self.stopping,
        )

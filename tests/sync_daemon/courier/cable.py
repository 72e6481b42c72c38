"""A serial cable between two pseudo-terminals: it flips bits, and it can be pulled.

The terminal's end stays where it is when it is pulled, as a UART does; the laptop's device goes away, as that of a USB
adapter does, and comes back when it is plugged in. It has no speed: how long a line takes is modelled in the bench.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import threading
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

_PIECE = 2048


class Cable:
    """Runs in a thread inside a `with`. `errors` is the chance that a byte has one flipped bit."""

    def __init__(self, folder: Path, errors: float = 0.0, seed: int = 0) -> None:
        self.terminal = folder / "tty-terminal"
        self.laptop = folder / "tty-laptop"
        self.carried = 0  # bytes towards the laptop
        self.flipped = 0
        self._errors = errors
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._near = _Pty(self.terminal)
        self._far: _Pty | None = _Pty(self.laptop)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self.pull()
        self._near.close()

    def pull(self) -> None:
        """What is under way is lost, the laptop's device is gone."""
        with self._lock:
            if self._far is not None:
                self._far.close()
                self._far = None

    def plug(self) -> None:
        """The laptop's device is there again."""
        with self._lock:
            assert self._far is None
            self._far = _Pty(self.laptop)

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                moved = self._move()
            if not moved:
                self._stopped.wait(0.002)

    def _move(self) -> bool:
        far = self._far
        if far is None:
            return bool(self._near.take())  # bytes that go nowhere
        down = self._near.take() if far.writable else b""
        self.carried += len(down)
        far.give(self._damaged(down))
        up = far.take() if self._near.writable else b""
        self._near.give(self._damaged(up))
        return bool(down or up)

    def _damaged(self, data: bytes) -> bytes:
        if not self._errors:
            return data
        damaged = bytearray(data)
        for place in range(len(damaged)):
            if self._chance.random() < self._errors:
                damaged[place] ^= 1 << self._chance.randrange(8)
                self.flipped += 1
        return bytes(damaged)


class _Pty:
    """One end of the cable; the slave is kept open so that the line does not hang up between two users."""

    def __init__(self, link: Path) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._link = link
        self._rest = b""
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._slave))

    @property
    def writable(self) -> bool:
        self.give(b"")
        return not self._rest

    def take(self) -> bytes:
        ready, _, _ = select.select([self._master], [], [], 0)
        return os.read(self._master, _PIECE) if ready else b""

    def give(self, data: bytes) -> None:
        self._rest += data
        if self._rest:
            with contextlib.suppress(BlockingIOError):
                self._rest = self._rest[os.write(self._master, self._rest) :]

    def close(self) -> None:
        self._link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)

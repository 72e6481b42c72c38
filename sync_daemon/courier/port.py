"""The courier's port: closed, until the firmware says that an authorisation card was tapped (`onecard.port_word`).

A thread watches the word and starts the lines; they end when it is gone, its time is up, or the daemon stops. Nothing
listens, no device is open and nothing is announced while the port is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from onecard.port_word import PORT_WORD, open_seconds
from sync_daemon.courier.beacon import announce
from sync_daemon.courier.goods import PortGoods
from sync_daemon.courier.lines import LineLost, Listener, serve_serial
from sync_daemon.courier.settings import CourierSettings
from sync_daemon.courier.stick import serve_stick

_WATCH_SECONDS = 0.2
_JOIN_SECONDS = 10.0

Log = Callable[[str], None]


class _Taker(Protocol):
    """`Daemon`, as far as the port needs it."""

    def take(self, reply: bytes) -> str:
        """See there."""
        ...


class CourierPort:
    """Of one daemon."""

    def __init__(
        self,
        data: Path,
        settings: CourierSettings,
        goods: PortGoods,
        *,
        boot: str,
        monotonic: Callable[[], float],
        log: Log,
    ) -> None:
        """`data` is the terminal's data directory; `boot` names this start of the machine, `monotonic` is its clock."""
        self._word = data / PORT_WORD
        self._settings = settings
        self._goods = goods
        self._boot = boot
        self._monotonic = monotonic
        self._log = log
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="courier port", daemon=True)

    def start(self) -> None:
        """Watches from now on."""
        self._watcher.start()

    def stop(self) -> None:
        """Closes the port, and watches no more."""
        self._stopped.set()
        self._watcher.join(_JOIN_SECONDS)

    def deal_with_replies(self, daemon: _Taker) -> None:
        """What couriers handed over, in the daemon's own thread and between its exchanges."""
        self._goods.deal_with_replies(daemon.take)

    def _is_open(self) -> bool:
        try:
            raw = self._word.read_bytes()
        except OSError:
            return False
        return open_seconds(raw, self._boot, self._monotonic()) > 0

    def _watch(self) -> None:
        while not self._stopped.wait(_WATCH_SECONDS):
            if self._is_open():
                self._goods.forget()
                self._log("the courier's port is open")
                self._serve()
                self._log("the courier's port is closed")

    def _serve(self) -> None:
        closed = threading.Event()
        threads = [threading.Thread(target=work, daemon=True) for work in self._works(closed)]
        for thread in threads:
            thread.start()
        while self._is_open() and not self._stopped.wait(_WATCH_SECONDS):
            pass
        closed.set()
        for thread in threads:
            thread.join(_JOIN_SECONDS)

    def _works(self, closed: threading.Event) -> list[Callable[[], None]]:
        """What serves each line until `closed`."""
        goods, log = self._goods, self._log
        serial, listen, stick = self._settings.serial, self._settings.listen, self._settings.stick
        works: list[Callable[[], None]] = []
        if serial is not None:
            works.append(lambda: serve_serial(serial, self._settings.baud, goods, closed, log))
        if stick is not None:
            works.append(lambda: serve_stick(stick, goods, closed, log))
        if listen is not None:
            try:
                listener = Listener(listen, self._settings.port, goods, closed, log)
            except LineLost as error:
                log(str(error))
                return works
            works.append(listener.serve)
            works.append(lambda: announce(goods.name, listen, listener.port, closed, log))
        return works

"""The courier's port, as the firmware turns it: opened and closed by an authorisation card, closed by itself.

The record of it is durable before the daemon is told (`onecard.port_word`). A terminal that starts, or stops in order,
closes the port: a start is told by its BOOT record. A firmware that died leaves a word that ends by itself.
"""

from __future__ import annotations

from pathlib import Path

from firmware.logbook import Logbook
from firmware.results import Shown
from onecard.durable_file import NotKept, replace_file
from onecard.port_word import OPEN_SECONDS, PORT_WORD, PortWord
from onecard.records import Port


class CourierPort:
    """Of one terminal. Raises `JournalError` where it says so."""

    def __init__(self, data: Path, log: Logbook, boot: str) -> None:
        """Closes it. `boot` names this start of the machine; without a name the port stays closed to the daemon."""
        self._file = data / PORT_WORD
        self._log = log
        self._boot = boot
        self._until: float | None = None
        self.trouble = ""  # why the daemon was not told, for the log
        self._withdraw()

    @property
    def seconds_left(self) -> float:
        """How long it stays open; 0.0 when it is closed."""
        return 0.0 if self._until is None else max(0.0, self._until - self._log.clock.monotonic())

    def turn(self, card: Shown) -> None:
        """A verified authorisation card was tapped: closed becomes open, open closed. Raises `JournalError`."""
        if self._until is not None:
            self._close(card)
            return
        self._log.write(self._record(card, seconds=OPEN_SECONDS), durable=True)
        self._until = self._log.clock.monotonic() + OPEN_SECONDS
        try:
            replace_file(self._file, PortWord(self._boot, int(1000 * self._until)).encode(), durable=False)
        except NotKept as error:
            self.trouble = str(error)
            self._close(None)

    def tick(self) -> None:
        """Let time pass. Raises `JournalError`."""
        if self._until is not None and self.seconds_left == 0.0:
            self._close(None)

    def close(self) -> None:
        """The terminal stops. Raises `JournalError`."""
        if self._until is not None:
            self._close(None)

    def _close(self, card: Shown | None) -> None:
        """The daemon first: a journal that fails leaves no port open."""
        self._until = None
        self._withdraw()
        self._log.write(self._record(card, seconds=0), durable=False)

    def _withdraw(self) -> None:
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            self.trouble = f"{self._file} cannot be removed ({error}): the port closes by itself in ten minutes"

    def _record(self, card: Shown | None, seconds: int) -> Port:
        now = self._log.clock.now()
        return Port(
            at=now.at,
            clock=now.quality,
            card_number=card.card_number if card else 0,
            uid=card.uid if card else b"",
            opened=1 if seconds else 0,
            seconds=seconds,
        )

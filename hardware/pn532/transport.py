"""The serial line under nfcpy's PN532 chipset class.

nfcpy's own transport reads six bytes and believes them. Real chips send longer preambles (libnfc issue 289), stray
bytes before a frame (HAP-ESPHome issue 28) and after one; this one finds frames wherever they are (`FrameScanner`).

Rules:

- After a command is written, only the chip's ACK is accepted; any other frame before it is the late answer to an older
  command and must never be taken for this one's (a stale "00" would turn a lost write into a paid one).
- A damaged answer is asked for again with a NACK (P-R28), once the line has been quiet for `QUIET_SECONDS`. The chip
  answers a NACK with whatever it sent last, so an answer equal to the previous command's is not believed.
- Every wait ends at the time given; nothing here sleeps or retries without bound.
- Errors are named and carry the tty; nfcpy, which knows only IOError, lets them through.
"""

from __future__ import annotations

import select
import termios
import time
from collections.abc import Callable
from errno import EACCES, EAGAIN, ENOENT, EPERM

import serial

from hardware.pn532.frames import ACK, NACK, FrameScanner
from hardware.reader import ReaderFault, ReaderNotFound, ReaderSilent

QUIET_SECONDS = 0.1
"""After damage: longer than any gap inside a frame, even through a USB bridge, and than a card command takes."""
ACK_SECONDS = 0.5
"""UM0701-02 §6.2.2 says 15 ms; a busy host and a USB bridge need more, and only a broken line waits it out."""
MAX_NACKS = 3
_WAKE_UP = bytes(16)
_CHUNK_SIZE = 512
_WRITE_SECONDS = 1.0
_CURES = {
    ENOENT: "no such port: check the path, and the overlay or cable that makes it",
    EACCES: "permission denied: add this user to the group of the port (dialout)",
    EPERM: "permission denied: add this user to the group of the port (dialout)",
    EAGAIN: "another program uses the port: stop it, there is one reader to one terminal",
}


class SerialTransport:
    """One tty at 8N1, locked for this process; the object nfcpy's `Chipset` takes as its transport."""

    TYPE = "TTY"
    manufacturer_name = None
    product_name = None

    def __init__(self, port: str, baudrate: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Open `port` (a path) at `baudrate`. Raises `ReaderNotFound`."""
        self.ack_seconds = ACK_SECONDS
        """How long a command's acknowledgement may take."""
        self._port = port
        self._monotonic = monotonic
        self._scanner = FrameScanner()
        self._awaiting_ack = False
        self._answer = b""
        self._previous_answer = b""
        self._tty: serial.Serial | None = None
        self.open(port, baudrate)

    def open(self, port: str, baudrate: int) -> None:
        """Open or re-open the tty. Raises `ReaderNotFound`."""
        self.close()
        try:
            self._tty = serial.Serial(port, baudrate, timeout=0, write_timeout=_WRITE_SECONDS, exclusive=True)
        except (OSError, termios.error) as error:
            number = error.errno if isinstance(error, OSError) else None
            cure = _CURES.get(number or 0, f"not a usable serial port ({error})")
            raise ReaderNotFound(port, "cannot open the reader's serial port", cure) from error
        self._port = port
        self._scanner.clear()

    @property
    def port(self) -> str:
        """Path of the tty."""
        return self._port

    @property
    def baudrate(self) -> int:
        """Bits per second on the host's side of the line."""
        return self._open_tty().baudrate

    @baudrate.setter
    def baudrate(self, value: int) -> None:
        tty = self._open_tty()
        try:
            tty.flush()  # the frame that confirms a change must leave at the old speed
            tty.baudrate = value
        except (OSError, termios.error) as error:
            raise self._line_failed(error) from error

    def wake_up(self) -> None:
        """Send 16 x 00: long enough for a sleeping chip, harmless to one awake. Raises `ReaderFault`."""
        try:
            self._open_tty().write(_WAKE_UP)
        except (OSError, termios.error) as error:
            raise self._line_failed(error) from error

    def write(self, frame: bytes) -> None:
        """Send one frame and forget what was received before. Raises `ReaderFault`."""
        tty = self._open_tty()
        try:
            tty.reset_input_buffer()
            self._scanner.clear()
            tty.write(frame)
        except (OSError, termios.error) as error:
            raise self._line_failed(error) from error
        self._awaiting_ack = frame not in (ACK, NACK)
        if self._awaiting_ack:
            self._previous_answer, self._answer = self._answer, b""

    def read(self, timeout: int) -> bytearray:
        """The chip's ACK if a command was just written (within `ack_seconds`), else its answer within `timeout` ms.

        Returns one sound frame, 00 00 FF … DCS 00. Raises `ReaderSilent`, `ReaderFault`.
        """
        if self._awaiting_ack:
            self._read_ack(self._monotonic() + self.ack_seconds)
            return bytearray(ACK)
        return self._read_answer(self._monotonic() + timeout / 1000)

    def drain(self, quiet_seconds: float, most_seconds: float) -> None:
        """Throw away what arrives until the line is quiet for `quiet_seconds`, at most `most_seconds` in all."""
        deadline = self._monotonic() + most_seconds
        while (now := self._monotonic()) < deadline and self._receive(min(now + quiet_seconds, deadline)):
            pass
        self._scanner.clear()

    def close(self) -> None:
        """Give the tty back; a second call does nothing."""
        if self._tty is not None:
            tty, self._tty = self._tty, None
            tty.close()

    def _read_ack(self, deadline: float) -> None:
        while True:
            while (frame := self._scanner.next_frame()) is not None:
                if frame == ACK:
                    self._awaiting_ack = False
                    return
            if not self._receive(deadline):
                raise ReaderSilent(
                    self._port, "the reader did not acknowledge a command", "check its wiring, power-cycle the reader"
                )

    def _read_answer(self, deadline: float) -> bytearray:
        nacks = 0
        while True:
            frame = self._scanner.next_frame()
            if frame is not None:
                if frame == ACK:
                    continue
                self._refuse_stale(frame, nacks)
                self._answer = bytes(frame)
                return frame
            waits_for_quiet = self._scanner.damaged or self._scanner.mid_frame
            until = min(deadline, self._monotonic() + QUIET_SECONDS) if waits_for_quiet else deadline
            if self._receive(until):
                continue
            if self._scanner.mid_frame:
                self._scanner.abandon()
                continue
            if not self._scanner.damaged:
                raise ReaderSilent(self._port, "the reader did not answer in time", "present the card again")
            if nacks == MAX_NACKS or self._monotonic() >= deadline:
                raise ReaderFault(
                    self._port, f"the reader's answer was damaged {nacks + 1} times", "check the wiring and its length"
                )
            nacks += 1
            self.write(NACK)

    def _refuse_stale(self, frame: bytearray, nacks: int) -> None:
        if nacks and frame == self._previous_answer:
            raise ReaderFault(
                self._port, "an answer sent again cannot be told from the one before it", "present the card again"
            )

    def _receive(self, until: float) -> bool:
        """Wait for bytes until the given time; False if none came."""
        tty = self._open_tty()
        try:
            ready, _, _ = select.select([tty.fileno()], [], [], max(0.0, until - self._monotonic()))
            if not ready:
                return False
            self._scanner.feed(tty.read(_CHUNK_SIZE))
        except (OSError, termios.error) as error:
            raise self._line_failed(error) from error
        return True

    def _line_failed(self, error: Exception) -> ReaderFault:
        return ReaderFault(
            self._port, f"the serial line failed ({error})", "check the cable, then restart the terminal"
        )

    def _open_tty(self) -> serial.Serial:
        assert self._tty is not None, "the transport is closed"
        return self._tty

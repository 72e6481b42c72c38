"""A pseudo-terminal that hosts take for the serial port of a PN532.

What differs from a real UART, and what is done about it:

- The slave end is kept open here, raw and without echo: otherwise the line hangs up between two hosts.
- A host's tcflush reaches over and discards bytes the chip has not read yet; on a wire they would be under way. nfcpy
  loses its ACK to SetSerialBaudRate this way, so a change of speed also takes effect when the host's end has it.
- Bytes carry no speed. tcgetattr on the master tells the host's; at another one than the chip's they would be noise, so
  they are dropped.
- A host that does not read fills the buffer; what does not fit is lost, as on a wire.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import termios
import tty
from pathlib import Path

from onecard.errors import OnecardError

_READ_SIZE = 4096
_OUTPUT_SPEED = 5
_BITS_PER_SECOND = {
    getattr(termios, f"B{speed}"): speed for speed in (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}


class LinkError(OnecardError):
    """The path of the virtual reader cannot be made."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"virtual reader at {path}: {what}")
        self.path = path


class PtyLink:
    """The chip's end of the line; `path` is a symbolic link to the host's end for as long as this is open."""

    def __init__(self, path: Path, speed: int) -> None:
        if path.exists() and not path.is_symlink():
            raise LinkError(path, "something that is not a link is there; give another path or move it away")
        self.path = path
        self._start_speed = speed
        self.master, self._slave = os.openpty()
        self._slave_name = os.ttyname(self._slave)
        os.set_blocking(self.master, False)
        self._make_raw()
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.unlink(missing_ok=True)
            beside.symlink_to(self._slave_name)
            beside.replace(path)
        except OSError as error:
            raise LinkError(path, f"{error.strerror}; give a path in a folder that can be written") from error

    def close(self) -> None:
        """Hang up, and remove the link if it is still ours."""
        with contextlib.suppress(OSError):
            if self.path.readlink() == Path(self._slave_name):
                self.path.unlink()
        os.close(self._slave)
        os.close(self.master)

    def read(self) -> bytes:
        """What the host has sent; empty if nothing."""
        try:
            return os.read(self.master, _READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""  # a host took the terminal away for a moment (vhangup)

    def write(self, data: bytes) -> None:
        """Send; what the host's full buffer does not take is lost."""
        with contextlib.suppress(BlockingIOError, InterruptedError):
            os.write(self.master, data)

    def host_speed(self) -> int:
        """Bits per second the host's end is set to; 0 for one no PN532 has."""
        return _BITS_PER_SECOND.get(termios.tcgetattr(self.master)[_OUTPUT_SPEED], 0)

    def host_present(self) -> bool:
        """Some other process has the port open. Found by letting go of our own end for an instant."""
        os.close(self._slave)
        poll = select.poll()
        poll.register(self.master, 0)
        hung_up = any(event & select.POLLHUP for _, event in poll.poll(0))
        self._slave = os.open(self._slave_name, os.O_RDWR | os.O_NOCTTY)
        return not hung_up

    def _make_raw(self) -> None:
        tty.setraw(self._slave, termios.TCSANOW)
        settings = termios.tcgetattr(self._slave)
        settings[4] = settings[5] = getattr(termios, f"B{self._start_speed}")
        termios.tcsetattr(self._slave, termios.TCSANOW, settings)

"""The lines of an open port: a serial device, a listening socket. Each is served in a thread of its own until `closed`
is set; whatever goes wrong on a line is named in the log and ends nothing but that line's present guest.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import serial

from onecard.courier_link.port_end import Goods, PortEnd
from onecard.errors import OnecardError

READ_SIZE = 4096
LOOK_SECONDS = 0.2
"""How soon a line notices that the port is closed."""
_WRITE_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_IDLE_SECONDS = 60.0
GUESTS_MAX = 4
"""Laptops on the network at once."""

Log = Callable[[str], None]


class LineLost(OnecardError):
    """The guest or the device went away."""


class Line(Protocol):
    """Bytes both ways."""

    def read(self) -> bytes:
        """What came within `LOOK_SECONDS`; empty for nothing. Raises `LineLost`."""
        ...

    def write(self, data: bytes) -> None:
        """Raises `LineLost`."""
        ...


class SerialLine:
    """A serial device."""

    def __init__(self, device: Path, baud: int) -> None:
        """Raises `LineLost`."""
        try:
            self._port = serial.Serial(
                str(device), baud, timeout=LOOK_SECONDS, write_timeout=_WRITE_SECONDS, exclusive=True
            )
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise LineLost(f"serial line {device} cannot be used: {error}") from error

    def read(self) -> bytes:
        """What is there, or what the first byte awaited brings."""
        try:
            return bytes(self._port.read(max(1, min(self._port.in_waiting, READ_SIZE))))
        except OSError as error:
            raise LineLost(f"serial line {self._port.name}: {error}") from error

    def write(self, data: bytes) -> None:
        """Returns when the driver has it."""
        try:
            self._port.write(data)
        except OSError as error:
            raise LineLost(f"serial line {self._port.name}: {error}") from error

    def close(self) -> None:
        """Lets the device go."""
        with contextlib.suppress(OSError):
            self._port.close()


class SocketLine:
    """A connected socket; a guest that says nothing for a minute is sent away."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(LOOK_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._silent = 0.0

    def read(self) -> bytes:
        """What came."""
        try:
            data = self._connection.recv(READ_SIZE)
        except TimeoutError:
            self._silent += LOOK_SECONDS
            if self._silent >= _IDLE_SECONDS:
                raise LineLost("it said nothing for a minute") from None
            return b""
        except OSError as error:
            raise LineLost(str(error)) from error
        if not data:
            raise LineLost("it hung up")
        self._silent = 0.0
        return data

    def write(self, data: bytes) -> None:
        """Returns when the network has it."""
        try:
            self._connection.settimeout(_WRITE_SECONDS)
            self._connection.sendall(data)
            self._connection.settimeout(LOOK_SECONDS)
        except OSError as error:
            raise LineLost(str(error)) from error

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def serve_line(line: Line, goods: Goods, closed: threading.Event) -> None:
    """Answer the guest of one line until the port is closed. Raises `LineLost`."""
    end = PortEnd(goods)
    while not closed.is_set():
        for answer in end.answers(line.read()):
            line.write(answer)
            if closed.is_set():
                return


def serve_serial(device: Path, baud: int, goods: Goods, closed: threading.Event, log: Log) -> None:
    """A serial device, whoever is at its other end; one that is gone is looked for again."""
    told = ""
    while not closed.is_set():
        try:
            with contextlib.closing(SerialLine(device, baud)) as line:
                told = ""
                serve_line(line, goods, closed)
        except LineLost as error:
            if str(error) != told:
                told = str(error)
                log(told)
            closed.wait(_RETRY_SECONDS)


class Listener:
    """A network address where laptops are served, `GUESTS_MAX` at once."""

    def __init__(self, address: str, port: int, goods: Goods, closed: threading.Event, log: Log) -> None:
        """Listens at once; port 0 takes a free one. Raises `LineLost`."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            self._socket = socket.create_server(
                (address, port), family=family, backlog=GUESTS_MAX, dualstack_ipv6=address == "::"
            )
        except OSError as error:
            raise LineLost(f"the courier's port cannot listen on {address} port {port}: {error}") from error
        self._socket.settimeout(LOOK_SECONDS)
        self._goods = goods
        self._closed = closed
        self._log = log
        self._guests = threading.BoundedSemaphore(GUESTS_MAX)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._socket.getsockname()[1]
        return port

    def serve(self) -> None:
        """Until the port is closed; then every guest is sent away."""
        guests: list[threading.Thread] = []
        with self._socket:
            while not self._closed.is_set():
                try:
                    connection, (address, *_) = self._socket.accept()
                except TimeoutError:
                    continue
                if not self._guests.acquire(blocking=False):
                    connection.close()
                    continue
                guest = threading.Thread(target=self._serve_guest, args=(connection, address), daemon=True)
                guests = [other for other in guests if other.is_alive()] + [guest]
                guest.start()
        for guest in guests:
            guest.join()

    def _serve_guest(self, connection: socket.socket, address: str) -> None:
        self._log(f"a courier is here: {address}")
        try:
            with contextlib.closing(SocketLine(connection)) as line:
                serve_line(line, self._goods, self._closed)
        except LineLost as error:
            self._log(f"the courier at {address} left: {error}")
        finally:
            self._guests.release()

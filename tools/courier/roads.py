"""The roads a laptop reaches a terminal by: a serial device, or an address that is named or found by mDNS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from sync_daemon.courier.beacon import SERVICE
from sync_daemon.courier.lines import Line, LineLost, SerialLine, SocketLine
from sync_daemon.courier.settings import TCP_PORT

CONNECT_SECONDS = 5.0
_ANSWER_MS = 1500


class JoinedLine(Line, Protocol):
    """A line to a terminal."""

    def close(self) -> None:
        """Let it go."""
        ...


@dataclass(frozen=True, slots=True)
class Road:
    """A way to one terminal, joined as often as needed. `join` raises `LineLost`."""

    name: str
    join: Callable[[], JoinedLine]


def serial_road(device: Path, baud: int) -> Road:
    """A serial device."""
    return Road(str(device), lambda: SerialLine(device, baud))


def network_road(host: str, port: int = TCP_PORT) -> Road:
    """A host by name or address."""
    return Road(f"{host} port {port}", lambda: _connected(host, port))


def parse_host(text: str) -> tuple[str, int]:
    """`NAME`, `NAME:PORT` or `[ADDRESS]:PORT`. Raises `ValueError`."""
    name, colon, port = text.rpartition(":")
    if not colon or (":" in name and not name.endswith("]")) or text.endswith("]"):
        name, port = text, str(TCP_PORT)
    name = name.removeprefix("[").removesuffix("]")
    if not name or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{text!r} is no NAME or NAME:PORT")
    return name, int(port)


@dataclass(frozen=True, slots=True)
class Found:
    """A terminal whose port is open, as mDNS tells. Nothing in it is believed: it is an address to try."""

    terminal: str
    site: str
    road: Road


def find_terminals(seconds: float) -> list[Found]:
    """Terminals that answer on this machine's networks within `seconds`, by number."""
    finder = Finder()
    try:
        threading.Event().wait(seconds)
        return finder.found()
    finally:
        finder.close()


class Finder(ServiceListener):
    """Listens for open ports until it is closed."""

    def __init__(self) -> None:
        self._found: dict[str, Found] = {}
        self._lock = threading.Lock()
        self._zeroconf = Zeroconf(ip_version=IPVersion.V4Only)
        self._browser = ServiceBrowser(self._zeroconf, SERVICE, self)

    def found(self) -> list[Found]:
        """What is open now."""
        with self._lock:
            return sorted(self._found.values(), key=lambda found: (found.terminal.zfill(5), found.road.name))

    def close(self) -> None:
        """Listen no more."""
        self._browser.cancel()
        self._zeroconf.close()

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        info = zc.get_service_info(type_, name, _ANSWER_MS)
        found = _found(info) if info is not None else None
        if found is not None:
            with self._lock:
                self._found[name] = found

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.add_service(zc, type_, name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        with self._lock:
            self._found.pop(name, None)


def _found(info: ServiceInfo) -> Found | None:
    addresses = info.parsed_addresses(IPVersion.V4Only)
    if not addresses or not info.port:
        return None
    told = info.decoded_properties
    return Found(_word(told.get("terminal")), _word(told.get("site")), network_road(addresses[0], info.port))


def _word(text: str | None) -> str:
    """What may be shown of a stranger's text."""
    return "".join(letter for letter in (text or "?")[:8] if letter.isalnum()) or "?"


def _connected(host: str, port: int) -> SocketLine:
    try:
        return SocketLine(socket.create_connection((host, port), CONNECT_SECONDS))
    except OSError as error:
        raise LineLost(
            f"{host} port {port} does not answer ({error}): tap an authorisation card at the terminal, check the cable"
        ) from error

"""[courier] in daemon.toml: which lines an open port is served on. Without the table no port is ever served.

[courier]
serial = "/dev/ttyAMA1"   # a serial line
baud = 921600
listen = "0.0.0.0"        # a network address; the port is announced by mDNS
port = 7411
stick = "/media/onecard"  # where a stick is mounted; used when there is a folder `onecard` on it
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from onecard.strict_toml import Section

TCP_PORT = 7411
BAUD = 921_600
_LONGEST_ADDRESS = 45


@dataclass(frozen=True, slots=True)
class CourierSettings:
    """None for a line that is not there."""

    serial: Path | None = None
    baud: int = BAUD
    listen: str | None = None
    port: int = TCP_PORT
    stick: Path | None = None


def read_settings(courier: Section) -> CourierSettings:
    """The table's. Raises `strict_toml.BadConfig`."""
    return CourierSettings(
        serial=courier.path("serial") if courier.has("serial") else None,
        baud=courier.integer("baud", 9600, 3_000_000, default=BAUD),
        listen=_address(courier) if courier.has("listen") else None,
        port=courier.integer("port", 1, 65_535, default=TCP_PORT),
        stick=courier.path("stick") if courier.has("stick") else None,
    )


def _address(courier: Section) -> str:
    text = courier.text("listen", longest=_LONGEST_ADDRESS)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise courier.refuse("listen", f"{text!r} is given; an address of this machine is allowed") from error

"""The open port on the network, told by mDNS and DNS-SD (RFC 6762, 6763) so that a laptop on the same cable finds it.

Addresses may come after the port was opened, with the cable: they are looked at again each second, and a change is
told anew.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable

import ifaddr
from zeroconf import Error as ZeroconfError
from zeroconf import IPVersion, ServiceInfo, Zeroconf

from onecard.courier_link.messages import VERSION

SERVICE = "_onecard._tcp.local."
_LOOK_SECONDS = 1.0

Log = Callable[[str], None]


def announce(name: tuple[int, str], listen: str, port: int, closed: threading.Event, log: Log) -> None:
    """Tells of the port of a terminal, by its number and its site's code, until it is closed."""
    told: tuple[str, ...] = ()
    open_now: Zeroconf | None = None
    while not closed.is_set():
        addresses = _own_addresses(listen)
        if addresses != told:
            _withdraw(open_now)
            told, open_now = addresses, _announced(name, addresses, port, log)
        closed.wait(_LOOK_SECONDS)
    _withdraw(open_now)


def _announced(name: tuple[int, str], addresses: tuple[str, ...], port: int, log: Log) -> Zeroconf | None:
    if not addresses:
        return None
    terminal, site = name
    info = ServiceInfo(
        SERVICE,
        f"terminal-{terminal}.{SERVICE}",
        port=port,
        properties={"terminal": str(terminal), "site": site, "link": str(VERSION)},
        server=f"onecard-{terminal}.local.",
        parsed_addresses=list(addresses),
    )
    try:
        zeroconf = Zeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        zeroconf.register_service(info, allow_name_change=True)
    except (OSError, ZeroconfError) as error:
        log(f"the port is not announced by mDNS: {error!r}; name its address to the laptop")
        return None
    return zeroconf


def _withdraw(zeroconf: Zeroconf | None) -> None:
    if zeroconf is not None:
        zeroconf.close()


def _own_addresses(listen: str) -> tuple[str, ...]:
    """IPv4 addresses of this machine at which `listen` answers; loopback only when it alone is listened on."""
    found = {str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4}
    if ipaddress.ip_address(listen).is_unspecified:
        return tuple(sorted(address for address in found if not ipaddress.ip_address(address).is_loopback))
    return tuple(sorted(found & {listen}))

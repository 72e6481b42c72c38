"""daemon.toml: what a technician sets.

[terminal]
data = "/var/lib/onecard"             # the terminal's data directory
[server]
url = "https://onecard.example.cn"    # of the management centre
ca = "/etc/onecard/ca.pem"            # the one certificate authority believed
[sync]
idle_seconds = 1         # 0 … 60    send when the journal was still this long; 0: at once
heartbeat_seconds = 30   # 1 … 3600  ask for news when there is nothing to send
retry_first_ms = 500     # 10 … 60000  wait after a first failure; doubled at each further one,
retry_cap_seconds = 300  # 1 … 3600    up to this
[courier]                # lines for a laptop or stick: see `sync_daemon.courier.settings`
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from onecard.durable_file import read_file
from onecard.strict_toml import BadConfig, Section, parse
from sync_daemon.courier.settings import CourierSettings, read_settings
from sync_daemon.pace import Pace
from sync_daemon.uplink import BadUrl, check_url


@dataclass(frozen=True, slots=True)
class Config:
    """A read daemon.toml."""

    data: Path
    url: str
    ca: Path
    pace: Pace
    courier: CourierSettings


def read_config(file: Path) -> Config:
    """The configuration in `file`. Raises `durable_file.NotReadable`, `strict_toml.BadConfig`."""
    raw = read_file(file, "give the path of a daemon.toml with --config")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadConfig(str(file), "", "", f"it is not UTF-8 text: {error}") from error
    root = parse(text, str(file))
    server = root.table("server")
    config = Config(
        data=root.table("terminal").path("data"),
        url=_url(server),
        ca=server.path("ca"),
        pace=_pace(root.table("sync")),
        courier=read_settings(root.table("courier")),
    )
    root.finish()
    return config


def _url(server: Section) -> str:
    url = server.text("url")
    try:
        return check_url(url)
    except BadUrl as error:
        raise server.refuse("url", str(error)) from error


def _pace(sync: Section) -> Pace:
    return Pace(
        idle_seconds=sync.integer("idle_seconds", 0, 60, default=1),
        heartbeat_seconds=sync.integer("heartbeat_seconds", 1, 3600, default=30),
        retry_first_seconds=sync.integer("retry_first_ms", 10, 60_000, default=500) / 1000,
        retry_cap_seconds=sync.integer("retry_cap_seconds", 1, 3600, default=300),
    )

"""`onecard desk`: the issuing desk's station."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import click

from firmware.boot import start
from firmware.desk.config import load_desk_config
from firmware.desk.link import SignedLink
from firmware.desk.service import make_desk, run
from hardware.board.serial_number import serial_number
from sync_daemon.service import Stopped, StopSignal
from sync_daemon.uplink import Uplink
from tools.service_manager import open_notifier, open_pulse


@click.group()
def command() -> None:
    """Issue and load cards at a desk."""


@command.command("run")
@click.option(
    "--config",
    "file",
    required=True,
    type=click.Path(path_type=Path),
    help="desk.toml: [terminal] data; [reader] device, baud; [server] url, ca; [clock]; [journal].",
)
def run_desk(file: Path) -> None:
    """Run the desk station until SIGTERM or Ctrl-C; what the clerk should do is printed, one line each.

    The station is enrolled like a terminal, with a token made by `onecard server token --desk`, and a sync daemon of
    its own carries its records. It fetches jobs that clerks order on the server's page. Cut or killed anywhere, it
    goes on with the same job when the card is back.
    """
    config = load_desk_config(file)
    stop = StopSignal()
    station = start(config.as_terminal(), board=serial_number())
    uplink = Uplink(config.url, config.ca)
    link = SignedLink(
        station.identity,
        (config.data / "sign.key").read_bytes(),
        lambda path, body: stop.interruptible(lambda: uplink.post(path, body)),
    )
    desk = make_desk(station, link, (config.data / "seal.key").read_bytes(), _say)
    never, notifier = threading.Event(), open_notifier()
    pulse = open_pulse(notifier)

    def wait(seconds: float) -> None:
        pulse.beat(time.monotonic())
        never.wait(seconds)

    notifier.ready()
    _say(f"desk {station.identity.number} at {station.identity.site_name} is ready")
    with contextlib.suppress(Stopped):  # the server's answer is asked for again at the next start
        run(station, desk, stopping=lambda: stop.asked, wait=wait, say=_say)
    notifier.stopping()
    _say("stopped")


def _say(line: str) -> None:
    click.echo(f"desk: {line}")

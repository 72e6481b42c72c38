"""`onecard daemon`: the terminal's store and forward."""

from __future__ import annotations

import dataclasses
import random
import sys
import time
from pathlib import Path

import click

from hardware.board.boot_id import boot_id
from sync_daemon.condition_file import ConditionFile
from sync_daemon.config import Config, read_config
from sync_daemon.courier.goods import PortGoods
from sync_daemon.courier.port import CourierPort
from sync_daemon.credentials import read_credentials
from sync_daemon.daemon import Daemon
from sync_daemon.own_journal import OwnJournal
from sync_daemon.service import Stopped, StopSignal, serve
from sync_daemon.uplink import Uplink
from tools.service_manager import open_notifier, open_pulse


@click.group()
def command() -> None:
    """Send a terminal's records to the management centre, and bring back its word."""


@command.command("run")
@click.option(
    "--config",
    "file",
    required=True,
    type=click.Path(path_type=Path),
    help="daemon.toml: [terminal] data, [server] url and ca, [sync] idle_seconds, heartbeat_seconds, retry_first_ms, "
    "retry_cap_seconds; [courier] serial, baud, listen, port, stick.",
)
@click.option(
    "--once", is_flag=True, help="Send all records there are now, once, and stop: exit code 0 when it worked."
)
def run(file: Path, once: bool) -> None:
    """Run the daemon until SIGTERM; what happens is told on standard error, one line an event.

    It never loses a record: what the centre has not acknowledged stays in the terminal's journal.
    """
    config = read_config(file)
    stop = StopSignal()
    try:
        if once:
            config = dataclasses.replace(config, pace=dataclasses.replace(config.pace, idle_seconds=0))
            sys.exit(0 if _daemon(config, stop).send_all() else 1)
        daemon, notifier = _daemon(config, stop), open_notifier()
        serve(daemon, _courier_port(config, daemon), stop, notifier, open_pulse(notifier))
    except Stopped:
        sys.exit(1)


def _daemon(config: Config, stop: StopSignal) -> Daemon:
    uplink = Uplink(config.url, config.ca)
    return Daemon(
        config.data,
        lambda path, body: stop.interruptible(lambda: uplink.post(path, body)),
        config.pace,
        wall=lambda: int(time.time()),
        monotonic=time.monotonic,
        random=random.SystemRandom().random,
        log=_log,
    )


def _courier_port(config: Config, daemon: Daemon) -> CourierPort:
    credentials = read_credentials(config.data)
    journal = OwnJournal(config.data / "journal", credentials.identity.number)
    condition = ConditionFile(config.data / "condition")
    goods = PortGoods(journal, credentials, lambda: daemon.standing, condition.read, lambda: int(time.time()))
    return CourierPort(config.data, config.courier, goods, boot=boot_id(), monotonic=time.monotonic, log=_log)


def _log(line: str) -> None:
    print(f"daemon: {line}", file=sys.stderr, flush=True)

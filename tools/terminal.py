"""`onecard terminal`: the terminal's own commands."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import threading
from pathlib import Path

import click

from firmware.boot import start
from firmware.config import load_config
from firmware.terminal import Terminal
from hardware.board.boot_id import boot_id
from hardware.board.serial_number import serial_number
from hardware.display.spool import SpoolDisplay
from hardware.keypad.line import LineKeypad
from onecard.notify import watchdog_seconds
from sync_daemon.enrolment import enrol
from sync_daemon.uplink import Uplink
from tools.service_manager import open_notifier


@click.group()
def command() -> None:
    """Run a terminal, or make it known to the management centre."""


@command.command("enrol")
@click.option("--server", "url", required=True, help="Address of the management centre, https://host:port.")
@click.option(
    "--ca",
    "authority",
    required=True,
    type=click.Path(path_type=Path),
    help="The centre's ca.pem: only a server it vouches for is believed.",
)
@click.option("--token", required=True, help="The one-time token shown when the terminal was made at the centre.")
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="The terminal's data directory; made when missing."
)
def enrol_terminal(url: str, authority: Path, token: str, data: Path) -> None:
    """Make this terminal known to the management centre.

    Its keys are made here and never leave it. When the command is cut short, run it again with the same token. A
    terminal that is enrolled already is left as it is.
    """
    uplink = Uplink(url, authority)
    software = importlib.metadata.version("onecard")
    identity = enrol(
        data, token, software, lambda body: uplink.post("/enrol/v1", body), os.urandom, board=serial_number()
    )
    click.echo(f"enrolled as terminal {identity.number} of site {identity.site_code} {identity.site_name}")


@command.command("run")
@click.option(
    "--config",
    "file",
    required=True,
    type=click.Path(path_type=Path),
    help="terminal.toml: [terminal] data, language; [reader] device, baud; [display]; [keypad] device; [sale];"
    " [limits]; [clock]; [journal].",
)
def run_terminal(file: Path) -> None:
    """Run the terminal until SIGTERM or Ctrl-C.

    A stop is orderly: the card at hand is finished, the shift stays open, the journal is flushed. After a crash or a
    power cut just start it again: a sale in doubt is asked for once more. SIGPWR, which a hold-up supply sends when the
    mains fail, has every record flushed at once, and after each turn from then on.
    """
    config = load_config(file)
    station = start(config, board=serial_number(), boot=boot_id())
    terminal = Terminal(
        station,
        LineKeypad(config.keypad_device),
        SpoolDisplay.in_directory(config.display_directory),
        open_notifier(),
        watchdog_seconds=watchdog_seconds(os.environ, os.getpid()),
        say=lambda line: click.echo(f"terminal: {line}", err=True),
    )
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    power_fails = threading.Event()
    signal.signal(signal.SIGPWR, lambda *_: power_fails.set())
    terminal.run(stopped.is_set, power_fails.is_set)

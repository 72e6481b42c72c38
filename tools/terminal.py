"""`onecard terminal`: the terminal's own commands."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

import click

from sync_daemon.enrolment import enrol
from sync_daemon.uplink import Uplink


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
    identity = enrol(data, token, software, lambda body: uplink.post("/enrol/v1", body), os.urandom)
    click.echo(f"enrolled as terminal {identity.number} of site {identity.site_code} {identity.site_name}")

"""`onecard deliver`: what this laptop carries, to the management centre."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from onecard.courier_store import CourierStore
from onecard.errors import OnecardError
from sync_daemon.uplink import Uplink
from tools.courier.accounts import delivered_table
from tools.courier.delivering import deliver, fetch_roster
from tools.courier.options import AUTHORITY, SERVER, STORE
from tools.progress_bar import progress_bar


@click.command()
@SERVER
@AUTHORITY
@STORE
def command(url: str, authority: Path, store: Path) -> None:
    """Deliver collected records to the centre, and fetch its answers for the terminals.

    A bundle is removed from this laptop only when the centre's answer to it is kept here. Collect at the terminals once
    more to hand the answers over: only then do they forget.
    """
    held, uplink = CourierStore(store), Uplink(url, authority)
    try:
        fetch_roster(held, uplink.post)
    except OnecardError as error:
        click.echo(f"the roster was not renewed: {error}", err=True)
    with progress_bar("delivering") as told:
        deliveries, away = deliver(held, uplink.post, told)
    uplink.close()
    Console().print(delivered_table(deliveries))
    waiting = [terminal for terminal in held.terminals() if held.replies(terminal)]
    if waiting:
        click.echo(f"answers wait here for terminals {', '.join(map(str, waiting))}: collect there again")
    if away:
        click.echo(f"onecard: {away}", err=True)
    if away or any(delivery.left for delivery in deliveries):
        sys.exit(1)

"""What the courier's commands have in common: the store, the roster in it, the server."""

from __future__ import annotations

from pathlib import Path

import click

from onecard.courier_store import CourierStore
from onecard.errors import OnecardError
from onecard.roster import Roster
from tools.courier.verification import kept_roster

STORE = click.option(
    "--store",
    "store",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / "onecard-courier",
    show_default="~/onecard-courier",
    envvar="ONECARD_COURIER_STORE",
    help="Where this laptop keeps what it carries. It may be lost: the terminals keep their records.",
)
SERVER = click.option(
    "--server", "url", required=True, envvar="ONECARD_COURIER_SERVER", help="The management centre, https://host:port."
)
AUTHORITY = click.option(
    "--ca",
    "authority",
    required=True,
    type=click.Path(path_type=Path),
    envvar="ONECARD_COURIER_CA",
    help="The centre's ca.pem: only a server it vouches for is believed.",
)


def roster_of(store: CourierStore) -> Roster | None:
    """The roster kept in the store; without one that reads, bundles are carried unproved, and that is said."""
    try:
        roster = kept_roster(store.roster)
    except OnecardError as error:
        click.echo(f"{error}", err=True)
        return None
    if roster is None:
        click.echo("no roster yet: signatures are not checked here until `onecard deliver` was run once", err=True)
    return roster

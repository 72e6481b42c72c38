"""`onecard courier`: the technician's screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from onecard.courier_store import CourierStore
from onecard.errors import OnecardError
from sync_daemon.courier.settings import BAUD
from sync_daemon.uplink import Uplink
from tools.courier.app import CourierApp, Work
from tools.courier.collecting import collect, greet
from tools.courier.delivering import Delivery, deliver, fetch_roster
from tools.courier.options import STORE
from tools.courier.roads import Road, find_terminals, network_road, parse_host, serial_road
from tools.courier.verification import kept_roster
from tools.courier.visit import Account

_FIND_SECONDS = 2.0
_WAIT_SECONDS = 60.0


class NoServer(OnecardError):
    """Nothing to deliver to was named."""

    def __init__(self) -> None:
        super().__init__("no centre is named: start with --server https://… and --ca ca.pem to deliver")


@click.command()
@click.option(
    "--serial", "devices", multiple=True, type=click.Path(path_type=Path), help="A serial device; may be repeated."
)
@click.option("--host", "hosts", multiple=True, metavar="NAME[:PORT]", help="A host; may be repeated.")
@click.option("--server", "url", envvar="ONECARD_COURIER_SERVER", help="The management centre, https://host:port.")
@click.option(
    "--ca", "authority", type=click.Path(path_type=Path), envvar="ONECARD_COURIER_CA", help="The centre's ca.pem."
)
@STORE
def command(
    devices: tuple[Path, ...], hosts: tuple[str, ...], url: str | None, authority: Path | None, store: Path
) -> None:
    """Collect and deliver on one screen.

    Terminals on this laptop's network whose port is open are found by themselves; serial devices and hosts are those
    given.
    """
    try:
        named = [serial_road(device, BAUD) for device in devices]
        named += [network_road(*parse_host(text)) for text in hosts]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--host") from error
    CourierApp(work_of(CourierStore(store), named, url, authority)).run()


def work_of(store: CourierStore, named: list[Road], url: str | None, authority: Path | None) -> Work:
    """What the screen can have done with that store and server."""

    def find() -> list[Road]:
        return [*named, *(found.road for found in find_terminals(_FIND_SECONDS))]

    def collected(road: Road, told: Callable[..., None], trouble: Callable[[str], None]) -> Account:
        roster = kept_roster(store.roster)
        return collect(road, store, roster, wait_seconds=_WAIT_SECONDS, told=told, trouble=trouble)

    def delivered(told: Callable[[int, int], None]) -> tuple[list[Delivery], str]:
        if url is None or authority is None:
            raise NoServer
        uplink = Uplink(url, authority)
        try:
            fetch_roster(store, uplink.post)
            return deliver(store, uplink.post, told)
        finally:
            uplink.close()

    def carried() -> tuple[int, int]:
        answers = sum(1 for terminal in store.terminals() if store.replies(terminal))
        return len(store.bundles()), answers

    return Work(find, greet, collected, delivered, carried)

"""`onecard collect`: what terminals have to send, onto this laptop; what the centre answered, to them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from onecard.courier_store import CourierStore
from onecard.errors import OnecardError
from sync_daemon.courier.settings import BAUD
from tools.courier.accounts import collected_table
from tools.courier.collecting import collect, collect_from_stick
from tools.courier.options import STORE, roster_of
from tools.courier.roads import Road, find_terminals, network_road, parse_host, serial_road
from tools.courier.visit import Account
from tools.courier.visit import Progress as Done

_FIND_SECONDS = 3.0


class NobodyFound(OnecardError):
    """mDNS found no open port."""

    def __init__(self) -> None:
        super().__init__(
            "no terminal with an open port was found on this network: tap an authorisation card at the terminal, check "
            "the cable, or name the terminal with --host, --serial or --stick"
        )


@click.command()
@click.option("--serial", "device", type=click.Path(path_type=Path), help="Collect over this serial device.")
@click.option("--baud", default=BAUD, show_default=True, type=click.IntRange(9600, 3_000_000), help="Its speed.")
@click.option("--host", "hosts", multiple=True, metavar="NAME[:PORT]", help="Collect from this host; may be repeated.")
@click.option(
    "--stick",
    "stick",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Take over what terminals wrote on the stick mounted here, and make it ready for the next.",
)
@click.option(
    "--wait",
    "wait_seconds",
    default=60,
    show_default=True,
    type=click.IntRange(0, 3600),
    help="How long to wait for a cable to be plugged in again, seconds.",
)
@STORE
def command(  # noqa: PLR0917 - click gives them by name
    device: Path | None, baud: int, hosts: tuple[str, ...], stick: Path | None, wait_seconds: int, store: Path
) -> None:
    """Collect the records of terminals whose line is down.

    Tap an authorisation card at the terminal first: its port is then open for ten minutes. Without a road given, the
    terminals on this laptop's network cable are found by themselves. A pulled cable costs nothing: plug it in again, or
    run the command again. Records stay at the terminal until the centre has them and the terminal was told so: run
    `onecard deliver`, and collect once more.
    """
    if sum((device is not None, bool(hosts), stick is not None)) > 1:
        raise click.UsageError("one of --serial, --host and --stick at a time")
    held = CourierStore(store)
    roster = roster_of(held)
    accounts: list[Account] = []
    failed = False
    if stick is not None:
        accounts = collect_from_stick(stick, held, roster)
    for road in [] if stick is not None else _roads(device, baud, hosts):
        with _bar(road.name) as (told, trouble):
            try:
                accounts.append(collect(road, held, roster, wait_seconds=wait_seconds, told=told, trouble=trouble))
            except OnecardError as error:
                failed = True
                click.echo(f"onecard: {road.name}: {error}", err=True)
    Console().print(collected_table(accounts))
    if failed or not all(account.finished for account in accounts):
        sys.exit(1)


def _roads(device: Path | None, baud: int, hosts: tuple[str, ...]) -> list[Road]:
    if device is not None:
        return [serial_road(device, baud)]
    if hosts:
        return [network_road(*_host(text)) for text in hosts]
    found = find_terminals(_FIND_SECONDS)
    if not found:
        raise NobodyFound
    for terminal in found:
        click.echo(f"found terminal {terminal.terminal} ({terminal.site}) at {terminal.road.name}", err=True)
    return [terminal.road for terminal in found]


def _host(text: str) -> tuple[str, int]:
    try:
        return parse_host(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--host") from error


@contextlib.contextmanager
def _bar(name: str) -> Iterator[tuple[Callable[[Done], None], Callable[[str], None]]]:
    """A progress bar on a terminal's standard error, nothing elsewhere; and where troubles are told, each once."""
    troubles: set[str] = set()
    console = Console(stderr=True)

    def trouble(text: str) -> None:
        if text not in troubles:
            troubles.add(text)
            console.print(text, markup=False)

    if not sys.stderr.isatty():
        yield lambda done: None, trouble
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[detail]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task(name, total=1.0, detail="")

        def told(done: Done) -> None:
            detail = f"{done.records_done}/{done.records_total} records, {done.chunks_done}/{done.chunks_total} KiB"
            progress.update(task, completed=done.ratio, detail=detail)

        yield told, trouble

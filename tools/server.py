"""`onecard server`: make a management centre, run it, let terminals in, check its ledger."""

from __future__ import annotations

import getpass
import json
import os
import socket
import ssl
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from onecard.money import parse_yuan, yuan
from server import installation
from server.backup import back_up, put_back, refuse_running
from server.supervisor import Child, Supervisor
from tools.server_job import job
from tools.service_manager import open_notifier, open_pulse

_DATA = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The server's directory: database, keys, certificates.",
)


@click.group()
def command() -> None:
    """The management centre of the chain."""


command.add_command(job)


@command.command()
@_DATA
@click.option("--host", "hosts", multiple=True, help="A further name or address terminals reach the server by.")
@click.option("--user", default="admin", show_default=True, help="Name of the first manager.")
@click.option("--password", help="The manager's password; a random one is made and printed otherwise.")
def init(data: Path, hosts: tuple[str, ...], user: str, password: str | None) -> None:
    """Make a server: its keys, certificates, database, the cinemas, the first tariff and a manager.

    Terminals trust the file DIR/tls/ca.pem: copy it to them.
    """
    names = dict.fromkeys(("localhost", "127.0.0.1", "::1", socket.gethostname(), *hosts))
    installation.make(data, names, datetime.now(UTC))
    password = installation.add_manager(user, password)
    click.echo(f"made a server in {data}")
    click.echo(f"terminals trust {data / 'tls' / 'ca.pem'}")
    click.echo(f"manager: {user}  password: {password}")


@command.command()
@_DATA
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8443, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 16), help="Web processes.")
def run(data: Path, host: str, port: int, workers: int) -> None:
    """Run the server: the web, the key process and the poster. Prints `ready https://…` when it is.

    Stop it with Ctrl-C or SIGTERM.
    """
    installation.enter(data)
    data = data.resolve()
    onecard = [sys.executable, "-m", "tools.cli"]
    web = [sys.executable, "-m", "granian", "--interface", "rsgi", "--host", host, "--port", str(port)]
    web += ["--workers", str(workers), "--no-ws", "--workers-kill-timeout", "5", "--log-level", "warning"]
    web += ["--ssl-certificate", str(data / "tls" / "server.pem"), "--ssl-keyfile", str(data / "tls" / "server.key")]
    children = [
        Child("keys", [*onecard, "keys", "serve", "--data", str(data / "keys"), "--socket", str(data / "keyd.sock")]),
        Child("poster", [sys.executable, "-m", "server.ledger.poster"]),
        Child("web", [*web, "server.wsgi:gate"]),
    ]
    environment = os.environ | installation.environment(data)
    supervisor = Supervisor(children, environment, lambda line: click.echo(line, err=True))
    reach = "localhost" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    notifier = open_notifier()

    def on_ready() -> None:
        notifier.ready()
        click.echo(f"ready https://{reach}:{port}")

    supervisor.run(
        ready=lambda: _answers(reach, port, data) and (data / "keyd.sock").exists(),
        on_ready=on_ready,
        pulse=open_pulse(notifier),
    )
    notifier.stopping()
    click.echo("stopped")


@command.command()
@_DATA
@click.option("--site", required=True, help="Code of the cinema, for example WDK.")
@click.option("--desk", is_flag=True, help="For a desk station, which issues and loads cards.")
def token(data: Path, site: str, desk: bool) -> None:
    """Print a one-time token that lets one new terminal in. It is good for 15 minutes."""
    installation.enter(data)
    from server.sites.enrol import new_token  # noqa: PLC0415 - models import only after Django is set up
    from server.sites.models import Terminal  # noqa: PLC0415

    click.echo(new_token(site, Terminal.Work.DESK if desk else Terminal.Work.TILL, datetime.now(UTC)))


@command.command()
@_DATA
@click.option("--card-cap", help="Yuan that one card may spend at a terminal that is out of step.")
@click.option("--unsent-cap", help="Yuan of sales not uploaded at which a terminal stops selling.")
@click.option("--unsent-days", type=int, help="Age of the oldest record not uploaded at which it stops selling.")
@click.option("--in-doubt-seconds", type=int, help="How long a sale may be in doubt.")
@click.option("--good-days", type=int, help="How long tables are good without news; then limits are lowered.")
def settings(data: Path, card_cap: str | None, unsent_cap: str | None, **numbers: int | None) -> None:
    """Show what terminals may risk; with options, change it for the whole chain.

    A change is a new version, which comes down with each terminal's next sync. A terminal's own file can only be
    stricter.
    """
    installation.enter(data)
    from server.limits.versions import change_settings, newest_settings  # noqa: PLC0415

    caps = {"card_cap": card_cap, "unsent_cap": unsent_cap}
    changes: dict[str, int] = {name: parse_yuan(text) for name, text in caps.items() if text is not None}
    changes |= {name: number for name, number in numbers.items() if number is not None}
    told = change_settings(changes, getpass.getuser(), datetime.now(UTC)) if changes else newest_settings()
    click.echo(f"version {told.version}")
    for name, value in asdict(told.settings()).items():
        click.echo(f"{name.replace('_', ' '):20} {yuan(value) if name.endswith('_cap') else value:>14}")


@command.command()
@_DATA
@click.argument("number", type=int)
def revoke(data: Path, number: int) -> None:
    """Believe terminal NUMBER no longer: it is stolen, or its keys are lost. There is no way back."""
    installation.enter(data)
    from server.sites.enrol import revoke_terminal  # noqa: PLC0415

    revoke_terminal(number)
    click.echo(f"terminal {number} is revoked")


@command.command()
@_DATA
@click.argument("number", type=int)
def lost(data: Path, number: int) -> None:
    """Say that terminal NUMBER is destroyed and its records will hardly come: what only cards tell of them is then paid
    to its cinema. Records that come after all take the place of what cards told. Of a stolen terminal: `revoke`.
    """
    installation.enter(data)
    from server.ledger.sightings import declare_lost  # noqa: PLC0415

    declare_lost(number, getpass.getuser(), datetime.now(UTC))
    click.echo(f"terminal {number} is declared lost")


@command.command()
@_DATA
@click.option(
    "--to", "place", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where to copy to."
)
def backup(data: Path, place: Path) -> None:
    """Copy the database to another place, while the server runs or not. Keys are not in it: they have their own safe.

    PLACE/copy-mark then says how far the copy reaches; a server run with ONECARD_SAFE=PLACE/copy-mark lets terminals
    forget only what is in the copy.
    """
    mark = back_up(data, place)
    click.echo(f"copied generation {mark.generation} up to bundle {mark.bundle} to {place}")


@command.command()
@_DATA
@click.option(
    "--from", "place", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False), help="The backup."
)
@click.option("--site", required=True, help="Code of the cinema where loads that only the keys know of are booked.")
def restore(data: Path, place: Path, site: str) -> None:
    """Put the copy in PLACE back, as the next generation. Terminals then offer again what it lacks.

    DIR holds the keys, the secrets and TLS of this server, and the server does not run.
    """
    refuse_running(data)
    generation = put_back(place, data)
    installation.enter(data)
    from server.recovery_run import recover_here  # noqa: PLC0415 - models import only after Django is set up

    found = recover_here(data, site, datetime.now(UTC))
    click.echo(f"put {place} back as generation {generation}")
    click.echo(f"known again: {found.terminals} terminals, {found.cards} cards, loads of {yuan(found.loaded_fen)} yuan")


@command.command()
@_DATA
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(data: Path, as_json: bool) -> None:
    """Recount the ledger from the first record, and print its totals.

    Exit code 1 when the books differ from the recount: the differences say where.
    """
    installation.enter(data)
    from server.ledger.verify import verify_ledger  # noqa: PLC0415

    recount = asdict(verify_ledger())
    if as_json:
        click.echo(json.dumps(recount, ensure_ascii=False))
    else:
        for name, value in recount.items():
            if name != "differences":
                click.echo(f"{name.replace('_', ' '):20} {value:>14}")
        for difference in recount["differences"]:
            click.echo(f"difference: {difference}", err=True)
    sys.exit(1 if recount["differences"] else 0)


def _answers(host: str, port: int, data: Path) -> bool:
    context = ssl.create_default_context(cafile=str(data / "tls" / "ca.pem"))
    try:
        with socket.create_connection((host, port), 1) as raw, context.wrap_socket(raw, server_hostname=host):
            return True
    except OSError:
        return False

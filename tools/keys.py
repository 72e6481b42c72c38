"""`onecard keys`: make the chain's keys, serve them to the server, show their public halves."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import time
from pathlib import Path

import click

from onecard.keys import Role
from server.keyd import store
from server.keyd.issued import IssuedLog
from server.keyd.process import KeyServer
from server.keyd.store import ISSUED_LOG
from server.keyd.work import KeyWork

_DATA = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The key store: a directory of its own, readable to the key process alone.",
)


@click.group()
def command() -> None:
    """The keys of the chain, and the process that alone uses them."""


@command.command()
@_DATA
def init(data: Path) -> None:
    """Make the issuer key, the card masters and the server's keys.

    Do this once for a chain, then put a copy of the directory in a safe: without it no card can be loaded again.
    """
    store.create(data, secrets.token_bytes)
    click.echo(f"made keys in {data}; keep a copy of the directory in a safe")


@command.command()
@_DATA
@click.option(
    "--socket",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the server finds the key process.",
)
def serve(data: Path, path: Path) -> None:
    """Serve the keys to the server on a unix socket until stopped. Prints `ready` when it does."""
    work = KeyWork(store.load(data), IssuedLog(data / ISSUED_LOG), lambda: int(time.time()))
    with KeyServer(path, work.answer, os.geteuid()) as server:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        click.echo("ready")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")
        finally:
            path.unlink(missing_ok=True)


@command.command()
@_DATA
@click.argument("role", type=click.Choice([role.name.lower() for role in store.RENEWABLE]))
def renew(data: Path, role: str) -> None:
    """Add the next version of ROLE, a master of card keys; earlier versions stay. Restart the key process after it.

    Terminals get it with their next sync, and cannot use a card that bears keys they do not know: the terminals page
    shows who holds it. Cards get it one by one at a desk, by a job "renew keys". A debit_mac is only checked with until
    `onecard keys activate`. The chain's own key has one version for ever.
    """
    version = store.renew(data, Role[role.upper()], secrets.token_bytes)
    click.echo(f"{role} {version} made in {data}; put a copy in the safe, then restart the key process")


@command.command()
@_DATA
def activate(data: Path) -> None:
    """Let terminals write records under the coming debit_mac. Restart the key process after it.

    Only when every terminal holds it (the terminals page, keys): one that does not would take a record under it for
    torn, and the debit before it for the newest.
    """
    version = store.activate(data)
    click.echo(f"debit_mac {version} is in use in {data}; put a copy in the safe, then restart the key process")


@command.command()
@_DATA
def show(data: Path) -> None:
    """List the keys: public halves of signing and sealing keys, versions of the others. Secrets are never shown."""
    held = store.load(data)
    public = held.public()
    for role in Role:
        for version in sorted(held.ring.versions(role)):
            shown = public.held.get((role, version))
            if shown is None:
                click.echo(f"{role.name.lower()} {version}: secret")
            else:
                fingerprint = hashlib.sha256(shown).hexdigest()[:16]
                click.echo(f"{role.name.lower()} {version}: {shown.hex()} (fingerprint {fingerprint})")

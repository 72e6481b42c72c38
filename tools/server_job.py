"""`onecard server job`: order desk jobs without the page, for scripts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from onecard.identity import parse_card_number
from onecard.kinds import CardKind
from onecard.money import parse_yuan
from server import installation

_DATA = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The server's directory.",
)
_SITE = click.option("--site", "code", required=True, help="Code of the cinema whose desk shall do it, e.g. WDK.")
_KINDS = {kind.name.lower().replace("_", "-"): kind for kind in CardKind}


@click.group()
def job() -> None:
    """Order work at the issuing desks; each command prints the job's number."""


@job.command()
@_DATA
@_SITE
@click.option(
    "--kind", type=click.Choice(list(_KINDS)), default="stored-value", show_default=True, help="What the card is for."
)
@click.option("--tier", type=click.IntRange(1, 5), default=1, show_default=True, help="The member's tier.")
@click.option("--amount", default="0", show_default=True, help="First load in yuan.")
def issue(data: Path, code: str, kind: str, tier: int, amount: str) -> None:
    """Order a new card."""
    installation.enter(data)
    from server.desk import orders  # noqa: PLC0415 - models import only after Django is set up

    ordered = orders.order_issue(
        orders.site(code),
        _KINDS[kind],
        tier=tier,
        amount=parse_yuan(amount),
        operator=None,
        now=datetime.now(UTC),
    )
    click.echo(ordered.pk)


@job.command()
@_DATA
@_SITE
@click.option("--card", help="The card's 12 digits; without it whichever card is placed.")
@click.option("--amount", required=True, help="Amount in yuan.")
def load(data: Path, code: str, card: str | None, amount: str) -> None:
    """Order a load."""
    installation.enter(data)
    from server.desk import orders  # noqa: PLC0415

    ordered = orders.order_load(
        orders.site(code),
        None if card is None else parse_card_number(card),
        amount=parse_yuan(amount),
        operator=None,
        now=datetime.now(UTC),
    )
    click.echo(ordered.pk)


@job.command("renew-keys")
@_DATA
@_SITE
@click.option("--card", help="The card's 12 digits; without it whichever card is placed.")
def renew_keys(data: Path, code: str, card: str | None) -> None:
    """Order the newest keys for a card (see `onecard keys renew`)."""
    installation.enter(data)
    from server.desk import orders  # noqa: PLC0415

    ordered = orders.order_renewal(
        orders.site(code), None if card is None else parse_card_number(card), operator=None, now=datetime.now(UTC)
    )
    click.echo(ordered.pk)


@job.command()
@_DATA
@click.argument("number", type=int)
def show(data: Path, number: int) -> None:
    """Print how far job NUMBER is: its state, then card number and remark when there are any."""
    installation.enter(data)
    from server.desk.models import Job  # noqa: PLC0415

    found = Job.objects.filter(pk=number).first()
    if found is None:
        raise click.ClickException(f"there is no job {number}")
    click.echo(" ".join(part for part in (found.state, found.number_text, found.words) if part))

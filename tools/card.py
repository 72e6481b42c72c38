"""`onecard card`: virtual cards as files; `verify` and `recover`, which need a reader, are in tools/card_reader.py."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from types import MappingProxyType

import click

from hardware.virtual import card_file
from hardware.virtual.card_picture import as_json, as_text
from hardware.virtual.classic_card import FACTORY_KEY, blank_image
from onecard.errors import OnecardError
from tools.lazy_group import Lazy, LazyGroup

_SECTORS = 16


class CardCommandError(OnecardError):
    """A card command cannot be done as asked."""


class _Commands(LazyGroup):
    path = "onecard card"
    lazy = MappingProxyType(
        {name: Lazy("tools.card_reader", name, extras="terminal") for name in ("recover", "verify")}
    )


@click.group(name="card", cls=_Commands)
def command() -> None:
    """Cards on a reader, and virtual cards: files a virtual reader takes for cards."""


@command.command()
@click.option(
    "--type",
    "family",
    type=click.Choice(["classic", "desfire"]),
    required=True,
    help="classic: MIFARE Classic 1K. desfire: not yet.",
)
@click.option("--uid", "uid_hex", required=True, metavar="HEX", help="4 or 7 bytes, as 04782e21801d80.")
@click.option(
    "--keys",
    type=click.Choice(["default", "random"]),
    default="default",
    show_default=True,
    help="default: FFFFFFFFFFFF everywhere, as from the factory. random: other keys in each sector.",
)
@click.argument("file", type=click.Path(path_type=Path))
def blank(family: str, uid_hex: str, keys: str, file: Path) -> None:
    """Make FILE a card as it comes from the factory."""
    if family == "desfire":
        raise CardCommandError("virtual DESFire cards do not exist yet; use `--type classic`")
    try:
        uid = bytes.fromhex(uid_hex)
    except ValueError:
        raise CardCommandError(f"UID {uid_hex!r} is not hexadecimal; write 8 or 14 digits, as d610b626") from None
    if problem := card_file.check_uid(uid):
        raise CardCommandError(f"UID {uid_hex}: {problem}; write 8 or 14 hexadecimal digits, as d610b626")
    if file.exists():
        raise CardCommandError(f"{file} exists; remove it or give another name, a card is never overwritten")
    key = secrets.token_bytes if keys == "random" else lambda size: FACTORY_KEY[:size]
    try:
        card_file.save(file, blank_image(uid, [(key(6), key(6)) for _ in range(_SECTORS)]))
    except OSError as error:
        raise CardCommandError(f"{file} cannot be written: {error.strerror}; give a folder that exists") from error


@command.command()
@click.option("--json", "as_object", is_flag=True, help="One JSON object instead of a page.")
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path, as_object: bool) -> None:
    """What is on the card in FILE: keys are hidden, weak bits are told. Reads the file, disturbs no reader."""
    image = card_file.load(file)
    click.echo(json.dumps(as_json(image)) if as_object else as_text(image))

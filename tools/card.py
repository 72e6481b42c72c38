"""`onecard card`: virtual cards as files."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click

from hardware.virtual import card_file
from hardware.virtual.card_picture import as_json, as_text
from hardware.virtual.classic_card import FACTORY_KEY, blank_image
from hardware.virtual.desfire.contents import Generation
from hardware.virtual.desfire.contents import blank_image as desfire_blank
from hardware.virtual.desfire.file_format import UID_SIZE
from onecard.errors import OnecardError

_SECTORS = 16


class CardCommandError(OnecardError):
    """A card command cannot be done as asked."""


@click.group(name="card")
def command() -> None:
    """Virtual cards: files a virtual reader takes for cards."""


@command.command()
@click.option(
    "--type",
    "family",
    type=click.Choice(["classic", "desfire"]),
    required=True,
    help="classic: MIFARE Classic 1K. desfire: MIFARE DESFire 4K.",
)
@click.option("--uid", "uid_hex", required=True, metavar="HEX", help="4 or 7 bytes (DESFire: 7), as 04782e21801d80.")
@click.option(
    "--generation",
    type=click.Choice([generation.value for generation in Generation]),
    default=Generation.EV1.value,
    show_default=True,
    help="Of a DESFire; a Classic has none.",
)
@click.option(
    "--keys",
    type=click.Choice(["default", "random"]),
    default="default",
    show_default=True,
    help="default: as from the factory, a Classic FF everywhere, a DESFire zeros. random: keys nobody knows.",
)
@click.argument("file", type=click.Path(path_type=Path))
def blank(family: str, uid_hex: str, generation: str, keys: str, file: Path) -> None:
    """Make FILE a card as it comes from the factory."""
    try:
        uid = bytes.fromhex(uid_hex)
    except ValueError:
        raise CardCommandError(f"UID {uid_hex!r} is not hexadecimal; write 8 or 14 digits, as d610b626") from None
    if problem := card_file.check_uid(uid):
        raise CardCommandError(f"UID {uid_hex}: {problem}; write 8 or 14 hexadecimal digits, as d610b626")
    if family == "desfire" and len(uid) != UID_SIZE:
        raise CardCommandError(f"UID {uid_hex}: a DESFire has a UID of {UID_SIZE} bytes; write 14 hexadecimal digits")
    if file.exists():
        raise CardCommandError(f"{file} exists; remove it or give another name, a card is never overwritten")
    image = _blank(Generation(generation) if family == "desfire" else None, uid, is_random=keys == "random")
    try:
        card_file.save(file, image)
    except OSError as error:
        raise CardCommandError(f"{file} cannot be written: {error.strerror}; give a folder that exists") from error


def _blank(generation: Generation | None, uid: bytes, *, is_random: bool) -> card_file.Image:
    """A DESFire if it has a generation, otherwise a Classic."""
    if generation is not None:
        return desfire_blank(uid, generation, secrets.token_bytes(16) if is_random else bytes(16))
    key = secrets.token_bytes if is_random else lambda size: FACTORY_KEY[:size]
    return blank_image(uid, [(key(6), key(6)) for _ in range(_SECTORS)])


@command.command()
@click.option("--json", "as_object", is_flag=True, help="One JSON object instead of a page.")
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path, as_object: bool) -> None:
    """What is on the card in FILE: keys are hidden, weak bits are told. Reads the file, disturbs no reader."""
    image = card_file.load(file)
    click.echo(json.dumps(as_json(image)) if as_object else as_text(image))

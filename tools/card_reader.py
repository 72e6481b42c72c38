"""`onecard card verify` and `recover`: a card on a real reader, or on a virtual one."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

import click

from firmware.boot import own_identity, start
from firmware.card_verification import CardFound, verify_card
from firmware.desk.config import load_desk_config
from firmware.desk.link import SignedLink
from firmware.desk.service import finish, make_desk
from hardware.board.serial_number import serial_number
from hardware.pn532.opening import SESSION_BAUDS, open_reader
from hardware.reader import only_card
from hardware.sam.software import SoftwareSam
from onecard.errors import OnecardError
from onecard.identity import card_number_text
from onecard.money import yuan
from sync_daemon.service import Stopped, StopSignal
from sync_daemon.uplink import Uplink
from tools.progress_bar import progress_bar


class NotRecovered(OnecardError):
    """The card's job did not come to a good end."""


@click.command()
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Data directory of an enrolled terminal or desk."
)
@click.option("--device", required=True, help="The reader's tty, as /dev/ttyUSB0.")
@click.option("--baud", type=click.Choice([str(baud) for baud in SESSION_BAUDS]), default="115200", show_default=True)
def verify(data: Path, device: str, baud: str) -> None:
    """Look whether the card on the reader is whole: its keys, its rings, its load certificates. Writes nothing.

    Prints what was found, then a line for each fault, and fails when there is one. Stop the terminal that has the
    reader first; its journal is not touched.
    """
    identity, _ = own_identity(data, serial_number())
    with open_reader(device, int(baud)) as reader, progress_bar("looking at the card") as told:
        found = verify_card(
            reader, SoftwareSam(identity.keys), identity.public(), os.urandom, lambda part: told(part + 1, 16)
        )
    for line in _lines(found):
        click.echo(line)
    for fault in found.faults:
        click.echo(f"fault: {fault}", err=True)
    if found.faults:
        sys.exit(1)


def _lines(found: CardFound) -> list[str]:
    inspection = found.inspection
    lines = [f"card {inspection.uid.hex()}, {found.family.name.lower()}, {len(inspection.purses)} purses"]
    if inspection.earlier:
        parts = ", ".join(map(str, inspection.earlier))
        lines.append(f"keys of an earlier version in {parts}: renew them by a job at a desk")
    lines += [
        f"purse {purse.purse} of card {card_number_text(purse.card_number)}: {yuan(purse.balance)} yuan"
        f" ({yuan(purse.loaded)} loaded, certificate {purse.load_sequence}; {yuan(purse.debited)} debited,"
        f" counter {purse.counter})"
        for purse in found.purses
    ]
    return lines if found.faults else [*lines, "sound"]


@click.command()
@click.option(
    "--config", "file", required=True, type=click.Path(path_type=Path), help="desk.toml, as for `onecard desk run`."
)
def recover(file: Path) -> None:
    """Finish the job in whose middle the card on the reader was taken away, here or at another desk.

    The server says which job that is; it becomes this desk's. Stop `onecard desk run` first: it has the reader and the
    journal. When the card moves, put it back; Ctrl-C stops, and the command goes on from there when it is run again.
    """
    config = load_desk_config(file)
    stop, never = StopSignal(), threading.Event()
    station = start(config.as_terminal(), board=serial_number())
    try:
        uplink = Uplink(config.url, config.ca)
        link = SignedLink(
            station.identity,
            (config.data / "sign.key").read_bytes(),
            lambda path, body: stop.interruptible(lambda: uplink.post(path, body)),
        )
        desk = make_desk(station, link, (config.data / "seal.key").read_bytes(), click.echo)
        with contextlib.suppress(Stopped):
            desk.recover(only_card(station.reader).uid)
            finish(desk, stopping=lambda: stop.asked, wait=never.wait)
        if not desk.succeeded:
            raise NotRecovered("the card is not finished; what is printed above says why")
    finally:
        station.close()

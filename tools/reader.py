"""`onecard reader`: the virtual PN532."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from hardware.virtual.chip import START_SPEED
from hardware.virtual.field import Field
from hardware.virtual.pty_link import PtyLink
from hardware.virtual.schedule import Schedule
from hardware.virtual.service import ReaderService

_SEED_RANGE = click.IntRange(-(2**63), 2**63 - 1)


@click.group(name="reader")
def command() -> None:
    """Card readers made of software."""


@command.command()
@click.option("--link", required=True, type=click.Path(path_type=Path), help="Where hosts find the reader, as a tty.")
@click.option(
    "--card", "cards", multiple=True, type=click.Path(path_type=Path), help="A card file to lay in the field."
)
@click.option(
    "--pace",
    type=click.Choice(["model", "none"]),
    default="none",
    show_default=True,
    help="Answer when real parts would have, or at once. Modelled time is counted either way.",
)
@click.option("--seed", type=_SEED_RANGE, default=0, show_default=True, help="Decides what weak bits read.")
def serve(link: Path, cards: tuple[Path, ...], pace: str, seed: int) -> None:
    """A virtual PN532 at LINK, with card files for cards.

    Prints `ready` when hosts can open it. Then reads orders, one a line, and answers each with one JSON line:

    \b
    place FILE                       lay a card in the field
    remove [FILE]                    take it away; without FILE all
    tear MODE AFTER_WRITES           cut the write after so many whole ones;
                                     MODE: before erased half weak after
    tear MODE command N [byte B]     cut at the N-th host command from now,
                                     with the first B bytes written
    stall before|after AFTER_WRITES  fall silent around a write
    resume                           end the stall
    stats                            commands, bytes, modelled milliseconds
                                     and writes since the last stats

    A torn card has left the field; `place` lays it there again. The reader goes on when its input ends; SIGTERM or
    Ctrl-C stops it and removes LINK. There is no such thing as a busy card file: lay a card in one reader at a time.
    """
    stop_reads, stop_writes = os.pipe()
    os.set_blocking(stop_writes, False)
    signal.set_wakeup_fd(stop_writes)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the wake-up descriptor tells the loop
    schedule = Schedule()
    field = Field(schedule, seed)
    for card in cards:
        field.place(card)
    port = PtyLink(link, START_SPEED)
    try:
        service = ReaderService(
            port, field, schedule, orders=sys.stdin.fileno(), answers=sys.stdout, paced=pace == "model"
        )
        print("ready", flush=True)
        service.run(stop_reads)
    finally:
        port.close()

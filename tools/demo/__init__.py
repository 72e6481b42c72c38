"""`onecard demo`: a small chain on virtual hardware, to look at or to be proved by three witnesses."""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from tools.demo.centre import PASSWORD, USER
from tools.demo.chaos import live_through
from tools.demo.day import draw_day
from tools.demo.proof import Proof, prove
from tools.demo.scene import PATRONS, Scene, Told, scene
from tools.demo.storm import draw_storm

_VISITS_A_DAY, _PAY_IN, _PAID_IN = 40, 3, "100.00"


@click.command()
@click.option("--unattended", is_flag=True, help="Live through one day with every mishap, prove the sums, and end.")
@click.option("--chaos", is_flag=True, help="The same while every process is killed at random and lines are cut.")
@click.option("--taps", default=200, show_default=True, type=click.IntRange(1, 100_000), help="Sales of that day.")
@click.option("--seed", default=1, show_default=True, type=int, help="What happens when; the same seed, the same day.")
@click.option("--patrons", default=PATRONS, show_default=True, type=click.IntRange(2, 100), help="Cards in use.")
@click.option("--json", "as_json", is_flag=True, help="With --unattended: print the proof as one JSON object.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Of the server; 0 takes a free one.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything here (it must be empty or new) instead of in a temporary folder.",
)
def command(
    *,
    unattended: bool,
    chaos: bool,
    taps: int,
    seed: int,
    patrons: int,
    as_json: bool,
    port: int,
    folder: Path | None,
) -> None:
    """Run a server with its key process, an issuing desk, three terminals with virtual readers and their daemons, and
    patrons with cards, each a real process.

    Without --unattended it stays until Ctrl-C and prints the server's address. With it, one day is lived through with
    torn taps, killed terminals, patrons who walk away and a line that is cut; then card files, journals and ledger are
    asked, each for itself, and the exit code is 0 only when they agree and nothing is in doubt. With --chaos the
    server's processes, one or all, daemons, terminals and the desk are killed at random besides, while people pay in.
    """
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # every child is stopped in order, as at Ctrl-C
    with _folder(folder) as place, console.status("…") as status:
        told = _teller(console, status.update)
        if unattended or chaos:
            wished = Wish(seed, taps, patrons, chaos)
            proof = _unattended(place, port, wished, told)
        else:
            _attended(place, port or 8443, seed, told, console)
            return
    if as_json:
        click.echo(json.dumps({"seed": seed} | proof.as_json(), ensure_ascii=False))
    else:
        proof.show(Console())
    sys.exit(0 if proof.holds else 1)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which day is to be lived through, and whether everything is killed in it."""

    seed: int
    taps: int
    patrons: int
    chaos: bool


def _unattended(folder: Path, port: int, wish: Wish, told: Told) -> Proof:
    with scene(folder, port=port, seed=wish.seed, in_doubt_seconds=2, pace="none", told=told) as running:
        running.issue_cards(wish.seed, told, wish.patrons)
        running.open_tills()
        numbers = wish.seed, wish.taps, len(running.tills), wish.patrons
        if wish.chaos:
            live_through(running, draw_storm(*numbers), told)
        else:
            running.live_through(draw_day(*numbers), told)
        return prove(running, wish.taps, told)


def _attended(folder: Path, port: int, seed: int, told: Told, console: Console) -> None:
    with scene(folder, port=port, seed=seed, in_doubt_seconds=8, pace="model", told=told) as running:
        running.issue_cards(seed, told)
        running.open_tills()
        console.print(
            f"\n[bold]The server: {running.centre.url}/[/]  user [bold]{USER}[/]  password [bold]{PASSWORD}[/]"
        )
        console.print(f"Its certificate is signed by {running.centre.ca}; a browser asks whether to go on.")
        console.print(f"Screens, journals, logs and cards are files in {folder}. Ctrl-C ends it.\n")
        try:
            _patrons_for_ever(running, seed, told)
        except KeyboardInterrupt:
            told("closing")


def _patrons_for_ever(running: Scene, seed: int, told: Told) -> None:
    """Unhurried days, one after the other, the tills side by side; after each somebody pays in at the desk."""
    draw = random.Random(seed)  # noqa: S311 - a demo, not a secret
    for number in range(sys.maxsize):
        day = draw_day(seed + number, _VISITS_A_DAY, len(running.tills), PATRONS)
        running.live_through(day, told, lambda: time.sleep(draw.uniform(1.0, 4.0)))
        for card in draw.sample(range(PATRONS - 1), _PAY_IN):
            running.load(card, _PAID_IN)


def _teller(console: Console, update: Told) -> Told:
    """Progress: a living line on a terminal, nothing elsewhere."""
    return update if console.is_terminal else lambda _: None


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is None:
        with tempfile.TemporaryDirectory(prefix="onecard-demo-") as made:
            yield Path(made)
        return
    given.mkdir(parents=True, exist_ok=True)
    if any(given.iterdir()):
        raise click.BadParameter(f"{given} is not empty", param_hint="--folder")
    yield given.resolve()

"""From "report lost" at the desk's page to the refusal at an online terminal: real processes, the daemon's own pace.

Nobody sells at that terminal meanwhile, the slowest case: a sale's bundle would bring the news back at once. The moment
of the report lies anywhere between two heartbeats, drawn from a seed. The card is shown for its balance again and again
until it is refused, then unreported and shown until it is accepted, before the next round.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from hardware.cards.classic_layout import SECTORS
from hardware.virtual import classic_card
from hardware.virtual.card_file import ClassicImage
from onecard.kinds import CardKind
from tools.demo import patron
from tools.demo.centre import Centre, Desk
from tools.demo.till import FIXED, DemoTill

HEARTBEAT_SECONDS = 30.0
"""The daemon's default (`sync_daemon.config`)."""
_ROUNDS = 5
_SEED = 7
_SITE = "XDA"


def measure() -> dict[str, float]:
    """`report_lost_to_refusal_s`: the median of five reports, `…_slowest_s`, and that beside the limit, a heartbeat."""
    with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place, ExitStack() as stack:
        seconds = _rounds(Path(place), stack)
    return {
        "report_lost_to_refusal_s": statistics.median(seconds),
        "report_lost_to_refusal_slowest_s": max(seconds),
        "report_lost_to_refusal_vs_heartbeat": max(seconds) / HEARTBEAT_SECONDS,
    }


def _rounds(folder: Path, stack: ExitStack) -> list[float]:
    draw = random.Random(_SEED)  # noqa: S311 - a moment, not a secret
    centre = Centre(folder, 0)
    stack.callback(centre.stop)
    centre.start()
    desk = Desk(centre, _SITE, _SEED)
    stack.callback(desk.stop)
    desk.start()
    cashier = desk.issue(_blank("0a1b2c3d"), CardKind.CASHIER, 1)
    card = desk.issue(_blank("0a1b2c3e"), CardKind.STORED_VALUE, 1)
    job = desk.load(card, "100.00")
    clerk = centre.clerk()
    number = clerk.card_number(job)
    till = _till(centre, folder / "till")
    stack.callback(till.stop)
    till.start()
    patron.sign_on(till, cashier)
    seconds = []
    for _ in range(_ROUNDS):
        _until(till, card, refused=False)
        time.sleep(draw.uniform(0, HEARTBEAT_SECONDS))
        clerk.report_lost(number)
        begun = time.monotonic()
        _until(till, card, refused=True)
        seconds.append(time.monotonic() - begun)
        clerk.unreport(number)
    return seconds


def _till(centre: Centre, folder: Path) -> DemoTill:
    folder.mkdir()
    centre.enrol(_SITE, folder / "data")
    return DemoTill(
        "bench",
        folder,
        url=centre.url,
        ca=centre.ca,
        sale=FIXED.format(amount="1.00"),
        in_doubt_seconds=120,
        pace="none",
        seed=_SEED,
        sync="",
    )


def _until(till: DemoTill, card: Path, *, refused: bool) -> None:
    while True:
        till.await_state("armed")
        till.press("B")
        till.await_state("inquiry")
        till.place(card)
        till.await_state("inquiry shown")
        said_no = till.screen.line("tone") == "bad"
        till.clear()
        if said_no == refused:
            return
        time.sleep(0.1)


def _blank(uid: str) -> ClassicImage:
    keys = [(classic_card.FACTORY_KEY, classic_card.FACTORY_KEY)] * SECTORS
    return classic_card.blank_image(bytes.fromhex(uid), keys)

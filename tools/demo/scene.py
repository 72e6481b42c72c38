"""The whole small chain on one machine: centre and desk, three tills, patrons with cards, a line that can be cut.

Every part is a real process; this module only starts them and moves cards, keys, money and cables, as people would.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hardware.cards.classic_layout import SECTORS
from hardware.virtual import classic_card
from hardware.virtual.card_file import ClassicImage
from hardware.virtual.desfire.contents import Generation, blank_image
from onecard.kinds import CardKind
from onecard.money import parse_yuan
from tools.demo import patron
from tools.demo.centre import SITES, Centre, Desk
from tools.demo.day import Clumsy, Cut, Day, Kill, Tear, Visit
from tools.demo.line import Line
from tools.demo.till import FIXED, SHOW, DemoTill

PATRONS = 12
AT_ANY_MOMENT = "at_any_moment"
"""Terminals killed without regard to where the tap was: that tap may have left nothing."""
_DESFIRE = {1: Generation.EV1, 4: Generation.EV2}
"""Which patrons have a DESFire; the others have a Classic."""
_LONG_UID = b"\x04%b\x10\x80"
_TIERS = 5
_LOADS = ("500.00", "400.00", "600.00")
_POOR = "20.00"
_SALES = (FIXED.format(amount="15.00"), SHOW, FIXED.format(amount="8.50"))

Told = Callable[[str], None]


class Scene:
    """Everything running, and what happened: `tears` and `kills` befell taps, `blows` the rest, by kind; `done` visits,
    `seen_paid` those whose screen said paid; `loads` of the day, and all cash that was ever put on the desk."""

    def __init__(self, centre: Centre, desk: Desk, tills: list[DemoTill], line: Line) -> None:
        self.centre = centre
        self.desk = desk
        self.tills = tills
        self.line = line
        self.cards: list[Path] = []
        self.cashiers: list[Path] = []
        self.tears: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.blows: Counter[str] = Counter()
        self.loads = 0
        self.handed_in_fen = 0
        self.done = 0
        self.seen_paid = 0
        self._locks: dict[Path, threading.Lock] = {}
        self._counting = threading.Lock()

    @property
    def all_cards(self) -> list[Path]:
        """Every card that was issued, the cashiers' too."""
        return [*self.cashiers, *self.cards]

    @property
    def journals(self) -> list[Path]:
        """The journal directories of the tills and the desk."""
        return [*(till.data / "journal" for till in self.tills), self.desk.data / "journal"]

    def issue_cards(self, seed: int, told: Told, patrons: int = PATRONS) -> None:
        """Cards come out of their boxes: a cashier card a till, stored-value cards with a load, one poor, one free."""
        draw = random.Random(seed)  # noqa: S311 - a demo, not a secret
        for number in range(len(self.tills)):
            self.cashiers.append(self.desk.issue(_classic(_uid(draw)), CardKind.CASHIER, 1))
            told(f"issued cashier card {number + 1} of {len(self.tills)}")
        for number in range(patrons):
            kind = CardKind.FREE if number == patrons - 1 else CardKind.STORED_VALUE
            uid, generation = _uid(draw), _DESFIRE.get(number)
            new = _classic(uid) if generation is None else blank_image(_LONG_UID % uid, generation)
            card = self.desk.issue(new, kind, number % _TIERS + 1)
            if kind is CardKind.STORED_VALUE:
                self._hand_in(card, _POOR if number == 0 else draw.choice(_LOADS))
            self.cards.append(card)
            told(f"issued and loaded card {number + 1} of {patrons}")
        self._locks = {card: threading.Lock() for card in self.cards}

    def open_tills(self) -> None:
        """Cashiers sign on."""
        for till, card in zip(self.tills, self.cashiers, strict=True):
            patron.sign_on(till, card)

    def live_through(self, day: Day, told: Told, pause: Callable[[], None] = lambda: None) -> None:
        """All visits of the day, the tills side by side, each till's in order, with a pause after each."""

        def one_till(number: int) -> None:
            for what in day.visits:
                if what.terminal != number:
                    continue
                if self.tills[number].stopping.is_set():
                    return
                self.visit(what)
                with self._counting:
                    self.done += 1
                    self._pull_line(day)
                    told(f"tap {self.done} of {len(day.visits)}")
                pause()

        with ThreadPoolExecutor(len(self.tills)) as pool:
            running = [pool.submit(one_till, number) for number in range(len(self.tills))]
            try:
                for future in running:
                    future.result()
            except BaseException:  # Ctrl-C above all: the other tills must not go on waiting for their patrons
                self.end()
                raise
            finally:
                self.line.heal()

    def visit(self, what: Visit) -> None:
        """One patron at one till; a card is in one place at a time."""
        card = self.cards[what.card]
        other = self.cards[(what.card + 1) % len(self.cards)] if what.mishap == Clumsy() else None
        with self._held(card, other):
            seen = patron.visit(self.tills[what.terminal], card, what, other)
        with self._counting:
            self.seen_paid += seen.paid
            match seen.happened:
                case Tear(mode):
                    self.tears[mode] += 1
                case Kill() as kill:
                    self.kills[kill.value] += 1
                case Cut():
                    self.kills[AT_ANY_MOMENT] += 1
                case _:
                    pass

    def end(self) -> None:
        """The day ends here: nobody waits at a till or the desk any more."""
        self.desk.stopping.set()
        for till in self.tills:
            till.stopping.set()

    def closing_taps(self) -> None:
        """Every patron asks for the balance once more, which writes."""
        for number, card in enumerate(self.cards):
            patron.inquire(self.tills[number % len(self.tills)], card)

    def load(self, number: int, yuan: str) -> None:
        """A patron goes to the desk and pays in."""
        with self._held(self.cards[number], None):
            self._hand_in(self.cards[number], yuan)

    def _hand_in(self, card: Path, yuan: str) -> None:
        self.desk.load(card, yuan)
        self.handed_in_fen += parse_yuan(yuan)

    def _pull_line(self, day: Day) -> None:
        if self.done == day.cut_from:
            self.line.cut()
        if self.done == day.cut_to:
            self.line.heal()

    @contextmanager
    def _held(self, *cards: Path | None) -> Iterator[None]:
        with ExitStack() as stack:
            for card in sorted(card for card in cards if card is not None):
                stack.enter_context(self._locks[card])
            yield


@contextmanager
def scene(folder: Path, *, port: int, seed: int, in_doubt_seconds: int, pace: str, told: Told) -> Iterator[Scene]:
    """Start everything in `folder`; stop it in order at the end."""
    with ExitStack() as stack:
        centre = Centre(folder, port)
        told("starting the server, its key process and poster")
        stack.callback(centre.stop)
        centre.start()
        desk = Desk(centre, next(iter(SITES)), seed)
        told("enrolling and starting the issuing desk")
        stack.callback(desk.stop)
        desk.start()
        line = Line(centre.port)
        stack.callback(line.close)
        tills: list[DemoTill] = []
        for number, (site, sale) in enumerate(zip(SITES, _SALES, strict=True)):
            told(f"enrolling and starting the till at {SITES[site]}")
            place = folder / f"till-{site}"
            place.mkdir()
            centre.enrol(site, place / "data")
            till = DemoTill(
                SITES[site],
                place,
                url=f"https://localhost:{line.port}",
                ca=centre.ca,
                sale=sale,
                in_doubt_seconds=in_doubt_seconds,
                pace=pace,
                seed=seed + number,
            )
            stack.callback(till.stop)
            till.start()
            tills.append(till)
        yield Scene(centre, desk, tills, line)


def _uid(draw: random.Random) -> bytes:
    """A four-byte UID as NXP gives them: not 08 (random), not 88 (cascade)."""
    while (uid := draw.randbytes(4))[0] in (0x00, 0x04, 0x08, 0x88, 0xF8):
        continue
    return uid


def _classic(uid: bytes) -> ClassicImage:
    """A Classic as from the factory."""
    return classic_card.blank_image(uid, [(classic_card.FACTORY_KEY, classic_card.FACTORY_KEY)] * SECTORS)

"""A fleet: its centre, cinemas, terminals, cards and patrons in virtual time, run from a seed.

One thread, one heap, no clock but the schedule's, no chance but the seed's. Each visit, each evening and each terminal
draws from a stream of its own, so that leaving one out shifts no other.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2s
from pathlib import Path

from firmware.view import Result
from onecard import keys
from onecard.identity import card_number
from onecard.kinds import CardKind
from onecard.money import Fen
from onecard.purse.record import DebitRecord, Identity
from onecard.purse.ring import SLOTS
from onecard.settings import Settings
from tools.fleet.attackers import at_home
from tools.fleet.card import ClassicPurse, DesfirePurse, Purse
from tools.fleet.centre import Centre, Issued
from tools.fleet.chance import Chance, chance
from tools.fleet.checkers.scene import ring_of
from tools.fleet.faults import Fault, Faults, Stream, swarm
from tools.fleet.field import at_the_card_port
from tools.fleet.healing import heal
from tools.fleet.keys import ChainKeys, remembering
from tools.fleet.patrons import DAY, Foyer, Patron
from tools.fleet.report import Report
from tools.fleet.roads import Roads
from tools.fleet.sam import RememberingSam
from tools.fleet.schedule import Schedule
from tools.fleet.staffing import HOUR, Staff
from tools.fleet.swap import swapped
from tools.fleet.terminal import Site, Surroundings, Terminal
from tools.fleet.truth import CardTruth, Truth
from tools.fleet.verdict import Verdict

_BEGIN = 1_800_000_000_000
_FIRST_LOAD = 20_000
_TOP_UP = (10_000, 20_000, 50_000)
_TAPS_A_CARD = 20
_NEIGHBOURS = 64
_TAPS_A_DAY = 30
_SHOWS = (11, 14, 17, 20)
_SETTINGS = Settings(Fen(30_000), Fen(2_000_000), unsent_days=30, in_doubt_seconds=120, good_days=21)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. `faults` may happen; `spared` fault decisions, `without` cards, terminals and visits are left
    out, as a shrinker does."""

    seed: int
    taps: int
    sites: int
    faults: tuple[Fault, ...] = tuple(Fault)
    cards: int = 0
    harsh: bool = False
    """Every fault that may happen does so at its highest rate."""
    spared: frozenset[tuple[str, int]] = frozenset()
    without_cards: frozenset[int] = frozenset()
    without_terminals: frozenset[int] = frozenset()
    without_visits: frozenset[str] = frozenset()
    until: int = 0
    """Virtual milliseconds at which it ends in any case; 0 for no end."""
    traced: bool = False
    """Every presentation is told in words."""

    @property
    def card_count(self) -> int:
        """As many as the taps are worth, when nothing is said."""
        return self.cards or max(6, self.taps // _TAPS_A_CARD)


class World:
    """One run."""

    def __init__(self, plan: Plan, nowhere: Path) -> None:
        self.plan = plan
        self.schedule = Schedule(_BEGIN)
        self.truth = Truth()
        self.faults = Faults(plan.seed, swarm(plan.seed, plan.faults, harsh=plan.harsh), plan.spared)
        self.keys = ChainKeys(plan.seed)
        self.sam = lru_cache(maxsize=None)(self._sam)
        self.centre = Centre(self.keys, self._record_image, lambda: int(self.schedule.seconds), _SETTINGS)
        self.verdict = Verdict(self.centre, self.truth, _SETTINGS.card_cap, self._decode, self.keys.ring(1))
        self.around = Surroundings(
            plan.seed,
            self.schedule,
            self.truth,
            self.faults,
            self.keys,
            self.sam,
            _SETTINGS,
            nowhere,
            presented=self.verdict.presented,
            in_step=self.verdict.taken.in_step,
        )
        self.terminals: dict[int, Terminal] = {}
        self.centre.ledger.refunding = self.verdict.refunding(self.truth, self.terminals)
        self.roads = Roads(self.centre, self.schedule, self.faults)
        self.staff = Staff(self.around, self.centre, self.roads, self._enrol, self.verdict.found)
        self.staff.new_prices(chance(plan.seed, "tariff", 1))
        self.sites = [Site(f"S{number:03d}") for number in range(plan.sites)]
        self.patrons: list[Patron] = []
        self.visits: list[str] = []
        self.operations: list[str] = []
        if plan.traced:
            self.around.presented = self._traced

    def build(self) -> None:
        """Cinemas open, cards are issued, and the first events are set down."""
        plan = self.plan
        for number, site in enumerate(self.sites):
            draw = chance(plan.seed, "site", number)
            site.offline = draw.below(3) == 0
            for _ in range(1 + draw.below(3)):
                site.terminals.append(self._enrol(site))
            self._each_day(f"evening {number}", 23 * HOUR + draw.below(HOUR), self._evening_of(site))
            if draw.below(2):
                self._each_day(f"noon {number}", 13 * HOUR + draw.below(HOUR), self._noon_of(site))
        for terminal in self.terminals.values():
            self.roads.call(
                terminal, self.faults.stream(f"enrolment {terminal.number}"), chance(plan.seed, "enrolment")
            )
        for number in range(plan.card_count):
            if number not in plan.without_cards:
                self._patron(number)

    def run(self) -> None:
        """Until the taps are done, or enough is known."""
        until = self.plan.until or sys.maxsize
        while self.around.taps < self.plan.taps and self.schedule.now < until and not self.verdict.is_out:
            self.schedule.step()

    def spawn(self, waiting: Iterator[int]) -> None:
        """Let a visit or an evening begin, and go on whenever its waiting is over."""

        def go_on() -> None:
            pause = next(waiting, None)
            if pause is not None:
                self.schedule.after(pause, go_on)

        go_on()

    def digest(self) -> str:
        """Everything that is left, in one number."""
        told = blake2s(digest_size=16)
        for uid, card in self.truth.cards.items():
            row = self.centre.ledger.rows[uid]
            told.update(uid + b"".join(card.purse.ring) + row.image)
            told.update(repr((tuple(row.head), row.loaded, row.unattributed, row.float_fen, card.cash_fen)).encode())
            told.update(repr([(order.number, order.given) for order in card.orders]).encode())
        for number, terminal in self.terminals.items():
            head = terminal.station.journal.head if terminal.station is not None else (0, terminal.lossy)
            told.update(repr((number, head)).encode())
        told.update(repr(sorted(self.centre.ledger.accounts.items())).encode())
        told.update(repr([(kind.label, self.faults.counts[kind]) for kind in Fault]).encode())
        return told.hexdigest()

    def _sam(self, version: int) -> RememberingSam:
        return RememberingSam(self.keys.ring(version))

    def _record_image(self, record: DebitRecord, uid: bytes, purse: int) -> bytes:
        return self.sam(self.keys.debit_version).record_image(record, uid, purse)

    def _decode(self, image: bytes, uid: bytes, purse: int) -> DebitRecord | None:
        for version in range(self.keys.debit_version, 0, -1):
            record = self.sam(version).record(image, uid, purse)
            if record is not None:
                return record
        return None

    def _enrol(self, site: Site) -> Terminal:
        number = len(self.terminals) + 1
        self.centre.enrol(number, site.code, self.keys.terminal(number))
        terminal = Terminal(self.around, number, site.code, self._staff_card(number))
        self.terminals[number] = terminal
        return terminal

    def _staff_card(self, terminal: int) -> tuple[bytes, Purse]:
        uid = bytes.fromhex("05") + terminal.to_bytes(3, "big")
        issued = self.centre.issue_card(10_000_000 + terminal, uid, 0, kind=CardKind.CASHIER, tier=1)
        return uid, ClassicPurse(issued.ring, issued.certificate)

    def _patron(self, number: int) -> None:
        draw = chance(self.plan.seed, "patron", number)
        is_desfire = draw.below(4) == 0
        serial = (1 + number).to_bytes(4, "big")
        uid = b"\x04" + draw.raw(2) + serial if is_desfire else serial
        cash = _FIRST_LOAD + 10_000 * draw.below(4)
        issued = self.centre.issue_card(1 + number, uid, cash, kind=CardKind.STORED_VALUE, tier=1 + draw.below(3))
        card = self._truth_of(issued, 1 + number, cash, is_desfire=is_desfire)
        days = self._days_between() * (0.4 + 1.2 * draw.unit())
        patron = Patron(number, card, draw.pick(self.sites), days, 700 + draw.below(300))
        patron.dishonest = not is_desfire and draw.below(4) == 0
        self.patrons.append(patron)
        self.schedule.after(int(draw.unit() * days * DAY), self._next_visit(patron))

    def _days_between(self) -> float:
        """So that a till has its daily taps, however few cards there are: what matters is taps between two syncs."""
        return self.plan.card_count / (len(self.terminals) * _TAPS_A_DAY)

    def _truth_of(self, issued: Issued, serial: int, cash: int, *, is_desfire: bool) -> CardTruth:
        purse: Purse = (DesfirePurse if is_desfire else ClassicPurse)(issued.ring, issued.certificate)
        genesis = Identity(SLOTS - 1, 0, 0, 0)
        card = CardTruth(issued.uid, card_number(serial), purse, True, cash, genesis, genesis)
        self.truth.cards[issued.uid] = card
        return card

    def _next_visit(self, patron: Patron) -> Callable[[], None]:
        def come() -> None:
            patron.visits += 1
            name = f"visit {patron.number}.{patron.visits}"
            draw = chance(self.plan.seed, name)
            if name not in self.plan.without_visits:
                self.visits.append(name)
                stream = self.faults.stream(name)
                self._before(patron, draw, stream)
                foyer = Foyer(self.around, self.sites, self._purse_of(patron), self.plan.without_terminals)
                self.spawn(foyer.visit(patron, draw, stream))
            self.schedule.at(self._show_after(patron.pause(draw), draw), self._next_visit(patron))

        return come

    def _show_after(self, pause: int, draw: Chance) -> int:
        """People come to a show, and most of them shortly before it begins."""
        day = (self.schedule.now + pause) // DAY
        show = day * DAY + draw.pick(_SHOWS) * HOUR + draw.below(20 * 60) * 1000
        return show if show > self.schedule.now + HOUR else self.schedule.now + max(pause, HOUR)

    def _before(self, patron: Patron, draw: Chance, stream: Stream) -> None:
        """What happens to a card between two visits."""
        self._top_up(patron, draw)
        card = patron.card
        if patron.dishonest and isinstance(card.purse, ClassicPurse):
            at_home(patron, card.purse, self.faults, stream, draw)
        if self.faults.happens(Fault.REPORTED_LOST, stream):
            self.centre.hotlist.enter(card.number, refused=True)
            self.schedule.after(2 * DAY, lambda: self.centre.hotlist.enter(card.number, refused=False))

    def _purse_of(self, patron: Patron) -> tuple[CardTruth, ...]:
        """The cards in the same purse: those of a neighbour and his neighbour."""
        place = self.patrons.index(patron) if len(self.patrons) < _NEIGHBOURS else patron.number % len(self.patrons)
        return tuple(each.card for each in self.patrons[place + 1 : place + 3] if each.card.honest)

    def _top_up(self, patron: Patron, draw: Chance) -> None:
        row = self.centre.ledger.rows[patron.card.uid]
        if row.loaded - patron.card.durable.debited < 15_000:
            amount = draw.pick(_TOP_UP)
            patron.card.cash_fen += amount
            self.centre.load(patron.card.uid, amount)

    def _traced(self, terminal: Terminal, card: CardTruth, result: Result | None) -> None:
        ring = " ".join(
            "-" if record is None else f"{record.counter}:{record.debited}:{record.terminal}/{record.sequence_byte}"
            for record in ring_of(card, self._decode)
        )
        last = self.faults.tape[-1] if self.faults.tape else None
        self.operations.append(
            f"{(self.schedule.now - _BEGIN) // 1000} s, card {card.uid.hex()} at terminal {terminal.number}: "
            f"{type(result).__name__ if result else 'nothing shown'}, "
            f"till {terminal.state.value if terminal.state else 'without power'}, "
            f"ring {ring}, weak {sorted(card.purse.weak_slots)}, last fault {last.fault.label if last else 'none'}"
        )
        self.verdict.presented(terminal, card, result)

    def _each_day(self, name: str, at: int, event: Callable[[str], None]) -> None:
        first = _BEGIN // DAY * DAY + at
        day = 0

        def turn() -> None:
            nonlocal day
            day += 1
            event(f"{name} {day}")
            self.schedule.at(first + day * DAY, turn)

        self.schedule.at(first, turn)

    def _evening_of(self, site: Site) -> Callable[[str], None]:
        def event(name: str) -> None:
            draw, stream = chance(self.plan.seed, name), self.faults.stream(name)
            if self.faults.happens(Fault.TARIFF_CHANGE, stream):
                self.staff.new_prices(draw)
            if self.keys.debit_version == 1 and self.faults.happens(Fault.KEY_ROTATION, stream):
                self.keys.debit_version = 2
                for terminal in self.terminals.values():
                    terminal.rotate()
            self.spawn(self.staff.evening(site, stream, draw))

        return event

    def _noon_of(self, site: Site) -> Callable[[str], None]:
        def event(name: str) -> None:
            self.staff.noon(site, self.faults.stream(name), chance(self.plan.seed, name))

        return event


def simulate(
    plan: Plan, seconds: Callable[[], float], within: Callable[[], AbstractContextManager[object]] = ExitStack
) -> Report:
    """Run, heal, judge. `seconds` is a stopwatch; `within` is entered around it all: rules switched off."""
    with ExitStack() as opened:
        nowhere = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="onecard-fleet-")))
        opened.enter_context(at_the_card_port())
        opened.enter_context(swapped(keys, "verify", remembering(keys.verify)))
        opened.enter_context(within())
        began = seconds()
        world = World(plan, nowhere)
        world.build()
        world.run()
        ended, now = seconds(), world.schedule.now
        if not world.verdict.is_out:
            heal(world.around, world.sites, world.roads, world.truth)
            world.centre.ledger.post_all()
            world.verdict.healed(world.truth, world.terminals, chance(plan.seed, "verdict"))
        return Report(
            seed=plan.seed,
            taps=world.around.taps,
            faults=world.faults.counts,
            violations=world.verdict.found,
            excused_fen=sum(world.verdict.excused),
            unattributed_fen=world.verdict.unattributed_fen,
            at_desk=sum(card.at_desk for card in world.truth.cards.values()),
            digest=world.digest(),
            ended_at=now,
            terminals=len(world.terminals),
            cards=tuple(range(plan.card_count)),
            visits=tuple(world.visits),
            tape=tuple(world.faults.tape),
            operations=tuple(world.operations),
            seconds=ended - began,
        )

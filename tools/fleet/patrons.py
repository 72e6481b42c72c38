"""Patrons and their habits: a home cinema, how often they come, and what they do when a till does not say "paid".

A visit is a generator: it yields milliseconds to wait, and is gone on with when they are over; others come in between.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from firmware.session import State
from hardware.keypad.keys import Key
from onecard.kinds import DeclineReason
from tools.fleet.card import ClassicPurse
from tools.fleet.chance import Chance
from tools.fleet.faults import Fault, Stream
from tools.fleet.terminal import Site, Surroundings, Terminal, refusal
from tools.fleet.truth import CardTruth, Order

Waiting: TypeAlias = Iterator[int]
DAY = 86_400_000
_FILMS = (Key.DIGIT_1, Key.DIGIT_2, Key.DIGIT_3)
_TICKETS = (Key.DIGIT_1, Key.DIGIT_1, Key.DIGIT_2, Key.DIGIT_2, Key.DIGIT_3)
_PATIENCE = 5
_QUEUE = 40


@dataclass(slots=True)
class Patron:
    """Somebody with a card. `days` between two visits on average; `loyal` per mille of them at home."""

    number: int
    card: CardTruth
    home: Site
    days: float
    loyal: int
    visits: int = 0
    dishonest: bool = False
    dumps: list[ClassicPurse] = field(default_factory=list)
    """What was read from the card at home, all bytes of it."""

    def pause(self, draw: Chance) -> int:
        """Milliseconds to the next visit: mostly about as long as usual."""
        return int(self.days * DAY * (0.3 + 1.4 * draw.unit()))


@dataclass(frozen=True, slots=True)
class Foyer:
    """Where visits take place."""

    around: Surroundings
    sites: Sequence[Site]
    others: Sequence[CardTruth]
    """Cards that may be in the same purse."""
    closed: frozenset[int] = frozenset()
    """Numbers of terminals that nobody goes to."""

    def visit(self, patron: Patron, draw: Chance, stream: Stream) -> Waiting:
        """One patron wants seats, and sooner or later goes."""
        card = patron.card
        at_home = draw.below(1000) < patron.loyal
        site = patron.home if at_home else draw.pick(self.sites)
        living = site.living
        if not living or card.at_desk:
            return
        terminal = draw.pick(living)
        if terminal.number in self.closed:
            return
        order = self.around.truth.order(card.uid, site.code)
        for _ in range(_PATIENCE):
            for _ in range(_QUEUE):
                if not terminal.busy:
                    break
                yield 5_000
            if terminal.busy or not terminal.alive:
                return
            terminal.busy = True
            moved = yield from self._at_the_counter(terminal, card, order, draw, stream)
            terminal.busy = False
            if not moved or order.given:
                return
            others = [each for each in site.living if each is not terminal]
            if not others:
                return
            terminal = draw.pick(others)
            yield 15_000

    def _at_the_counter(
        self, terminal: Terminal, card: CardTruth, order: Order, draw: Chance, stream: Stream
    ) -> Generator[int, None, bool]:
        """Until paid, or refused, or tired of it; returns whether the patron walks to the next till."""
        faults = self.around.faults
        if not (yield from self._begun(terminal, draw)):
            return faults.happens(Fault.WALK_ON, stream)
        presented = card
        for attempt in range(_PATIENCE):
            if terminal.station is None:
                return faults.happens(Fault.WALK_ON, stream)
            if attempt and self.others and faults.happens(Fault.WRONG_CARD, stream):
                presented = draw.pick(self.others)
            terminal.present(presented, _order_for(presented, order, self.around), stream, draw)
            presented = card
            yield 2_000
            terminal.nobody_there()
            state = terminal.state
            if order.given or state is None:
                if state is None:
                    yield 60_000  # it may come up again, and ask for the card
                    if terminal.state is State.IN_DOUBT and not faults.happens(Fault.WALK_OFF, stream):
                        continue
                return not order.given and faults.happens(Fault.WALK_ON, stream)
            if state in (State.IN_DOUBT, State.DOUBT_REFUSED):
                if faults.happens(Fault.WALK_OFF, stream):
                    return False
                if faults.happens(Fault.WALK_ON, stream):
                    return True
                if faults.happens(Fault.CASH, stream):
                    terminal.settled()
                    order.given = order.given or "cash"
                    return False
            elif state is State.ARMED:  # refused, and the sale goes on
                if not _worth_another_try(refusal(terminal.result)) or faults.happens(Fault.WALK_OFF, stream):
                    terminal.settled()
                    return False
            else:
                return faults.happens(Fault.WALK_ON, stream)
            yield 2_000
        terminal.settled()
        return False

    def _begun(self, terminal: Terminal, draw: Chance) -> Generator[int, None, bool]:
        """The cashier keys the sale in, or leaves a sale in doubt as it is for this card; whether a card can be laid
        down now."""
        terminal.time_passes()
        if terminal.station is None:
            yield 30_000
            if terminal.station is None:
                return False
        terminal.sign_on()
        if terminal.state is State.IN_DOUBT and draw.below(2):
            return True  # the sale before is given up for this card, by the firmware
        terminal.settled()
        return terminal.key_in(draw.pick(_FILMS), draw.pick(_TICKETS), Key.OK)


def _order_for(presented: CardTruth, order: Order, around: Surroundings) -> Order:
    """A wrong card that is debited pays for the same seats: its owner gets them."""
    return order if presented.uid == order.uid else around.truth.order(presented.uid, order.site)


def _worth_another_try(reason: DeclineReason | None) -> bool:
    return reason in (DeclineReason.CARD_MOVED, DeclineReason.TWO_CARDS, DeclineReason.UNREADABLE_RING, None)

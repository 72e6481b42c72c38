"""Heal and converge: faults stop, every living terminal is on and syncs, every card is tapped once, and again a sync.

A tap here writes a null record on every card, as the next sale would write its own; an inquiry does only where the
state table says that something is open (P-R12), and it cannot say what a destroyed terminal took with it. A tap is
tried again while a weak block hides what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware.results import Shown
from tools.fleet.chance import chance
from tools.fleet.faults import Stream
from tools.fleet.roads import Roads
from tools.fleet.terminal import Site, Surroundings, Terminal
from tools.fleet.truth import CardTruth, Truth

_ROUNDS = 4
_TRIES = 12
_TAPS_A_SYNC = 60


def heal(around: Surroundings, sites: Sequence[Site], roads: Roads, truth: Truth) -> None:
    """Bring the fleet to rest."""
    around.faults.stopped = True
    around.schedule.clear()
    stream = around.faults.stream("healing")
    for number in roads.centre.hotlist.refused:
        roads.centre.hotlist.enter(number, refused=False)
    living = [terminal for site in sites for terminal in site.living]
    for terminal in living:
        terminal.busy = False
        terminal.offset = 0
        if terminal.switch_on():
            terminal.sign_on()
            terminal.settled()
    _sync(around, roads, living, stream)
    living = [terminal for terminal in living if terminal.alive]
    if not living:
        return
    for place, card in enumerate(truth.cards.values()):
        if card.honest and not card.at_desk:
            _settle(around, living, place, card, stream)
            if place % _TAPS_A_SYNC == _TAPS_A_SYNC - 1:
                _sync(around, roads, living, stream)
    _sync(around, roads, living, stream)


def _sync(around: Surroundings, roads: Roads, living: Sequence[Terminal], stream: Stream) -> None:
    for _ in range(_ROUNDS):
        for terminal in living:
            if terminal.alive:
                terminal.take_in()
                roads.call(terminal, stream, chance(around.seed, "healing"))
        around.schedule.now += 600_000


def _settle(around: Surroundings, living: Sequence[Terminal], number: int, card: CardTruth, stream: Stream) -> None:
    """One acknowledged null record, at one terminal or, where one is out of service, at the next."""
    draw = chance(around.seed, "settle", card.uid.hex())
    for attempt in range(_TRIES):
        around.schedule.now += 4_000
        terminal = living[(number + attempt // 4) % len(living)]
        terminal.time_passes()
        if not terminal.sign_on():
            continue
        terminal.settled()
        if not terminal.ask_balance():
            continue
        terminal.present(card, None, stream, draw)
        result = terminal.result if terminal.station is not None else None
        terminal.settled()
        if isinstance(result, Shown):
            return
    card.at_desk = True

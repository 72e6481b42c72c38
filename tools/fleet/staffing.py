"""What happens at a cinema and at the centre between visits: power, storage, clocks, lines, couriers, prices, keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from firmware.session import State
from hardware.keypad.keys import Key
from onecard.money import Fen
from onecard.tariff import MINUTES, FilmClass, Tariff, Tier, TimeSlot
from tools.fleet.centre import Centre
from tools.fleet.chance import Chance
from tools.fleet.checkers.flow_i9 import Monotone
from tools.fleet.faults import IDLE, Fault, Stream
from tools.fleet.report import Violation
from tools.fleet.roads import Roads
from tools.fleet.storage import Image
from tools.fleet.terminal import Site, Surroundings, Terminal

HOUR = 3_600_000
_TIERS = (1, 2, 3)
_YEAR_SECONDS = 365 * 86_400


@dataclass(slots=True)
class Staff:
    """Everybody who works in the chain. `enrol` puts a new terminal in the place of one that is gone."""

    around: Surroundings
    centre: Centre
    roads: Roads
    enrol: Callable[[Site], Terminal]
    found: list[Violation]
    monotone: Monotone = field(default_factory=Monotone)

    def evening(self, site: Site, stream: Stream, draw: Chance) -> Iterator[int]:
        """The end of a day at a cinema, till by till."""
        for terminal in list(site.terminals):
            if not terminal.alive:
                continue
            while terminal.busy:
                yield 60_000
            if terminal.station is None:
                terminal.switch_on()
            self._mishap(terminal, stream, draw)
            if terminal.station is None or not terminal.alive:
                continue
            if not site.offline:
                self.roads.call(terminal, stream, draw)
            else:
                terminal.take_in()
            self._watch(terminal)
            if terminal.station is None:
                continue
            terminal.settled()
            if draw.below(2) and terminal.state is State.READY:
                terminal.press(Key.SHIFT, Key.OK)
        if site.offline and draw.below(2) == 0:
            self.roads.collect(site, stream, draw)
        self._replace(site)

    def noon(self, site: Site, stream: Stream, draw: Chance) -> None:
        """A second time for the line."""
        for terminal in site.living:
            if terminal.station is not None and not terminal.busy and not site.offline:
                self.roads.call(terminal, stream, draw)
                self._watch(terminal)

    def restart(self, terminal: Terminal) -> None:
        """Power comes back."""
        if terminal.alive and terminal.station is None:
            terminal.switch_on()

    def new_prices(self, draw: Chance) -> None:
        """The next tariff, in force from now on wherever it is known."""
        version = len(self.centre.tariffs) + 1
        self.centre.tariffs.append(tariff_of(version, int(self.around.schedule.seconds), draw))

    def _mishap(self, terminal: Terminal, stream: Stream, draw: Chance) -> None:
        fault = self.around.faults.one_of(IDLE, stream)
        match fault:
            case Fault.POWER_IDLE:
                terminal.lose_power()
            case Fault.BIT_ROT:
                if terminal.rot(draw):
                    terminal.lose_power()
            case Fault.CLOCK_STEP:
                terminal.offset += draw.pick((-86_400, -3_600, -61, 61, 3_600, 86_400, _YEAR_SECONDS))
            case Fault.RTC_EMPTY:
                terminal.lose_power()
                terminal.offset = -int(self.around.schedule.seconds)
            case Fault.SD_RESTORED:
                terminal.lose_power()
                terminal.newest_image.put_back(terminal.storage)
                terminal.lossy = "restored"
                self.monotone.forget(terminal.number)
            case Fault.JOURNAL_RESTORED:
                terminal.lose_power()
                terminal.storage.disk.restore(terminal.newest_image.journal)
                terminal.lossy = "restored"
                self.monotone.forget(terminal.number)
            case Fault.DESTROYED:
                terminal.end("destroyed")
            case None if draw.below(6) == 0:
                terminal.newest_image = Image.of(terminal.storage)
            case _:
                pass
        if terminal.alive and terminal.station is None:
            terminal.switch_on()

    def _watch(self, terminal: Terminal) -> None:
        if terminal.line is not None:
            violation = self.monotone.check(terminal.number, terminal.line.standing, lossy=terminal.lossy)
            if violation is not None:
                self.found.append(violation)

    def _replace(self, site: Site) -> None:
        for place, terminal in enumerate(site.terminals):
            if not terminal.alive:
                self.centre.revoke(terminal.number)
                site.terminals[place] = self.enrol(site)


def tariff_of(version: int, effective_at: int, draw: Chance) -> Tariff:
    """Three tiers, three film classes, one slot; prices between 20 and 90 yuan."""
    prices = [Fen(2_000 + 500 * draw.below(15)) for _ in range(3)]
    return Tariff(
        version=version,
        effective_at=effective_at,
        lowest=500,
        highest=1000,
        tiers={tier: Tier(tier, f"tier {tier}") for tier in _TIERS},
        films={
            number: FilmClass(number, f"film {number}", price, Fen(price // 2))
            for number, price in enumerate(prices, 1)
        },
        slots=(TimeSlot(1, "all day", 127, 0, MINUTES),),
        discounts={(2, 1, 1): 800, (3, 1, 1): 650, (3, 2, 1): 700},
    )

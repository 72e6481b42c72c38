"""A simulated terminal: the station when it has power, its storage and reader always, and the hands at its keys.

What is decided about cards and money is decided by the firmware; what is here presses keys, lays cards down, pulls them
away, and takes the power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware.books import Books
from firmware.results import Declined, Paid
from firmware.session import Duty, State
from firmware.table_sync import TableSync
from firmware.unfit import Unfit
from firmware.view import Result
from hardware.keypad.keys import Key
from hardware.sam.software import SoftwareSam
from onecard.downlink import Table
from onecard.journal import JournalError
from onecard.kinds import DeclineReason, Outcome
from onecard.records import OutcomeRecord, Record
from onecard.settings import Settings
from onecard.state_table import StateRow, state_of
from tools.fleet.card import Presented, Purse, Tear
from tools.fleet.cells import TORN, Write
from tools.fleet.chance import Chance, chance
from tools.fleet.faults import CARD, DISK, Fault, Faults, Stream
from tools.fleet.field import Field
from tools.fleet.keys import ChainKeys
from tools.fleet.line import Line
from tools.fleet.power import POINTS, Power, PowerCutError
from tools.fleet.schedule import Schedule
from tools.fleet.station import Enrolled, Station, make_journal, start
from tools.fleet.storage import DIRECTORY, Image, Storage
from tools.fleet.truth import CardTruth, Order, Truth, acknowledged

_CHORES = 6


@dataclass(slots=True)
class Surroundings:
    """What all terminals of a fleet share. `taps` counts presentations."""

    seed: int
    schedule: Schedule
    truth: Truth
    faults: Faults
    keys: ChainKeys
    sam: Callable[[int], SoftwareSam]
    limits: Settings
    nowhere: Path
    taps: int = 0
    presented: Callable[[Terminal, CardTruth, Result | None], None] = lambda terminal, card, result: None
    """Told after each presentation: the inline checkers."""
    in_step: Callable[[int], None] = lambda terminal: None
    """Told when a terminal's journal says that it is in step with the centre's tables (a table sync)."""


class Terminal:
    """One terminal number, from enrolment to its end."""

    def __init__(self, around: Surroundings, number: int, site: str, staff: tuple[bytes, Purse]) -> None:
        """`staff` is the UID and purse of the card that signs on here."""
        self.number = number
        self.site = site
        self.alive = True
        self.lossy = ""
        """Why records may be missing that were written here: what no journal survives."""
        self.busy = False
        self.debit_version = around.keys.debit_version
        self.condemned = ""
        self.storage = Storage()
        self.station: Station | None = None
        self.line: Line | None = None
        self.offset = 0
        """How many seconds the clock is off."""
        self._around = around
        self._own = around.keys.terminal(number)
        self._power = Power()
        self._field = Field()
        self._staff = staff
        self._draw = chance(around.seed, "terminal", number)
        self._serving: Order | None = None
        self._interrupted: Order | None = None
        self._starts = 0
        self._results = 0
        """Of the till's results, how many were looked at."""
        self._sync = TableSync()
        """What the journal says of table versions, as of the last record heard."""
        self.storage.disk.before_sync = self._power.flushing
        make_journal(self._enrolled(), self.storage, self._draw, around.nowhere)
        self.newest_image = Image.of(self.storage)
        self.switch_on()

    @property
    def state(self) -> State | None:
        """What the till is doing; None without power."""
        return None if self.station is None else self.station.till.state

    @property
    def result(self) -> Result:
        """What the screen shows."""
        assert self.station is not None
        return self.station.till.view().result

    def state_row(self, uid: bytes) -> StateRow | None:
        """What the state table in force says of a card's purse; None without power, or without a row."""
        return None if self.station is None else state_of(self.station.packed[Table.STATE], uid, 0)

    def switch_on(self) -> bool:
        """Start it; whether it runs."""
        if self.station is not None or not self.alive:
            return self.station is not None
        around = self._around
        began = around.schedule.seconds
        self._starts += 1
        try:
            self.station = start(
                self._enrolled(),
                self.storage,
                sam=around.sam(self.debit_version),
                reader=self._field,
                power=self._power,
                draw=self._draw,
                system=lambda: around.schedule.seconds + self.offset,
                monotonic=lambda: around.schedule.seconds - began,
                recalled_from=self._recalled,
                heard=self._heard,
            )
        except (Unfit, JournalError) as error:
            self.condemn(str(error))
            return False
        self._results = 0
        ring = around.keys.ring(self.debit_version)
        jitter = chance(around.seed, "jitter", self.number, self._starts)
        self.line = Line(
            self.number,
            self._own,
            server_seal=around.keys.server_seal_public,
            ring=ring,
            storage=self.storage,
            wall=lambda: int(around.schedule.seconds),
            jitter=jitter.unit,
        )
        self._claimed()
        return True

    def condemn(self, why: str) -> None:
        """It needs a new number: what was not uploaded is gone with the old one."""
        self.condemned = why
        self.end("condemned")

    def end(self, why: str) -> None:
        """Nothing is ever heard of it again."""
        self.lossy = why
        self.alive = False
        self.station = self.line = None

    def rotate(self) -> None:
        """The newest debit keys come with an orderly restart; those before them are known still (P-R27)."""
        self.debit_version = self._around.keys.debit_version
        if self.station is not None:
            self.station.journal.flush()
            self.lose_power()
            self.switch_on()

    def lose_power(self) -> None:
        """At once, whatever it is doing."""
        self._field.take()
        self._power.armed = ""
        self._power.writing = None
        if self.storage.disk.cut(self._draw):
            self.lossy = self.lossy or "lied"
        self.station = self.line = None

    def rot(self, draw: Chance) -> bool:
        """A bit turns over in what was written of the journal; whether there was any."""
        names = [name for name in self.storage.disk.names(DIRECTORY) if name.startswith("seg-")]
        content = self.storage.disk.files[draw.pick(names)]
        end = len(content.rstrip(b"\0"))
        if end == 0:
            return False
        content[draw.below(end)] ^= 1 << draw.below(8)
        self.lossy = self.lossy or "rotten"
        return True

    def present(self, card: CardTruth, order: Order | None, stream: Stream, draw: Chance) -> None:
        """The card is laid on the reader, once."""
        assert self.station is not None
        around = self._around
        around.taps += 1
        beside, gone = False, False
        tear: Tear | None = None
        match around.faults.one_of(CARD, stream):
            case Fault.TEAR:
                tear = Tear(_command(draw), draw.pick(TORN), stays=draw.below(4) == 0)
            case Fault.WEAK_TEAR:
                tear = Tear(_command(draw), draw.pick(_WEAK))
            case Fault.ANSWER_LOST:
                tear = Tear(_command(draw), Write.NEW_STABLE, stays=True)
            case Fault.READ_LOST:
                gone = True
            case Fault.TWO_CARDS:
                beside = True
            case _:
                pass
        self._disk_fault(around.faults.one_of(DISK, stream), draw)
        laid = Presented(card.uid, card.purse, draw, tear, self._power)
        if gone:
            laid.leave()
        self._look_at(laid, card, order, beside=beside)

    def _look_at(self, laid: Presented, card: CardTruth, order: Order | None, *, beside: bool) -> None:
        station = self.station
        assert station is not None
        self._serving = order
        before = self._results
        result: Result | None = None
        try:
            self._field.lay(laid, beside=beside)
            station.till.look()
            view = station.till.view()
            self._results = view.results
            result = view.result if view.results != before else None
            if isinstance(result, Paid):
                self._around.truth.given(self.number, result.sequence)
            self._field.take()
            self._upkeep()
        except PowerCutError:
            self._interrupted = order
            self.lose_power()
        self._field.take()
        self._power.armed = ""
        self._serving = None
        self._around.presented(self, card, result)
        if self.state is State.BROKEN:
            self.lose_power()

    def press(self, *keys: Key) -> None:
        """Keys, one after the other."""
        assert self.station is not None
        for key in keys:
            self.station.till.press(key)

    def key_in(self, *keys: Key) -> bool:
        """A sale; whether a card can be laid down for it."""
        if self.state is State.READY:
            self.press(*keys)
        return self.state is State.ARMED

    def ask_balance(self) -> bool:
        """Whether a card can be laid down to be looked at."""
        if self.state in (State.READY, State.OUT_OF_SERVICE):
            self.press(Key.BALANCE)
        return self.state is State.INQUIRY

    def nobody_there(self) -> None:
        """No card lies there; the till notices, and time passes for it."""
        if self.station is None:
            return
        till = self.station.till
        for _ in range(4):
            if till.duty is not Duty.WAIT_AWAY:
                break
            till.look()
        if till.state is State.BROKEN:
            self.lose_power()

    def time_passes(self) -> None:
        """The till looks at the clock, and at what blocks a sale."""
        if self.station is not None:
            self.station.till.tick()
            self.nobody_there()

    def sign_on(self) -> bool:
        """The cashier signs on, if nobody is; whether somebody is."""
        for _ in range(3):
            if self.state is not State.SIGNED_OFF:
                break
            uid, purse = self._staff
            assert self.station is not None
            self._field.lay(Presented(uid, purse, self._draw, None, self._power))
            self.station.till.look()
            self._field.take()
            self.nobody_there()
        return self.station is not None and self.state is not State.SIGNED_OFF

    def settled(self) -> None:
        """The cashier brings the till back to where a sale can begin; a sale in doubt is given up."""
        for _ in range(6):
            self.nobody_there()
            match self.state:
                case State.IN_DOUBT | State.ARMED | State.REFUSED | State.DOUBT_REFUSED | State.INQUIRY:
                    self.press(Key.CANCEL)
                    if self.station is not None:
                        self._results = self.station.till.view().results
                case State.FILM_CHOSEN | State.TICKETS_CHOSEN | State.TOTALS | State.CLOSING:
                    self.press(Key.CANCEL)
                case _:
                    return

    def take_in(self) -> None:
        """What the daemon laid down comes into force, and idle time is used."""
        station = self.station
        if station is None:
            return
        try:
            station.intake.take(station.teller)
            for _ in range(_CHORES):
                station.upkeep.chores(self._around.schedule.seconds)
            station.upkeep.flush()
        except JournalError:
            station.till.fail()
        if self.line is not None and self.line.alarm:
            self.condemn(self.line.alarm)

    def _upkeep(self) -> None:
        station = self.station
        assert station is not None
        try:
            station.upkeep.turn(self._around.schedule.seconds)
        except JournalError:
            station.till.fail()

    def _disk_fault(self, fault: Fault | None, draw: Chance) -> None:
        disk = self.storage.disk.fault
        match fault:
            case Fault.POWER_CUT:
                self._power.armed = draw.pick(POINTS)
            case Fault.FSYNC_LIE:
                disk.sync_lies = True
            case Fault.FSYNC_ERROR:
                disk.sync_fails = True
            case Fault.DISK_FULL:
                disk.full = True
            case _:
                pass

    def _heard(self, sequence: int, record: Record) -> None:
        truth = self._around.truth
        truth.heard(self.number, sequence, record, self._serving)
        if self._sync.note(record):
            self._around.in_step(self.number)
        if isinstance(record, OutcomeRecord) and record.outcome in (Outcome.PAID, Outcome.ACKED):
            sale = truth.intents.get((self.number, record.intent))
            if sale is not None:
                acknowledged(truth.cards[sale.uid], sale.record)

    def _recalled(self, books: Books) -> None:
        known = books.memory.sync
        self._sync = TableSync(dict(known.in_force), dict(known.awaited))

    def _enrolled(self) -> Enrolled:
        around = self._around
        ring = around.keys.ring(self.debit_version)
        return Enrolled.of(self.number, self.site, ring, self._own, around.limits)

    def _claimed(self) -> None:
        """After a start: an INTENT or OUTCOME that was written when the power failed may be there after all, and a sale
        that was paid and not shown is handed out when its ticket is printed again."""
        station, truth = self.station, self._around.truth
        assert station is not None
        for entry in station.journal.entries(max(1, station.journal.next_sequence - _NEWEST), missing=lambda _: None):
            truth.found(self.number, entry, self._interrupted)
        self._interrupted = None


_WEAK = (Write.NEW_WEAK, Write.NEW_WEAK, Write.OLD_WEAK)
_NEWEST = 8
"""How many of the newest records a power cut may have left unheard."""


def _command(draw: Chance) -> int:
    """Which write of a presentation is torn: mostly the first; a delivery has eight."""
    return 0 if draw.below(4) else draw.below(8)


@dataclass(slots=True)
class Site:
    """A cinema."""

    code: str
    terminals: list[Terminal] = field(default_factory=list)
    offline: bool = False
    """No line: its records leave with a courier."""

    @property
    def living(self) -> list[Terminal]:
        """Those that are there."""
        return [terminal for terminal in self.terminals if terminal.alive]


def refusal(result: Result | None) -> DeclineReason | None:
    """Why a card was refused, if it was."""
    return result.reason if isinstance(result, Declined) else None

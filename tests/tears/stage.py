"""One step of the world: a terminal is put together as it was, does one thing with the product's own code, and is taken
apart again. At most one cut falls into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from firmware.logbook import Logbook
from firmware.purse_memory import PurseMemory, PurseName
from firmware.results import Abandoned, Declined, InDoubt, NoCard, Paid, Shown
from firmware.tap import TapLimits, Teller
from hardware.reader import Reader
from hardware.virtual.schedule import Schedule
from onecard.hotlist import HOTLIST
from onecard.keys import KeyRing
from onecard.kinds import ClockQuality, Outcome
from onecard.packed_table import PackedTable
from onecard.purse.certificate import Certificate
from onecard.records import Boot, encode_record
from tests.tears.chip import VirtualChip, reader_on
from tests.tears.choices import Choices
from tests.tears.cuts import PowerCutError, PowerFails, StepCut
from tests.tears.family import Family
from tests.tears.field import BareField
from tests.tears.journal import MemoryJournal
from tests.tears.server import uploaded
from tests.tears.world import ISSUER, PRICE, SAM, UID, Terminal, Word, World, outcomes, stated
from tools.bench.till import NO_LIMIT, NOON, StandingClock, fixed

Result = Paid | Declined | InDoubt | Abandoned | Shown | NoCard
_BOOT = Boot(1, bytes(8), NOON, ClockQuality.TRUSTED, "bench", 0, 0, 0, 0)


class Doing(Enum):
    """What one is done with at a terminal."""

    TAP = auto()
    """The card is presented for a sale, or for the sale in doubt."""
    INQUIRE = auto()
    """The balance is asked for."""
    SETTLE = auto()
    """The same, with a null record in any case (P-R12)."""
    ABANDON = auto()
    """The cashier cancels, or the time is up."""
    RESTART = auto()
    """The power goes while nothing happens, and comes back."""
    UPLOAD = auto()
    """What is durable at the terminals reaches the server, and refunds that are due their inboxes."""


class Step(NamedTuple):
    """Something done at the terminal with that place in the world."""

    doing: Doing
    terminal: int


class Ran(NamedTuple):
    """What came of a step: `result` None when the power failed or nothing was shown; the host commands by moment, and
    the moments of appends."""

    world: World
    result: Result | None
    sent: dict[int, bytes]
    appended: list[int]


class LearningMemory(PurseMemory):
    """A `PurseMemory` that tells what it learned besides the journal."""

    def __init__(self, terminal: int, keys: KeyRing) -> None:
        super().__init__(terminal, keys)
        self.learned: set[bytes] = set()
        self.on_card = 1

    def keep(self, certificate: Certificate, image: bytes) -> None:
        self.learned.add(image)
        super().keep(certificate, image)

    def seen_on_card(self, name: PurseName, load_sequence: int) -> None:
        self.on_card = max(self.on_card, load_sequence)
        super().seen_on_card(name, load_sequence)


MakeTeller = Callable[[Reader, Logbook, int, TapLimits], Teller]
MakeJournal = Callable[[Terminal, Choices, int], MemoryJournal]


def _teller(reader: Reader, log: Logbook, terminal: int, limits: TapLimits) -> Teller:
    return Teller(reader, SAM, log, terminal, hotlist=PackedTable(HOTLIST), limits=limits)


def _journal(terminal: Terminal, choices: Choices, fails_at: int) -> MemoryJournal:
    return MemoryJournal(terminal.number, terminal.entries, terminal.durable, choices, fails_at)


@dataclass(frozen=True)
class Stage:
    """How a terminal is put together. What is not the product's is a mutant's (`tests.tears.mutants`)."""

    family: Family
    teller: MakeTeller = _teller
    journal: MakeJournal = _journal
    logbook: type[Logbook] = Logbook
    limits: TapLimits = field(default=NO_LIMIT)

    def run(self, world: World, step: Step, choices: Choices, cut: StepCut | None = None) -> Ran:
        """The world after the step."""
        if step.doing is Doing.UPLOAD:
            return Ran(uploaded(world), None, {}, [])
        terminal = world.terminals[step.terminal]
        schedule = Schedule()
        laid = self.family.lay(world.card, schedule, choices, cut.tear if cut else None)
        area = BareField(schedule)
        area.lay(laid.card)
        chip = VirtualChip(area, schedule, choices, cut)
        result: Result | None = None
        lost_power = step.doing is Doing.RESTART
        if lost_power:
            terminal = _after_power_cut(terminal, choices)
        journal = self.journal(terminal, choices, cut.moment if isinstance(cut, PowerFails) else 0)
        memory = LearningMemory(terminal.number, ISSUER.terminal_keys)
        try:
            log = self._started(terminal, journal, memory)
            teller = self.teller(reader_on(chip), log, terminal.number, self.limits)
            result = _done(teller, step.doing)
        except PowerCutError:
            journal_left = terminal._replace(entries=tuple(journal.entries), durable=journal.durable)
            terminal = _after_power_cut(journal_left, choices)
        else:
            terminal = terminal._replace(
                entries=tuple(journal.entries),
                durable=journal.durable,
                dark=False,
                learned=frozenset(memory.learned),
                on_card=memory.on_card,
            )
        after = world.with_terminal(step.terminal, terminal)._replace(
            card=laid.image(), told=world.told | _told(terminal, result)
        )
        return Ran(after, result, chip.sent, journal.appended)

    def _started(self, terminal: Terminal, journal: MemoryJournal, memory: LearningMemory) -> Logbook:
        """The terminal's money core as it was; after a power cut as `firmware.boot` begins."""
        if terminal.dark:
            kind, payload = encode_record(_BOOT)
            journal.append(kind, payload, durable=True)
        for sequence, record in terminal.records():
            memory.note(sequence, record)
        for image in (*terminal.delivered, *terminal.learned):
            memory.keep(stated(image), image)
        memory.seen_on_card(PurseName(UID, 0), terminal.on_card)
        log = self.logbook(journal, memory, StandingClock())
        if terminal.dark:
            log.close_unfinished()
        return log


def _done(teller: Teller, doing: Doing) -> Result | None:
    match doing:
        case Doing.TAP:
            return teller.tap(lambda tier: fixed(PRICE))
        case Doing.INQUIRE:
            return teller.inquire(settle=False)
        case Doing.SETTLE:
            return teller.inquire(settle=True)
        case Doing.ABANDON:
            return teller.abandon()
        case Doing.RESTART | Doing.UPLOAD:
            return None


def _after_power_cut(terminal: Terminal, choices: Choices) -> Terminal:
    """What a terminal is once its power is back: any number of the records that were not durable are lost."""
    if terminal.dark and terminal.durable == len(terminal.entries):
        return terminal
    kept = terminal.durable + choices.take(len(terminal.entries) - terminal.durable + 1)
    return Terminal(terminal.number, terminal.entries[:kept], durable=kept, dark=True, delivered=terminal.delivered)


def _told(terminal: Terminal, result: Result | None) -> frozenset[Word]:
    """What the result says for good about a sale."""
    match result:
        case Paid(sequence=sequence):
            return frozenset({Word(terminal.number, sequence, Outcome.PAID)})
        case Abandoned():
            words = outcomes(terminal, durable=False)
            last = max(sequence for sequence, given in words.items() if Outcome.ABANDONED in given)
            return frozenset({Word(terminal.number, last, Outcome.ABANDONED)})
        case _:
            return frozenset()

"""The run loop of a terminal: keys, time, cards, screen; in between the inbox, the journal's room, the watchdog.

One turn is one look at everything. A card operation is never cut by anything but the power: an orderly stop is noticed
between turns. The loop turning is what the watchdog hears.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

from firmware.boot import Station
from firmware.config import Language
from firmware.limits import DIVISORS
from firmware.line_status import LineStatus, read_line_status
from firmware.screens import Surroundings, frame, stopped_frame
from firmware.session import Duty
from firmware.status_page import Standing
from firmware.upkeep import Upkeep
from hardware.display.frame import Display
from hardware.keypad.keys import Keypad
from onecard.condition import Condition, version_number
from onecard.durable_file import NotKept, replace_file
from onecard.inbox_names import PACKED_FOLDER
from onecard.journal import JournalError
from onecard.kinds import ClockQuality
from onecard.notify import Notifier, Pulse

CARD_SECONDS = 0.05
"""Between two looks for a card that is expected."""
WATCH_SECONDS = 0.1
REST_SECONDS = 0.25
CHORES_SECONDS = 1.0
_DAY_SECONDS = 86_400
_CHINESE_NEEDS = "no Chinese font was found, the screens speak English: install fonts-wqy-microhei"


class Terminal:
    """A started station with its keypad and display."""

    def __init__(
        self,
        station: Station,
        keypad: Keypad,
        display: Display,
        notifier: Notifier,
        *,
        watchdog_seconds: float | None,
        say: Callable[[str], None],
    ) -> None:
        """The watchdog hears of every turn, at most each `watchdog_seconds` (None: nobody listens); `say` takes lines
        for the service's log."""
        self._station = station
        self._keypad = keypad
        self._display = display
        self._notifier = notifier
        self._pulse = Pulse(notifier, watchdog_seconds)
        self._say = say
        self._upkeep = Upkeep(
            station.journal,
            station.log,
            station.books,
            tables=station.tables,
            packed=station.packed,
            shelf=station.shelf,
        )
        self._line = LineStatus()
        self._software = importlib.metadata.version("onecard")
        self._condition = Condition()
        self._asked_after: int | None = None  # the last contact before somebody asked to send
        self._told: set[str] = set()
        self._chores_at = float("-inf")
        self._language = station.config.language
        if self._language is Language.CHINESE and not display.chinese:
            self._language = Language.ENGLISH
            self._tell(_CHINESE_NEEDS)

    def run(self, stopping: Callable[[], bool], power_fails: Callable[[], bool] = lambda: False) -> None:
        """Turn until `stopping`; then the shift stays open, the journal is flushed and the devices are let go.

        While `power_fails`, each turn ends with a flush: the hold-up time is for that.
        """
        self._notifier.ready()
        try:
            while not stopping():
                self.turn()
                if power_fails():
                    self._guarded(self._upkeep.flush)
                self._keypad.wait(self._pause())
        finally:
            self._notifier.stopping()
            self.close()

    def turn(self) -> None:
        """Look at everything once."""
        station, now = self._station, self._station.clock.monotonic()
        for key in self._keypad.pressed():
            station.till.press(key)
        station.till.tick()
        station.till.look()
        self._guarded(station.port.tick)
        self._guarded(lambda: self._upkeep.turn(station.clock.monotonic()))
        wanted = station.till.syncs_wanted != self._condition.syncs_wanted
        if wanted:
            self._asked_after = self._line.contact_at
        self._display.show(frame(station.till.view(), self._surroundings()))
        if wanted or now - self._chores_at >= CHORES_SECONDS:
            self._chores_at = now
            self._chores()
        self._pulse.beat(now)

    def close(self) -> None:
        """Let go of everything, the journal first: its last records are made durable, a checkpoint tells of them."""
        try:
            self._guarded(self._station.port.close)
            self._guarded(self._upkeep.checkpoint)
            if self._upkeep.trouble:
                self._tell(self._upkeep.trouble)
            self._station.close()
        finally:
            self._display.show(stopped_frame(self._language))

    def _chores(self) -> None:
        """What has time: the server's words, the journal's upkeep."""
        station = self._station
        self._guarded(lambda: station.intake.take(station.teller))
        self._guarded(lambda: self._upkeep.chores(station.clock.monotonic()))
        self._line = read_line_status(station.config.data / "outbox" / "status")
        self._tell_condition()
        for name, why in station.intake.refused.items():
            self._tell(f"inbox/{name} is not believed: {why}")
        for name, why in station.shelf.refused.items():
            self._tell(f"checkpoints/{name} is not believed: {why}")
        if self._upkeep.trouble:
            self._tell(self._upkeep.trouble)
        for fault in station.journal.faults:
            self._tell(f"journal: {fault}")
        for fault in station.tables.faults:
            self._tell(f"tables: {fault}")
        for fault in station.packed.faults:
            self._tell(f"{PACKED_FOLDER}: {fault}")
        for fault in station.books.memory.certificates.faults:
            self._tell(f"{PACKED_FOLDER}: {fault}")
        if station.port.trouble:
            self._tell(f"courier's port: {station.port.trouble}")
        if station.till.trouble:
            self._tell(station.till.trouble)

    def _tell_condition(self) -> None:
        """To the daemon, when it changed."""
        station = self._station
        condition = Condition(
            hotlist_at=station.intake.hotlist_at or 0,
            reader_answers=int(not station.till.reader_lost),
            software=version_number(self._software),
            journal_faults=len(station.journal.faults),
            limits_divisor=DIVISORS[station.intake.stage],
            syncs_wanted=station.till.syncs_wanted,
        )
        if condition == self._condition:
            return
        self._condition = condition
        try:
            replace_file(station.config.data / "condition", condition.encode(), durable=False)
        except NotKept as error:  # the heartbeat then tells less; sales go on
            self._tell(str(error))

    def _guarded(self, work: Callable[[], None]) -> None:
        """A journal that fails outside a call of the till's ends the session."""
        try:
            work()
        except JournalError as error:
            self._station.till.fail()
            self._tell(str(error))

    def _tell(self, line: str) -> None:
        """Log each line once."""
        if line not in self._told:
            self._told.add(line)
            self._say(line)

    def _pause(self) -> float:
        match self._station.till.duty:
            case Duty.TAP | Duty.SIGN_ON | Duty.INQUIRE | Duty.AUTHORISE:
                return CARD_SECONDS
            case Duty.WATCH | Duty.WAIT_AWAY:
                return WATCH_SECONDS
            case Duty.REST:
                return REST_SECONDS

    def _surroundings(self) -> Surroundings:
        station = self._station
        now, books, limits = station.clock.now(), station.books, station.intake.limits
        room = station.journal.room
        oldest_at, hotlist_at = books.backlog.oldest_at, station.intake.hotlist_at
        oldest_age = None if oldest_at is None else now.at - oldest_at
        half_money = 2 * books.backlog.fen >= limits.unsent_cap
        half_time = oldest_age is not None and 2 * oldest_age >= limits.unsent_days * _DAY_SECONDS
        return Surroundings(
            language=self._language,
            sale=station.config.sale,
            tariff=station.intake.tariff,
            shop=books.shift.shop,
            shift_number=books.shift.number,
            totals=books.shift.totals,
            queue=books.backlog.count,
            oldest_age=oldest_age,
            hotlist_age=None if hotlist_at is None else now.at - hotlist_at,
            room_percent=100 - int(100 * room.used_ratio),
            room_level=room.level,
            online=self._line.up,
            upload_soon=half_money or half_time,
            clock_trusted=now.quality is not ClockQuality.UNKNOWN,
            keypad_lost=not self._keypad.connected,
            tables_lacking=station.tables.lacking or station.packed.lacking,
            alarm=self._line.alarm,
            port_seconds=station.port.seconds_left,
            standing=self._standing(now.at),
        )

    def _standing(self, now: int) -> Standing:
        station, contact_at = self._station, self._line.contact_at
        return Standing(
            terminal=station.identity.number,
            software=self._software,
            versions=station.books.applied,
            contact_age=now - contact_at if contact_at else None,
            error="" if self._line.up else self._line.error,
            refused_files=sorted(station.intake.refused),
            sync_asked=contact_at == self._asked_after,
            divisor=DIVISORS[station.intake.stage],
        )

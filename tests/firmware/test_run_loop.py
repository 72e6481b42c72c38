"""The run loop: what it tells the service manager, what it logs once, and that a stop is orderly."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
from pathlib import Path

import pytest

from firmware.books import Books
from firmware.boot import Station
from firmware.purse_memory import PurseName
from firmware.session import State
from firmware.shelf import Shelf
from firmware.terminal import REST_SECONDS, Terminal
from firmware.upkeep import CHECKPOINT_RECORDS, RIDE_SECONDS, SEAL_SECONDS, Upkeep
from hardware.display.frame import Frame
from hardware.keypad.keys import Key
from onecard.bundle import UNKNOWN
from onecard.condition import Condition, decode_condition, version_number
from onecard.journal import JournalReader
from onecard.journal.mutable_journal import MutableJournal
from onecard.kinds import Outcome
from onecard.notify import Notifier
from onecard.records import Ack, Applied, RecordKind, Seal, encode_record
from tests.firmware.bed import CHAIN_KEY, NUMBER, TARIFF, Server, StandingTime, make_data, start_here
from tests.firmware.records import SALE
from tools.bench.till import Issuer


class _Keypad:
    """Keys given beforehand; waiting moves the clock."""

    connected = True

    def __init__(self, time: StandingTime, keys: list[Key] | None = None) -> None:
        self._time = time
        self._keys = keys or []

    def pressed(self) -> list[Key]:
        keys, self._keys = self._keys, []
        return keys

    def wait(self, seconds: float) -> None:
        self._time.at += seconds


class _Display:
    """Remembers the frames that changed."""

    def __init__(self, chinese: bool = True) -> None:
        self.chinese = chinese
        self.frames: list[Frame] = []

    def show(self, frame: Frame) -> None:
        if not self.frames or frame != self.frames[-1]:
            self.frames.append(frame)


class _World:
    def __init__(self, data: Path, language: str = "en") -> None:
        self.time = StandingTime()
        self.station: Station = start_here(data, time=self.time, language=language)
        self.display = _Display()
        self.told: list[str] = []
        self.sent: list[bytes] = []

    def terminal(self, watchdog_seconds: float | None = 1.0, keys: list[Key] | None = None) -> Terminal:
        return Terminal(
            self.station,
            _Keypad(self.time, keys),
            self.display,
            Notifier(self.sent.append),
            watchdog_seconds=watchdog_seconds,
            say=self.told.append,
        )

    def run(self, terminal: Terminal, turns: int) -> None:
        counted = itertools.count()
        terminal.run(lambda: next(counted) >= turns)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_data(tmp_path / "data", Issuer())
    Server(tmp_path / "data").tariff(TARIFF)
    return tmp_path / "data"


@pytest.fixture
def world(data: Path) -> _World:
    return _World(data)


def test_the_service_manager_hears_ready_alive_and_stopping(world: _World) -> None:
    world.run(world.terminal(), turns=45)  # a little over two seconds
    assert world.sent == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_without_a_watchdog_nothing_is_said_of_being_alive(world: _World) -> None:
    world.run(world.terminal(watchdog_seconds=None), turns=45)
    assert world.sent == [b"READY=1", b"STOPPING=1"]


def test_a_stop_makes_every_record_durable_and_says_so_on_the_screen(world: _World, data: Path) -> None:
    world.run(world.terminal(), turns=1)
    kinds = [entry.kind for entry in JournalReader(data / "journal", CHAIN_KEY).entries()]
    assert kinds == [RecordKind.BOOT, RecordKind.APPLIED]
    assert world.display.frames[-1].state == "stopped"
    assert (data / "journal").is_dir()


def test_records_that_ride_along_are_durable_within_half_a_second(world: _World) -> None:
    terminal = world.terminal()
    terminal.turn()
    journal = world.station.journal
    assert journal.undurable > 0
    world.time.at += RIDE_SECONDS - 0.01
    terminal.turn()
    assert journal.undurable > 0
    world.time.at += REST_SECONDS  # the longest pause between two turns
    terminal.turn()
    assert journal.undurable == 0
    assert RIDE_SECONDS + REST_SECONDS <= 0.5
    terminal.close()


def test_power_failure_flushes_before_anything_else_happens(world: _World) -> None:
    terminal = world.terminal()
    world.station.log.write(Applied(1, 1, 9), durable=False)
    left: list[int] = []

    def stopping() -> bool:
        left.append(world.station.journal.undurable)
        return len(left) > 1

    terminal.run(stopping, lambda: True)
    assert left[1] == 0


def test_an_idle_run_is_sealed_once(world: _World) -> None:
    terminal = world.terminal()
    terminal.turn()
    for _ in range(3):  # a start and tables are not worth a record
        world.time.at += SEAL_SECONDS
        terminal.turn()
    journal, books = world.station.journal, world.station.books
    assert books.last_kind is RecordKind.APPLIED
    world.station.log.write(books.shift.opening(1, world.station.clock.now(), 6), durable=True)
    terminal.turn()
    world.time.at += SEAL_SECONDS - 1
    terminal.turn()
    assert books.last_kind is RecordKind.SHIFT
    before = journal.next_sequence
    for _ in range(3):
        world.time.at += SEAL_SECONDS
        terminal.turn()
    assert (books.last_kind, journal.next_sequence) == (RecordKind.SEAL, before + 1)
    assert journal.durable_sequence == before
    terminal.close()


def test_a_missing_chinese_font_turns_the_screens_english_and_is_said_once(data: Path) -> None:
    world = _World(data, "zh")
    world.display.chinese = False
    world.run(world.terminal(), turns=10)
    assert [line for line in world.told if "fonts-wqy-microhei" in line] == world.told[:1]
    assert world.display.frames[0].rows[0].text == "Sign on"


def test_each_trouble_is_logged_once(world: _World, data: Path) -> None:
    (data / "inbox/tariff").write_bytes(b"half a fi")
    world.run(world.terminal(), turns=100)
    assert len([line for line in world.told if line.startswith("inbox/tariff")]) == 1
    assert len([line for line in world.told if "no-such-tty" in line]) <= 2
    assert len(world.told) == len(set(world.told))


def test_a_new_tariff_is_in_force_within_the_chores(world: _World, data: Path) -> None:
    (data / "inbox/tariff").unlink()
    terminal = world.terminal()
    terminal.turn()
    Server(data).tariff(TARIFF)
    world.time.at += 1
    terminal.turn()
    assert world.station.intake.tariff is not None
    terminal.close()


def test_the_line_to_the_server_is_always_on_the_screen(world: _World, data: Path) -> None:
    terminal = world.terminal()
    terminal.turn()
    assert world.display.frames[-1].rows[-2].text.startswith("Offline · ")
    (data / "outbox").mkdir()
    (data / "outbox/status").write_text(
        '{"line_up": true, "last_contact_at": 5, "alarm": "", "last_error": "", "backlog": 2}'
    )
    for _ in range(2):
        world.time.at += 1
        terminal.turn()
    assert world.display.frames[-1].rows[-2].text.startswith("Online · ")
    (data / "outbox/status").write_text("{}")
    for _ in range(2):
        world.time.at += 1
        terminal.turn()
    assert world.display.frames[-1].rows[-2].text.startswith("Offline · ")
    terminal.close()


def _fill(world: _World, at: int) -> None:
    """Every segment but the last two, with records made at `at`; all acknowledged as safe."""
    log, journal = world.station.log, world.station.journal
    while journal.room.used_ratio < 0.9:
        log.write(Applied(at, 1, 1), durable=False)
    journal.flush()
    tag = journal.head[1]
    log.write(Ack(at, 1, journal.durable_sequence, journal.durable_sequence, tag, 0, 0), durable=True)


def test_old_acknowledged_segments_are_recycled_in_idle_time_and_versions_outlive_them(world: _World) -> None:
    terminal = world.terminal()
    terminal.turn()
    _fill(world, world.station.clock.now().at - 8 * 86_400)
    journal, applied = world.station.journal, dict(world.station.books.applied)
    terminal.turn()
    assert journal.first_sequence == 1, "never in a busy moment"
    for _ in range(60):
        world.time.at += SEAL_SECONDS + 1
        terminal.turn()
    assert journal.first_sequence == 1, "never by one checkpoint alone"
    world.station.log.write(Applied(world.station.clock.now().at, 1, 1), durable=True)
    for _ in range(60):
        world.time.at += SEAL_SECONDS + 1
        terminal.turn()
    assert journal.first_sequence > 1
    assert journal.room.used_ratio < 0.9
    terminal.close()
    again = start_here(world.station.config.data, time=world.time)
    assert again.books.applied == applied
    assert again.till.block() is None
    again.close()


def _idle(world: _World, terminal: Terminal, turns: int = 60) -> None:
    for _ in range(turns):
        world.time.at += SEAL_SECONDS + 1
        terminal.turn()


def test_an_unresolved_intent_holds_no_segment_and_outlives_it(world: _World) -> None:
    """P-R7: what it may have left on the card stays known; only the card's next durable record settles it."""
    terminal = world.terminal()
    terminal.turn()
    log, journal = world.station.log, world.station.journal
    log.conclude(log.write(SALE, durable=True), Outcome.ABANDONED, durable=True)
    _fill(world, world.station.clock.now().at - 8 * 86_400)
    _idle(world, terminal)
    log.write(Applied(world.station.clock.now().at, 1, 1), durable=True)
    _idle(world, terminal)
    assert journal.first_sequence > 4
    terminal.close()
    again = start_here(world.station.config.data, time=world.time)
    assert len(again.books.memory.unresolved(PurseName(SALE.uid, SALE.purse))) == 1
    again.close()


def test_a_checkpoint_is_written_in_idle_time_after_enough_records(world: _World, data: Path) -> None:
    terminal = world.terminal()
    terminal.turn()
    _idle(world, terminal, 3)  # the first scrub is done
    log, books = world.station.log, world.station.books
    while books.sequence < CHECKPOINT_RECORDS - 1:
        log.write(Applied(1, 1, 1), durable=False)
    _idle(world, terminal, 3)
    assert not (data / "checkpoints").exists(), "too few records"
    log.write(Applied(1, 1, 1), durable=False)
    world.time.at += 1
    terminal.turn()
    assert not (data / "checkpoints").exists(), "a busy moment"
    _idle(world, terminal, 3)
    assert [int(file.name) for file in (data / "checkpoints").iterdir()] == [CHECKPOINT_RECORDS]
    terminal.close()


def test_an_orderly_stop_leaves_a_checkpoint_of_the_last_record(world: _World, data: Path) -> None:
    world.run(world.terminal(), turns=1)
    last = list(JournalReader(data / "journal", CHAIN_KEY).entries())[-1]
    assert [int(file.name) for file in (data / "checkpoints").iterdir()] == [last.name.sequence]


class _WatchedShelf(Shelf):
    """Asks how many records ride along at the moment of each checkpoint."""

    def __init__(self, world: _World) -> None:
        super().__init__(world.station.shelf.directory, world.station.identity.number, bytes(32))
        self.undurable: list[int] = []
        self._journal = world.station.journal

    def put(self, books: Books, tag: bytes) -> None:
        self.undurable.append(self._journal.undurable)
        super().put(books, tag)


def test_a_checkpoint_tells_only_of_what_is_durable(world: _World) -> None:
    station, shelf = world.station, _WatchedShelf(world)
    station.log.write(Applied(1, 1, 1), durable=False)
    Upkeep(
        station.journal, station.log, station.books, tables=station.tables, packed=station.packed, shelf=shelf
    ).checkpoint()
    assert shelf.undurable == [0]
    station.close()


def test_books_cut_short_in_a_record_are_not_told(world: _World, data: Path) -> None:
    terminal = world.terminal()
    terminal.turn()
    world.station.journal.append(RecordKind.SEAL, encode_record(Seal(1))[1], durable=False)
    terminal.close()
    assert not (data / "checkpoints").exists()


def test_a_checkpoint_that_cannot_be_kept_is_told_and_ends_nothing(world: _World, data: Path) -> None:
    (data / "checkpoints").write_bytes(b"")
    terminal = world.terminal()
    while world.station.books.sequence < CHECKPOINT_RECORDS:
        world.station.log.write(Applied(1, 1, 1), durable=False)
    terminal.turn()
    _idle(world, terminal, 3)
    assert any("checkpoints" in line and "could not be written" in line for line in world.told)
    assert world.station.till.state is State.SIGNED_OFF
    terminal.close()


def test_a_checkpoint_that_a_stop_cannot_keep_is_told(world: _World, data: Path) -> None:
    (data / "checkpoints").write_bytes(b"")
    world.run(world.terminal(), turns=1)
    assert any("checkpoints" in line and "could not be written" in line for line in world.told)


def test_decay_before_the_checkpoint_is_told_in_the_first_idle_time_after_a_start(world: _World, data: Path) -> None:
    while not (data / "journal" / "seg-00000002.ocj").exists():
        world.station.log.write(Applied(1, 1, 1), durable=False)
    world.run(world.terminal(), turns=1)
    file = data / "journal" / "seg-00000001.ocj"
    image = bytearray(file.read_bytes())
    image[5000] ^= 1
    file.write_bytes(image)
    again = _World(data)
    terminal = again.terminal()
    terminal.turn()
    assert again.station.books.gaps == set()
    _idle(again, terminal, 3)
    assert len(again.station.books.gaps) == 1
    terminal.close()


def test_young_segments_are_kept_though_safe(world: _World) -> None:
    terminal = world.terminal()
    terminal.turn()
    _fill(world, world.station.clock.now().at - 6 * 86_400)
    for _ in range(60):
        world.time.at += SEAL_SECONDS + 1
        terminal.turn()
    assert world.station.journal.first_sequence == 1
    terminal.close()


def test_tables_that_fail_are_logged_and_shown_and_selling_goes_on(data: Path) -> None:
    with MutableJournal.open(_tables(data), chain_key=CHAIN_KEY, random=bytes):
        world = _World(data)
        terminal = world.terminal()
        terminal.turn()
        assert "tables not kept" in world.display.frames[-1].rows[-1].text
        assert [line for line in world.told if line.startswith("tables: nothing is kept until the next start")]
        assert world.station.till.block() is None
        terminal.close()
    world = _World(data)
    terminal = world.terminal()
    terminal.turn()
    assert "tables not kept" not in world.display.frames[-1].rows[-1].text
    terminal.close()


def _tables(data: Path) -> Path:
    MutableJournal.create(data / "tables", terminal=NUMBER, chain_key=CHAIN_KEY, random=bytes)
    return data / "tables"


def test_the_daily_scrub_tells_a_decayed_record_once(world: _World, data: Path) -> None:
    terminal = world.terminal()
    terminal.turn()
    log, journal = world.station.log, world.station.journal
    while not (data / "journal" / "seg-00000003.ocj").exists():
        log.write(Applied(1, 1, 1), durable=False)
    file = data / "journal" / "seg-00000002.ocj"
    image = bytearray(file.read_bytes())
    image[5000] ^= 1
    file.write_bytes(image)
    for _ in range(3):
        world.time.at += 86_400
        for _ in range(8):
            world.time.at += SEAL_SECONDS + 1
            terminal.turn()
    gaps = [entry for entry in journal.entries(missing=lambda _: None) if entry.kind == RecordKind.GAP]
    assert len(gaps) == 1
    assert any("damaged-seg-00000002.ocj" in line for line in world.told)
    terminal.close()


def _condition(data: Path) -> Condition:
    return decode_condition((data / "condition").read_bytes())


def test_the_daemon_is_told_how_the_terminal_is(world: _World, data: Path) -> None:
    Server(data).hotlist(4, 18)
    terminal = world.terminal()
    terminal.turn()
    told = _condition(data)
    assert told.hotlist_at == world.station.intake.hotlist_at != 0
    assert told.software == version_number(importlib.metadata.version("onecard"))
    assert (told.reader_answers, told.journal_faults, told.syncs_wanted) == (0, 0, 0), "no such tty, no faults"
    assert (told.battery_per_mille, told.on_mains) == (UNKNOWN, UNKNOWN), "there is no gauge yet"
    terminal.close()


def test_a_condition_that_cannot_be_told_stops_nothing(world: _World, data: Path) -> None:
    (data / "condition").mkdir()
    terminal = world.terminal()
    terminal.turn()
    assert any("condition" in line and "could not be written" in line for line in world.told)
    assert world.station.till.state is State.SIGNED_OFF
    terminal.close()


def test_a_key_asks_the_daemon_to_send_at_once_and_the_screen_says_so_until_it_is_answered(
    world: _World, data: Path
) -> None:
    terminal = world.terminal(keys=[Key.MENU])
    terminal.turn()
    assert world.display.frames[-1].state == "status, signed off"
    assert _condition(data).syncs_wanted == 0
    world.station.till.press(Key.OK)
    terminal.turn()  # within the second of a chore
    assert _condition(data).syncs_wanted == 1
    assert "Asked to send now" in _texts(world)
    at = int(world.time.at)
    (data / "outbox").mkdir()
    _say_of_the_line(data, contact_at=at)
    for _ in range(2):
        world.time.at += 1
        terminal.turn()
    assert "OK sends now, cancel goes back" in _texts(world)
    assert "Server answered 0 min ago" in _texts(world)
    terminal.close()


def _texts(world: _World) -> list[str]:
    return [row.text for row in world.display.frames[-1].rows]


def _say_of_the_line(data: Path, contact_at: int) -> None:
    """What the daemon shows after an exchange that went well."""
    status = {"line_up": True, "last_contact_at": contact_at, "alarm": "", "last_error": "", "backlog": 2}
    (data / "outbox/status").write_text(json.dumps(status))

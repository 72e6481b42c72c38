"""The centre's settings at a terminal, and limits that fall while its tables are old (F17, P-R22, P-R26)."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.boot import Station
from firmware.tap import TapLimits
from firmware.terminal import Terminal
from hardware.display.frame import Frame
from hardware.keypad.keys import Key
from onecard import cbor
from onecard.condition import decode_condition
from onecard.downlink import Table
from onecard.money import Fen
from onecard.notify import Notifier
from onecard.records import Applied, decode_record
from onecard.settings import DEFAULTS, Settings
from tests.firmware.bed import TARIFF, Server, StandingTime, make_data, start_here
from tools.bench.till import NOON, Issuer

_DAY = 86_400
_STRICT = replace(DEFAULTS, card_cap=Fen(9_000), unsent_days=1, in_doubt_seconds=60)


class _Display:
    chinese = True
    frames: list[Frame]

    def __init__(self) -> None:
        self.frames = []

    def show(self, frame: Frame) -> None:
        self.frames.append(frame)


class _Keypad:
    connected = True

    def pressed(self) -> list[Key]:
        return []

    def wait(self, seconds: float) -> None:
        """Nobody presses."""


class _World:
    """A terminal that is started and started again, with the time in hand."""

    def __init__(self, data: Path, limits: str = "") -> None:
        self.data = data
        self.time = StandingTime()
        self.server = Server(data)
        self.server.at = int(self.time.at)
        self._limits = limits
        self.station: Station = self._start()

    def _start(self) -> Station:
        return start_here(self.data, limits=self._limits, time=self.time)

    def restart(self) -> None:
        self.station.close()
        self.station = self._start()

    def take(self) -> Settings:
        """The limits after another look at the inbox."""
        self.station.intake.take(self.station.teller)
        return self.station.intake.limits

    def later(self, seconds: float) -> None:
        self.time.at += seconds

    def applied(self, table: Table) -> list[int]:
        records = (decode_record(entry.kind, entry.payload) for entry in self.station.journal.entries())
        return [each.version for each in records if isinstance(each, Applied) and each.table == table]

    def acknowledge(self, **newest: int) -> None:
        """The centre is heard now: these are its newest versions."""
        sequence, tag = self.station.journal.head
        named = {int(Table[name]): version for name, version in newest.items()}
        self.server.acknowledge(sequence, tag, newest=named, at=int(self.time.at))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    make_data(tmp_path / "data", Issuer())
    return tmp_path / "data"


@pytest.fixture
def world(data: Path) -> _World:
    return _World(data)


@pytest.mark.parametrize(
    "raw",
    [b"", cbor.encode([1, 0, 1, 1, 1, 1]), cbor.encode([1, 30_000, 2_000_000, 3, 120, 0]), _STRICT.encode() + b"0"],
)
def test_settings_out_of_bounds_are_refused_and_those_before_hold(world: _World, raw: bytes) -> None:
    world.server.settings(1, _STRICT.encode())
    world.take()
    world.server.settings(2, raw)
    assert world.take() == _STRICT
    assert "settings" in world.station.intake.refused
    assert world.applied(Table.SETTINGS) == [1]
    world.station.close()


def test_older_settings_are_refused(world: _World) -> None:
    world.server.settings(2, _STRICT.encode())
    world.take()
    world.server.settings(1, DEFAULTS.encode())
    assert world.take() == _STRICT
    assert "never go back" in world.station.intake.refused["settings"]
    world.station.close()


def test_settings_are_in_force_at_once_and_after_a_restart_without_the_inbox(world: _World) -> None:
    assert world.station.intake.limits == DEFAULTS
    world.server.settings(3, _STRICT.encode())
    assert world.take() == _STRICT
    assert world.station.teller.limits == TapLimits(Fen(9_000))
    shutil.rmtree(world.data / "inbox")
    (world.data / "inbox").mkdir()
    world.restart()
    assert world.station.intake.limits == _STRICT
    assert world.applied(Table.SETTINGS) == [3], "told once"
    world.station.close()


def test_a_terminal_s_own_file_is_overruled_where_it_is_laxer(data: Path) -> None:
    world = _World(data, 'card_cap = "500.00"\nin_doubt_seconds = 30')
    assert world.station.intake.limits.card_cap == 50_000
    world.server.settings(1, _STRICT.encode())
    assert world.take() == replace(_STRICT, in_doubt_seconds=30)
    world.station.close()


@pytest.mark.parametrize("table", [Table.TARIFF, Table.HOTLIST, Table.STATE])
def test_a_table_past_its_good_until_lowers_the_limits_until_the_centre_is_heard(world: _World, table: Table) -> None:
    world.server.good_seconds = 7 * _DAY
    match table:
        case Table.TARIFF:
            world.server.tariff(TARIFF)
        case Table.HOTLIST:
            world.server.hotlist(1, 18)
        case _:
            world.server.state(0, 1)
    assert world.take() == DEFAULTS
    world.later(7 * _DAY)
    assert world.take() == DEFAULTS
    world.later(1)
    assert world.take().card_cap == 10_000
    assert world.station.teller.limits == TapLimits(Fen(10_000))
    world.later(7 * _DAY)
    assert world.take().card_cap == 3_000
    world.acknowledge(TARIFF=1, HOTLIST=1, STATE=1)
    assert world.take() == DEFAULTS
    world.station.close()


def test_an_acknowledgement_that_names_a_newer_table_does_not_make_ours_good(world: _World) -> None:
    world.server.good_seconds = _DAY
    world.server.hotlist(1, 18)
    world.take()
    world.later(_DAY + 1)
    world.acknowledge(HOTLIST=2)
    assert world.take().card_cap == 10_000
    world.station.close()


def test_a_clock_put_back_makes_no_table_young_again(world: _World) -> None:
    """P-R26: judged by the latest time known."""
    world.server.good_seconds = _DAY
    world.server.hotlist(1, 18)
    world.take()
    world.later(_DAY + 1)
    world.take()
    world.time.at = NOON
    assert world.take().card_cap == 10_000
    world.station.close()


def test_a_restart_makes_no_table_young_again(world: _World) -> None:
    """What a kept table does not tell of its end, the settings do."""
    world.server.settings(1, replace(DEFAULTS, good_days=1).encode())
    world.server.good_seconds = _DAY
    world.server.hotlist(1, 18)
    world.take()
    assert world.station.packed.keep(world.time.at)
    shutil.rmtree(world.data / "inbox")
    (world.data / "inbox").mkdir()
    world.later(_DAY + 1)
    world.restart()
    assert world.take().card_cap == 10_000
    world.station.close()


def test_a_terminal_that_was_never_sent_a_table_has_none_that_is_old(world: _World) -> None:
    world.server.settings(1, DEFAULTS.encode())
    world.later(400 * _DAY)
    assert world.take() == DEFAULTS
    world.station.close()


def test_lowered_limits_are_on_the_screen_and_in_the_heartbeat(world: _World) -> None:
    """F17: never silent."""
    world.server.good_seconds = _DAY
    world.server.hotlist(1, 18)
    display = _Display()
    terminal = Terminal(world.station, _Keypad(), display, Notifier(), watchdog_seconds=None, say=lambda line: None)
    terminal.turn()
    assert decode_condition((world.data / "condition").read_bytes()).limits_divisor == 1
    for seconds in (_DAY + 1, 1):
        world.later(seconds)
        terminal.turn()
    assert decode_condition((world.data / "condition").read_bytes()).limits_divisor == 3
    assert "limits lowered" in display.frames[-1].rows[-1].text
    terminal.close()

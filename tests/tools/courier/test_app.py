"""The technician's screen, headless: what keys do, what is seen, and that a failure is a line and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import DataTable, ProgressBar, RichLog, Static

from onecard.courier_link.port_end import PortEnd
from onecard.courier_store import CourierStore
from onecard.envelope import Domain, seal_envelope, terminal_key_id
from onecard.errors import OnecardError
from sync_daemon.courier.lines import LineLost
from tests.onecard.courier_link.terminal import Cut
from tools.courier.app import COLUMNS, CourierApp, Work
from tools.courier.collecting import collect, greet
from tools.courier.delivering import Delivery
from tools.courier.roads import Road

_BUNDLE = seal_envelope(terminal_key_id(17), Domain.BUNDLE, bytes(5000), lambda message: bytes(64))


class _Loop:
    """A line to a terminal in this process."""

    def __init__(self, goods: Cut) -> None:
        self._port = PortEnd(goods)
        self._answers = b""

    def read(self) -> bytes:
        answers, self._answers = self._answers, b""
        return answers

    def write(self, data: bytes) -> None:
        self._answers += b"".join(self._port.answers(data))

    def close(self) -> None:
        pass


class _Away(OnecardError):
    """Nobody there."""


class Bench:
    """The screen with terminals that answer at once."""

    def __init__(self, folder: Path) -> None:
        self.store = CourierStore(folder / "store")
        self.goods = Cut([_BUNDLE] * 3)
        self.roads = [Road("cable", lambda: _Loop(self.goods)), Road("dead", self._dead)]
        self.away = ""
        work = Work(
            find=lambda: self.roads,
            greet=greet,
            collect=lambda road, told, trouble: collect(
                road, self.store, None, wait_seconds=0, told=told, trouble=trouble
            ),
            deliver=self._deliver,
            carried=lambda: (len(self.store.bundles()), 0),
        )
        self.app = CourierApp(work)

    def run(self, play: Callable[[Pilot[None]], Awaitable[None]]) -> None:
        async def played() -> None:
            async with self.app.run_test(size=(120, 40)) as pilot:
                await self.settle(pilot)
                await play(pilot)

        asyncio.run(played())

    async def press(self, pilot: Pilot[None], *keys: str) -> None:
        await pilot.press(*keys)
        await self.settle(pilot)

    async def settle(self, pilot: Pilot[None]) -> None:
        await self.app.workers.wait_for_complete()
        await pilot.pause()

    def row(self, number: int) -> dict[str, str]:
        table: DataTable[Text] = self.app.query_one("#terminals", DataTable)
        return dict(zip(COLUMNS, map(str, table.get_row_at(number)), strict=True))

    @property
    def log(self) -> str:
        return "\n".join(line.text for line in self.app.query_one("#log", RichLog).lines)

    @property
    def carried(self) -> str:
        return str(self.app.query_one("#carried", Static).content)

    @staticmethod
    def _dead() -> _Loop:
        raise LineLost("nobody answers on this cable [/bold]")

    def _deliver(self, told: Callable[[int, int], None]) -> tuple[list[Delivery], str]:
        if self.away:
            raise _Away(self.away)
        told(1, 1)
        return [Delivery(17, delivered=3, records=30)], ""


def test_terminals_are_listed_with_what_waits_and_a_dead_cable_is_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def play(pilot: Pilot[None]) -> None:
        row = bench.row(0)
        assert (row["终端 terminal"], row["影院 site"], row["待传 to send"]) == ("17", "XDA", "30")
        assert bench.row(1)["状态 state"] == "nobody answers on this cable [/bold]"
        assert "2 found" in bench.log

    bench.run(play)


def test_c_collects_the_terminal_under_the_cursor(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def play(pilot: Pilot[None]) -> None:
        assert "0 包 bundles" in bench.carried
        await bench.press(pilot, "c")
        assert (bench.row(0)["已采 collected"], bench.row(0)["状态 state"]) == ("30", "完成 all")
        assert bench.app.query_one("#progress", ProgressBar).percentage == 1.0
        assert "3 包 bundles" in bench.carried
        assert len(bench.store.bundles()) == 3

    bench.run(play)


def test_a_failed_collection_is_told_and_the_screen_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def play(pilot: Pilot[None]) -> None:
        await bench.press(pilot, "down", "c")
        assert bench.row(1)["状态 state"] == "未完成 not all"
        assert "nobody answers on this cable" in bench.log
        await bench.press(pilot, "up", "c")
        assert bench.row(0)["状态 state"] == "完成 all"

    bench.run(play)


def test_d_delivers_and_a_server_that_is_away_is_a_line_in_the_log(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def play(pilot: Pilot[None]) -> None:
        bench.away = "https://centre cannot be reached"
        await bench.press(pilot, "d")
        assert "cannot be reached" in bench.log
        bench.away = ""
        await bench.press(pilot, "d")
        assert "3 包已上传 bundles delivered" in bench.log

    bench.run(play)


def test_without_a_terminal_c_says_what_to_do(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.roads = []

    async def play(pilot: Pilot[None]) -> None:
        await bench.press(pilot, "c")
        assert "tap an authorisation card" in bench.log

    bench.run(play)


def test_f_looks_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    roads, bench.roads = bench.roads, []

    async def play(pilot: Pilot[None]) -> None:
        bench.roads = roads
        await bench.press(pilot, "f")
        assert bench.row(0)["终端 terminal"] == "17"

    bench.run(play)

"""The technician's screen: which terminals are here, what waits in them, collect, deliver, how far it is.

Everything it does to the world comes in as functions, and runs in a thread beside the screen, one work at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Header, ProgressBar, RichLog, Static

from onecard.courier_link.messages import Hi
from onecard.errors import OnecardError
from tools.courier.delivering import Delivery
from tools.courier.roads import Road
from tools.courier.visit import Account, Progress

_STEPS = 1000
COLUMNS = ("终端 terminal", "影院 site", "线路 road", "待传 to send", "已采 collected", "状态 state")


@dataclass(frozen=True, slots=True)
class Work:
    """What the screen can have done. Each raises `OnecardError` when it fails.

    find: the roads there are now. greet: who answers on one. collect: a whole visit on one, told of its progress and
    its troubles. deliver: all that is carried, told bundles done and in all; what became of it, and why it ended early.
    carried: how many bundles and how many answers are on this laptop.
    """

    find: Callable[[], Sequence[Road]]
    greet: Callable[[Road], Hi]
    collect: Callable[[Road, Callable[[Progress], None], Callable[[str], None]], Account]
    deliver: Callable[[Callable[[int, int], None]], tuple[list[Delivery], str]]
    carried: Callable[[], tuple[int, int]]


class CourierApp(App[None]):
    """The screen."""

    TITLE = "OneCard 一卡通 · 人工采集 courier"
    CSS = "#carried { height: 1; } #progress { margin: 1 0; } #log { height: 10; border-top: solid gray; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "find", "找终端 Find"),
        Binding("c", "collect", "采集 Collect", priority=True),
        Binding("d", "deliver", "上传 Deliver"),
        Binding("q", "quit", "退出 Quit"),
    ]

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work
        self._roads: dict[str, Road] = {}
        self._busy = False

    def compose(self) -> ComposeResult:
        """Table, progress, log."""
        yield Header()
        yield Static(id="carried")
        yield DataTable(id="terminals", cursor_type="row")
        yield ProgressBar(total=_STEPS, id="progress", show_eta=False)
        yield RichLog(id="log", wrap=True)
        yield Footer()

    def on_mount(self) -> None:
        """Look for terminals at once."""
        for name in COLUMNS:
            self._table.add_column(name, key=name)
        self._show_carried()
        self.action_find()

    def action_find(self) -> None:
        """Look for terminals, and ask each what waits."""
        self._begin(self._find)

    def action_collect(self) -> None:
        """Collect from the terminal under the cursor."""
        if not self._table.row_count:
            self._say("没有终端:请先刷授权卡,再按 F · no terminal: tap an authorisation card, then press F")
            return
        key = self._table.coordinate_to_cell_key(self._table.cursor_coordinate).row_key.value
        assert key is not None
        self._begin(lambda: self._collect(self._roads[key]))

    def action_deliver(self) -> None:
        """Deliver what is carried."""
        self._begin(self._deliver)

    @property
    def _table(self) -> DataTable[Text]:
        table: DataTable[Text] = self.query_one("#terminals", DataTable)
        return table

    def _begin(self, work: Callable[[], None]) -> None:
        """One work at a time, beside the screen."""
        if self._busy:
            self._say("请等当前操作完成 · one thing at a time")
            return
        self._busy = True
        self.query_one("#progress", ProgressBar).update(progress=0)
        self.run_worker(lambda: self._guarded(work), thread=True, exclusive=True)

    def _guarded(self, work: Callable[[], None]) -> None:
        """In the thread: a failure of the world is a line in the log."""
        try:
            work()
        except OnecardError as error:
            self.call_from_thread(self._say, str(error))
        finally:
            self.call_from_thread(self._ended)

    def _ended(self) -> None:
        self._busy = False
        self._show_carried()

    def _find(self) -> None:
        self.call_from_thread(self._say, "正在找终端 · looking for terminals")
        roads = self._work.find()
        self.call_from_thread(self._list, roads)
        for road in roads:
            try:
                hi = self._work.greet(road)
            except OnecardError as error:
                self.call_from_thread(self._fill, road, {"状态 state": str(error)})
                continue
            told = {
                "终端 terminal": str(hi.terminal),
                "影院 site": hi.site,
                "待传 to send": str(hi.backlog),
                "状态 state": "采集口已开 open",
            }
            self.call_from_thread(self._fill, road, told)
        self.call_from_thread(self._say, f"找到 {len(roads)} · {len(roads)} found")

    def _collect(self, road: Road) -> None:
        self.call_from_thread(self._fill, road, {"状态 state": "采集中 collecting"})

        def told(progress: Progress) -> None:
            self.call_from_thread(self._advance, progress.ratio)
            self.call_from_thread(self._fill, road, {"已采 collected": str(progress.records_done)})

        try:
            account = self._work.collect(road, told, lambda text: self.call_from_thread(self._say, text))
        except OnecardError:
            self.call_from_thread(self._fill, road, {"状态 state": "未完成 not all"})
            raise
        state = {"已采 collected": str(account.records), "待传 to send": str(account.backlog), "状态 state": "完成 all"}
        self.call_from_thread(self._fill, road, state)
        self.call_from_thread(self._advance, 1.0)
        reply = account.reply or "none carried"
        text = f"终端 terminal {account.terminal}: {account.records} 条 records, 回执 answer {reply}"
        self.call_from_thread(self._say, text)

    def _deliver(self) -> None:
        def told(done: int, total: int) -> None:
            self.call_from_thread(self._advance, done / total)

        deliveries, away = self._work.deliver(told)
        for delivery in deliveries:
            text = f"终端 terminal {delivery.terminal}: {delivery.delivered} 包已上传 bundles delivered"
            if delivery.refused:
                text += f"; {delivery.refused}"
            self.call_from_thread(self._say, text)
        self.call_from_thread(self._say, away or "上传完成 · delivered")

    def _list(self, roads: Sequence[Road]) -> None:
        self._roads = {road.name: road for road in roads}
        self._table.clear()
        for road in roads:
            self._table.add_row(*map(Text, ("?", "?", road.name, "?", "0", "…")), key=road.name)

    def _fill(self, road: Road, cells: dict[str, str]) -> None:
        for column, text in cells.items():
            self._table.update_cell(road.name, column, Text(text), update_width=True)

    def _advance(self, ratio: float) -> None:
        self.query_one("#progress", ProgressBar).update(progress=_STEPS * ratio)

    def _show_carried(self) -> None:
        bundles, answers = self._work.carried()
        text = f"本机携带 carried here: {bundles} 包 bundles, {answers} 回执 answers"
        self.query_one("#carried", Static).update(text)

    def _say(self, text: str) -> None:
        self.query_one("#log", RichLog).write(text)

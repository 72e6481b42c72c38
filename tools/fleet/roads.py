"""The roads between terminals and centre: a line that fails, and couriers who are lost, late, and two at a time.

Nobody on the road is believed by either end. What was sent may come again, days later; so may an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from onecard.errors import OnecardError
from tools.fleet.centre import Centre
from tools.fleet.chance import Chance
from tools.fleet.faults import LINE, Fault, Faults, Stream
from tools.fleet.line import LostOnTheWay
from tools.fleet.schedule import Schedule
from tools.fleet.terminal import Site, Terminal

DAY = 86_400_000
_OLD_REPLIES = 4


@dataclass(slots=True)
class Roads:
    """All of a fleet's."""

    centre: Centre
    schedule: Schedule
    faults: Faults
    replies: dict[int, list[bytes]] = field(default_factory=dict)
    """Some answers that every terminal got once."""

    def call(self, terminal: Terminal, stream: Stream, draw: Chance) -> None:
        """The line of a terminal is up for a while."""
        if terminal.station is None or terminal.line is None:
            return
        down = False

        def post(raw: bytes) -> bytes:
            nonlocal down
            fault = None if down else self.faults.one_of(LINE, stream)
            down = down or fault is Fault.LINE_DOWN
            if down or fault is Fault.REQUEST_LOST:
                raise LostOnTheWay
            if fault is Fault.HELD:
                self._hold(raw, 1 + draw.below(20))
                raise LostOnTheWay
            if fault is Fault.DAMAGED:
                raw = _damaged(raw, draw)
            if fault is Fault.OLD_REPLY and (old := self.replies.get(terminal.number)):
                return draw.pick(old)
            reply = self.centre.receive(raw, posts=fault is not Fault.SERVER_CRASH)
            if fault is Fault.DOUBLED:
                reply = self.centre.receive(raw)
            if fault in (Fault.REPLY_LOST, Fault.SERVER_CRASH):
                raise LostOnTheWay
            self._remember(terminal.number, reply)
            return reply

        terminal.line.talk(self.schedule.seconds, post)
        terminal.take_in()

    def collect(self, site: Site, stream: Stream, draw: Chance) -> None:
        """A courier comes by: hands over what the centre answered last time, and takes along what is new."""
        for terminal in site.living:
            if terminal.station is None or terminal.line is None:
                continue
            for reply in self.replies.get(terminal.number, [])[-_OLD_REPLIES:]:
                terminal.line.hand_over(reply)
            terminal.take_in()
            if terminal.line is None:
                continue
            bag = terminal.line.collected()
            fault = self.faults.one_of(LINE, stream)
            if fault is Fault.REQUEST_LOST:  # on a stick of his own, or with him
                bag = [raw for raw in bag if draw.below(3)]
            days = 1 + draw.below(3) + (20 if fault is Fault.HELD else 0)
            if fault is Fault.DAMAGED and bag:
                bag[-1] = _damaged(bag[-1], draw)
            if fault is Fault.DOUBLED:
                bag += bag
            for raw in sorted(bag, key=lambda _: draw.word()):
                self._hold(raw, days, terminal.number if fault is not Fault.REPLY_LOST else 0)

    def _hold(self, raw: bytes, days: int, terminal: int = 0) -> None:
        """A bundle comes to the centre days later; its answer goes to `terminal`'s bag."""

        def arrive() -> None:
            try:
                reply = self.centre.receive(raw)
            except OnecardError:
                return
            if terminal:
                self._remember(terminal, reply)

        self.schedule.after(days * DAY, arrive)

    def _remember(self, number: int, reply: bytes) -> None:
        kept = self.replies.setdefault(number, [])
        kept.append(reply)
        del kept[:-_OLD_REPLIES]


def _damaged(raw: bytes, draw: Chance) -> bytes:
    at = draw.below(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << draw.below(8)]) + raw[at + 1 :]

"""flow I9: nothing goes back on a terminal: acknowledged prefix within a generation, generation, table versions."""

from __future__ import annotations

from dataclasses import dataclass, field

from onecard.downlink import Table
from sync_daemon.standing import Standing
from tools.fleet.report import Violation


@dataclass(slots=True)
class Monotone:
    """What each terminal held last."""

    held: dict[int, tuple[int, int, dict[Table, int]]] = field(default_factory=dict)

    def check(self, terminal: int, standing: Standing, *, lossy: str) -> Violation | None:
        """After each time the line was up. A daemon that does not find the acknowledged head in a damaged journal
        begins anew, without an acknowledgement (`sync_daemon.standing.confirmed`)."""
        if lossy and standing.acknowledgement is None:
            self.forget(terminal)
            return None
        ack = standing.acknowledgement
        now = (ack.generation if ack else 0, standing.received, dict(standing.versions))
        before = self.held.get(terminal)
        self.held[terminal] = now
        if before is None:
            return None
        back = now[0] < before[0] or (now[0] == before[0] and now[1] < before[1])
        if back or any(now[2].get(table, 0) < version for table, version in before[2].items()):
            return Violation("flow I9", f"terminal {terminal} held {before}, now {now}")
        return None

    def forget(self, terminal: int) -> None:
        """Its storage was put back to an earlier image."""
        self.held.pop(terminal, None)

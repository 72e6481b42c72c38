"""flow I3: no phantom. What the centre says stands, stands on the card."""

from __future__ import annotations

from collections.abc import Iterator

from onecard.purse.resolution import State
from tools.fleet.checkers.scene import Fleet, Settled
from tools.fleet.report import Figure, Violation


def check(fleet: Fleet, settled: Settled) -> Iterator[Violation]:
    """After healing; between faults it holds as well, because what stands never falls."""
    uid = settled.card.uid
    for flow in settled.row.flows.values():
        record, amount = flow.evidence.record, flow.evidence.amount
        sale = settled.standing.get(record)
        if flow.state is State.STANDS and sale is None:
            yield Violation("flow I3", f"{record} is posted and not on the card", uid, Figure.LOST_FEN, amount)
        own = sale is not None and (sale.terminal, sale.sequence) == (record.terminal, flow.evidence.sequence)
        if flow.state is State.VOID and sale is not None and own and not fleet.lossy(sale):
            yield Violation("flow I3", f"{record} is void and on the card", uid, Figure.LOST_FEN, amount)

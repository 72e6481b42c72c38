"""PURSE I8, I-11: after one acknowledged null record a card and all uploads, nothing is in doubt and server = card."""

from __future__ import annotations

from collections.abc import Iterator

from onecard.kinds import Outcome
from onecard.purse.resolution import State
from server.ledger.purse_account import KnownFlow
from tools.fleet.checkers.scene import Fleet, Settled
from tools.fleet.ledger import is_refunded
from tools.fleet.report import Figure, Violation


def one_out_of_sight(settled: Settled, flow: KnownFlow) -> bool:
    """Whether a flow is open because a lost terminal's records stand between it and the head."""
    return settled.out_of_sight(flow.evidence.record)


def check(fleet: Fleet, settled: Settled) -> Iterator[Violation]:
    """After healing."""
    row, head = settled.row, settled.head
    if tuple(row.head) != (head.counter, head.debited):
        yield Violation(
            "purse I8",
            f"the centre has {tuple(row.head)}, the card {head}",
            row.uid,
            Figure.LOST_FEN,
            abs(row.head.debited - head.debited),
        )
    for flow in row.flows.values():
        record, outcome = flow.evidence.record, flow.evidence.outcome
        lossy = fleet.terminals[record.terminal].lossy
        about = f"sale {record.terminal}/{flow.evidence.sequence}"
        if flow.state is State.OPEN and not one_out_of_sight(settled, flow):
            yield Violation("purse I8", f"{about} is open", row.uid, Figure.IN_DOUBT)
        if outcome is Outcome.PAID:
            if is_refunded(flow):
                yield Violation("purse I4", f"{about} is paid and refunded", row.uid, Figure.LOST_FEN)
        elif flow.state is State.STANDS and flow.evidence.amount and not lossy and not is_refunded(flow):
            yield Violation("purse I8", f"{about} stands, is not paid and not refunded", row.uid, Figure.IN_DOUBT)

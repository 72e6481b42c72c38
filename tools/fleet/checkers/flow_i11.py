"""flow I11: what is concluded about a purse does not depend on the order or number of times its evidence came."""

from __future__ import annotations

from collections.abc import Iterator

from onecard.purse.resolution import resolve
from tools.fleet.chance import Chance
from tools.fleet.checkers.scene import Settled
from tools.fleet.report import Violation


def check(settled: Settled, draw: Chance) -> Iterator[Violation]:
    """After healing, for some cards."""
    row = settled.row
    evidence = [flow.evidence for flow in row.flows.values()]
    shuffled = sorted(evidence * 2, key=lambda _: draw.word())
    if resolve(row.genesis, evidence) != resolve(row.genesis, shuffled):
        yield Violation("flow I11", "another order of its evidence gives another conclusion", row.uid)

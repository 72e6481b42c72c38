"""flow I8: no false accusation. No fork is raised about an honest card."""

from __future__ import annotations

from collections.abc import Iterator

from tools.fleet.checkers.scene import Fleet, Settled
from tools.fleet.report import Figure, Violation


def check(fleet: Fleet, settled: Settled) -> Iterator[Violation]:
    """At any time; a terminal that forgot and used a name twice is no card's fault, and is told apart."""
    row, card = settled.row, settled.card
    twice = {sale.record.counter for sale in card.twins if fleet.lossy(sale)}
    for counter in row.forks:
        if card.honest and counter not in twice:
            yield Violation("flow I8", f"a fork at counter {counter} of an honest card", row.uid, Figure.FALSE_FORKS)

"""flow I4, I6: no lost flow. What is on a card and not at the centre was lost with a terminal, and its sum is known.

What the books cannot attribute, or have from cards alone, is what stands on the card and was posted to nobody: what is
missing at the centre, and what lies below it and is neither paid nor proved to stand.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.fleet.checkers.scene import Fleet, Settled
from tools.fleet.report import Figure, Violation


def check(fleet: Fleet, settled: Settled) -> Iterator[Violation]:
    """After healing."""
    uid, missing = settled.card.uid, settled.missing
    for sale in missing:
        if not fleet.lossy(sale):
            about = f"record {sale.terminal}/{sale.sequence} is not at the centre"
            yield Violation("flow I4", about, uid, Figure.LOST_FEN, sale.amount)
    total = sum(sale.amount for sale in missing)
    for sale in settled.standing.values():
        flow = settled.row.flow((sale.terminal, sale.sequence))
        if flow is not None and settled.at_centre(sale) and not flow.posted and sale.amount:
            total += sale.amount
    known = settled.row.unattributed + sum(seen.amount for seen in settled.row.seen.values())
    if known != total:
        about = f"{known} fen are unattributed or seen on cards only, {total} are"
        yield Violation("flow I6", about, uid, Figure.LOST_FEN, abs(known - total))
    for seen in settled.row.seen.values():
        sale_seen = settled.standing.get(seen.record)
        if sale_seen is None or sale_seen.amount != seen.amount:
            about = f"{seen.record} of {seen.amount} fen is told by cards, and does not stand so"
            yield Violation("flow I3", about, uid, Figure.LOST_FEN, seen.amount)

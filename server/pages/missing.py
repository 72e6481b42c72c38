"""What is missing of each terminal's records, in words for a page: what is awaited, what was told lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from server.ingest.models import Gap, Loss, Quarantined
from server.ingest.ranges import Range, complement, overlaps


@dataclass(frozen=True, slots=True)
class Missing:
    """Records `first` … `last` are not here. `loss` tells of them when the terminal lost them; `apart`: one lies in
    quarantine because no chain leads to it. Others may still come."""

    first: int
    last: int
    noticed_at: datetime
    loss: Loss | None = None
    apart: bool = False


def missing() -> dict[int, list[Missing]]:
    """By terminal, ascending."""
    losses: dict[int, list[Loss]] = defaultdict(list)
    for loss in Loss.objects.order_by("first", "place"):
        losses[loss.terminal_id].append(loss)
    apart: dict[int, set[int]] = defaultdict(set)
    unproved = Quarantined.objects.filter(reason=Quarantined.Reason.UNPROVED)
    for terminal, sequence in unproved.values_list("terminal_id", "sequence"):
        apart[terminal].add(sequence)
    found: dict[int, list[Missing]] = defaultdict(list)
    for gap in Gap.objects.order_by("terminal", "first"):
        parts = _parts(gap, losses[gap.terminal_id], apart[gap.terminal_id])
        found[gap.terminal_id] += sorted(parts, key=lambda part: part.first)
    return found


def _parts(gap: Gap, losses: Sequence[Loss], apart: set[int]) -> Iterator[Missing]:
    left: list[Range] = [(gap.first, gap.last)]
    for loss in losses:
        told = [part for a, b in left for part in overlaps(a, b, [(loss.first, loss.last)])]
        yield from (Missing(first, last, gap.noticed_at, loss=loss) for first, last in told)
        left = [part for a, b in left for part in complement(a, b, overlaps(a, b, told))]
    behind = sorted((s, s) for a, b in left for s in apart if a <= s <= b)
    yield from (Missing(first, last, gap.noticed_at, apart=True) for first, last in behind)
    rest = [part for a, b in left for part in complement(a, b, overlaps(a, b, behind))]
    yield from (Missing(first, last, gap.noticed_at) for first, last in rest)

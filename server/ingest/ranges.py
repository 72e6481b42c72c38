"""What a run adds to the sequences already held. Pure.

Held sequences are 1 … `highest` without the `gaps`, which are disjoint, ascending [first, last] ranges. A watermark
alone would lose runs that arrive out of order (a laptop's, say).

Of a gap, parts may be *told lost*: they will hardly arrive, and what lies behind them must not wait for them. Being
told takes nothing away: what is held stays held, what arrives is fresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Range = tuple[int, int]
"""First and last sequence, both included; never empty."""


@dataclass(frozen=True, slots=True)
class Held:
    """The sequences of one terminal that are here; `told` are ranges told lost, in any order, held ones among them."""

    highest: int
    gaps: tuple[Range, ...]
    told: tuple[Range, ...] = ()

    @property
    def received(self) -> int:
        """The end of the prefix that may be acknowledged (I-05): contiguous but for gaps that are told lost as a whole.
        It is a held record, or 0: of a lost one nobody knows the tag."""
        for first, last in self.gaps:
            if complement(first, last, overlaps(first, last, self.told)):
                return first - 1
        return self.highest

    def holds(self, sequence: int) -> bool:
        """Whether the record `sequence` is here."""
        return 1 <= sequence <= self.highest and not any(first <= sequence <= last for first, last in self.gaps)

    def fresh(self, first: int, last: int) -> list[Range]:
        """The parts of `first` … `last` that are not here, ascending."""
        found = overlaps(first, last, self.gaps)
        if last > self.highest:
            found.append((max(first, self.highest + 1), last))
        return found

    def with_run(self, first: int, last: int) -> Held:
        """What is held when `first` … `last` is here too."""
        gaps = [part for gap in self.gaps for part in _without(gap, first, last)]
        if first > self.highest + 1:
            gaps.append((self.highest + 1, first - 1))
        return Held(max(self.highest, last), tuple(gaps), self.told)


def overlaps(first: int, last: int, ranges: Iterable[Range]) -> list[Range]:
    """The parts of `first` … `last` that the `ranges` cover, ascending by where they begin."""
    return sorted((max(first, a), min(last, b)) for a, b in ranges if a <= last and b >= first)


def complement(first: int, last: int, parts: list[Range]) -> list[Range]:
    """What remains of `first` … `last` without its `parts`, which ascend by where they begin and may overlap."""
    remaining: list[Range] = []
    for a, b in parts:
        if first < a:
            remaining.append((first, a - 1))
        first = max(first, b + 1)
    if first <= last:
        remaining.append((first, last))
    return remaining


def _without(gap: Range, first: int, last: int) -> Iterator[Range]:
    a, b = gap
    if last < a or first > b:
        yield gap
        return
    if a < first:
        yield a, first - 1
    if last < b:
        yield last + 1, b

"""Lower bounds: what a card cannot honestly be below (P-R8).

A terminal knows of a purse: its own durable records, the state table's row, the floor of the best certificate. A card
that shows less is *behind*: a restored dump, a clone, or a broken chip. The answer is to refuse, never to repair: an
automatic roll-forward would make a thief's false records real on patrons' cards (hole H16). Only durable records
raise a bound; a bound raised by a mere read would refuse honest cards (hole H23).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Bound(NamedTuple):
    """A durable (counter, debited) pair of a purse."""

    counter: int
    debited: int

    def accepts(self, counter: int, debited: int) -> bool:
        """Equal to the bound, or a higher counter with at least its debited."""
        return (counter, debited) == self or (counter > self.counter and debited >= self.debited)


def accepted(bounds: Iterable[Bound], counter: int, debited: int) -> bool:
    """Whether a card whose newest record states (counter, debited) passes every bound."""
    return all(bound.accepts(counter, debited) for bound in bounds)

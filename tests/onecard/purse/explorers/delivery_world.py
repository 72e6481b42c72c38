"""The world of M3: one ring, two copies of a load certificate, and what terminals hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.ring import SLOTS, Ring
from tests.onecard.purse.explorers.physics import GARBAGE, Block, Blocks, Physics, View
from tests.onecard.purse.explorers.switches import Switch

TERMINALS = 2
UNITS = 2
"""Sectors of one copy; each is written and torn as one block of physics."""
GENESIS_LOAD = 1


@dataclass(frozen=True, slots=True)
class Scope:
    """How far to search: ring records beyond the card's first three, certificates beyond its first. `stride` is what
    L rises by between two of them (gaps are normal, P-R14)."""

    records: int
    certificates: int
    physics: Physics = Physics.WEAK
    stride: int = 1
    off: Switch | None = None

    @property
    def atomic(self) -> bool:
        """As of the card port."""
        return self.physics is Physics.ATOMIC


class Announced(NamedTuple):
    """One ring record for which there is an INTENT: the record it stands on, the copy it names, the L in there, and the
    L that its terminal stated (less, when it knew of no newer one that agrees modulo 8)."""

    base: int
    copy: int
    load_sequence: int
    stated: int
    acked: bool


class Told(NamedTuple):
    """What only grows: records, and how many certificates the issuer signed after the first."""

    records: tuple[Announced, ...]
    issued: int


class Body(NamedTuple):
    """The card, and what each terminal holds: the L of its certificate, and the last L it knows to have been in
    force: only an acknowledged record under it tells."""

    ring: Blocks
    units: Blocks
    held: tuple[int, ...]
    on_card: tuple[int, ...]


FIRST = (
    Told(
        (
            Announced(0, 0, GENESIS_LOAD, GENESIS_LOAD, acked=True),
            Announced(0, 0, GENESIS_LOAD, GENESIS_LOAD, acked=True),
            Announced(1, 0, GENESIS_LOAD, GENESIS_LOAD, acked=True),
        ),
        0,
    ),
    Body(
        tuple(Block(place, weak=False) for place in range(SLOTS)),
        (*(Block(GENESIS_LOAD, weak=False),) * UNITS, *(Block(GARBAGE, weak=False),) * UNITS),
        (GENESIS_LOAD,) * TERMINALS,
        (GENESIS_LOAD,) * TERMINALS,
    ),
)


def records_of(told: Told) -> tuple[DebitRecord, ...]:
    """The records announced. Money is M1's business: all are null records, told apart by their sequence byte."""
    records: list[DebitRecord] = []
    for place, announced in enumerate(told.records):
        counter = records[announced.base].counter + 1 if place else 0
        reference = LoadReference.of(announced.copy, announced.load_sequence)
        records.append(DebitRecord(counter, reference, debited=0, terminal=1, sequence_byte=place))
    return tuple(records)


def ring_of(records: tuple[DebitRecord, ...], view: View) -> Ring:
    """The ring as the product sees it."""
    return Ring(tuple(None if record == GARBAGE else records[record] for record in view))


def copy_of(view: View, copy: int) -> int:
    """The L of a copy in one reading of the units; garbage unless all its units carry the same one."""
    units = view[copy * UNITS : (copy + 1) * UNITS]
    return units[0] if len(set(units)) == 1 else GARBAGE

"""Holders with a reader at home: they read and write a MIFARE Classic whole (docs/purse.md, Attackers and bounds)."""

from __future__ import annotations

from tools.fleet.card import ClassicPurse
from tools.fleet.chance import Chance
from tools.fleet.faults import Fault, Faults, Stream
from tools.fleet.patrons import Patron

_DUMPS = 3


def at_home(patron: Patron, purse: ClassicPurse, faults: Faults, stream: Stream, draw: Chance) -> None:
    """Before a visit: the card is put back to an earlier dump, or one of two clones is taken along."""
    card = patron.card
    match faults.one_of((Fault.ROLLED_BACK, Fault.CLONED), stream):
        case Fault.ROLLED_BACK if patron.dumps:
            card.honest = False
            card.purse = draw.pick(patron.dumps).copy()
        case Fault.CLONED if patron.dumps:
            card.honest = False
            place = draw.below(len(patron.dumps))
            card.purse, patron.dumps[place] = patron.dumps[place], purse  # each lives on by itself
        case None if draw.below(3) == 0:
            patron.dumps = [*patron.dumps[1 - _DUMPS :], purse.copy()]
        case _:
            pass

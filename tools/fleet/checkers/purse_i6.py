"""PURSE I6: the certificate in force is always readable, in every reading of the card."""

from __future__ import annotations

from collections.abc import Callable

from tools.fleet.checkers.scene import Decode, readings
from tools.fleet.report import Violation
from tools.fleet.truth import CardTruth

LoadSequence = Callable[[bytes, bytes], int | None]
"""The L that 96 bytes state for a card; None when they are no certificate of it."""


def check(card: CardTruth, decode: Decode, load_sequence: LoadSequence) -> Violation | None:
    """After each presentation that wrote anything."""
    for read in readings(card, decode):
        if read is None:
            continue
        image = card.purse.certificate(read.load_reference.copy)
        stated = None if image is None else load_sequence(image, card.uid)
        if stated is None or stated & 7 != read.load_reference.load_mod8:
            return Violation("purse I6", f"copy {read.load_reference.copy} is in force and cannot be read", card.uid)
    return None

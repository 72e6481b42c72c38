"""Whether a card is as a card of ours should be: closed as it left the desk, every purse good. Only reads.

What a terminal knows of its own journal plays no part: the card is judged by what stands on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firmware.card_sight import Refused, Sight
from firmware.purse_memory import PurseMemory
from firmware.results import NoCard
from hardware.cards.desfire.inspection import inspect_desfire
from hardware.cards.inspection import Inspection, inspect_classic
from hardware.cards.port import CardFamily
from hardware.cards.selection import UnknownCard, family_of
from hardware.reader import Reader, only_card
from hardware.sam.port import Sam
from onecard.enrolment import Identity
from onecard.identity import CardNumber


@dataclass(frozen=True, slots=True)
class PurseFound:
    """A good purse: loaded under certificate `load_sequence`, debited `counter` times, `balance` left, in fen."""

    purse: int
    card_number: CardNumber
    load_sequence: int
    counter: int
    loaded: int
    debited: int

    @property
    def balance(self) -> int:
        """In fen."""
        return self.loaded - self.debited


@dataclass(frozen=True, slots=True)
class CardFound:
    """One card, what was found of its keys and purses, and what is wrong with it, for people."""

    family: CardFamily
    inspection: Inspection
    purses: tuple[PurseFound, ...]
    faults: tuple[str, ...]


def verify_card(
    reader: Reader,
    sam: Sam,
    identity: Identity,
    random: Callable[[int], bytes],
    seen: Callable[[int], None] = lambda part: None,
) -> CardFound:
    """Look at the one card on the reader; `random(n)` gives n unpredictable bytes; `seen` is told each of the
    16 parts of it done, from 0.

    Raises `hardware.reader.CardError`s, `ReaderError`s.
    """
    target = only_card(reader)
    family = family_of(target)
    match family:
        case CardFamily.CLASSIC:
            inspection = inspect_classic(reader, target, sam, seen)
        case CardFamily.DESFIRE:
            inspection = inspect_desfire(reader, target, sam, random, seen)
        case None:
            raise UnknownCard(target, "is neither MIFARE Classic 1K nor DESFire")
    sight = Sight(reader, PurseMemory(identity.number, identity.keys), sam)
    purses: list[PurseFound] = []
    faults = list(inspection.faults)
    for purse in inspection.purses:
        found = _purse(sight, purse)
        if isinstance(found, str):
            faults.append(f"purse {purse}: {found}")
        else:
            purses.append(found)
    return CardFound(family, inspection, tuple(purses), tuple(faults))


def _purse(sight: Sight, purse: int) -> PurseFound | str:
    """The purse, or what is wrong with it."""
    shown = sight.select(purse)
    if isinstance(shown, NoCard):
        return "the card was taken away"
    if isinstance(shown, Refused):
        return _words(shown)
    known = sight.read_certificate(shown)
    if isinstance(known, Refused):
        return _words(known)
    certificate, newest = known.in_force.certificate, shown.newest
    if newest.debited > certificate.loaded:
        return f"more is debited ({newest.debited} fen) than was ever loaded ({certificate.loaded} fen)"
    return PurseFound(
        purse=purse,
        card_number=certificate.card_number,
        load_sequence=certificate.load_sequence,
        counter=newest.counter,
        loaded=certificate.loaded,
        debited=newest.debited,
    )


def _words(refused: Refused) -> str:
    return refused.reason.name.lower().replace("_", " ")

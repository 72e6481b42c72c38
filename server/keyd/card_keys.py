"""All keys of one card, by its family, from the masters of every version. Pure."""

from __future__ import annotations

from itertools import islice, product

from onecard.card_keys import (
    classic_key_a,
    classic_key_b,
    desfire_application_key,
    desfire_card_key,
    desfire_debit_key,
)
from onecard.desk import CardKeys
from onecard.errors import OnecardError
from onecard.key_table import VERSIONS
from onecard.keys import KeyRing, Role

_CLASSIC_SECTORS = 16
_APPLICATIONS = (bytes.fromhex("00caf0"),)
"""Of the purses that cards are issued with, in wire order (docs/formats/card-desfire.md)."""


class UnknownFamily(OnecardError):
    """A card family whose keys are not known here."""

    def __init__(self, family: int) -> None:
        self.family = family
        super().__init__(f"card family {family} has no keys here")


def card_keys(masters: KeyRing, uid: bytes, family: int) -> list[CardKeys]:
    """The keys that card `uid` may bear, the newest first; at least one. Of a MIFARE Classic, (A, B) by sector;
    of a DESFire, the card's own key, then by purse its application's keys 0, 1 and 2.

    Masters of different roles are renewed at different times, so every pair of their versions may be met: nine pairs
    at most, which fit an answer of 4,096 bytes. Raises `UnknownFamily`.
    """
    match family:  # the wire numbers of `hardware.cards.port.CardFamily`
        case 1:
            pairs = product(_newest(masters, Role.CLASSIC_READ_WRITE), _newest(masters, Role.CLASSIC_PERSONALISE))
            return [_classic(uid, read_write, personalise) for read_write, personalise in pairs]
        case 2:
            pairs = product(_newest(masters, Role.DESFIRE_DEBIT), _newest(masters, Role.DESFIRE_PERSONALISE))
            return [_desfire(uid, debit, personalise) for debit, personalise in pairs]
    raise UnknownFamily(family)


def _newest(masters: KeyRing, role: Role) -> list[bytes]:
    return [key for _, key in islice(masters.newest_first(role), VERSIONS)]


def _classic(uid: bytes, read_write: bytes, personalise: bytes) -> CardKeys:
    return tuple(
        (classic_key_a(read_write, uid, sector), classic_key_b(personalise, uid, sector))
        for sector in range(_CLASSIC_SECTORS)
    )


def _desfire(uid: bytes, debit: bytes, personalise: bytes) -> CardKeys:
    applications = (
        (
            desfire_application_key(personalise, uid, application, 0),
            desfire_debit_key(debit, uid, application),
            desfire_application_key(personalise, uid, application, 2),
        )
        for application in _APPLICATIONS
    )
    return ((desfire_card_key(personalise, uid),), *applications)

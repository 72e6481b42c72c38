"""All keys of one card, by its family, from the masters of every version. Pure."""

from __future__ import annotations

from itertools import islice, product

from onecard.card_keys import classic_key_a, classic_key_b
from onecard.desk import CardKeys
from onecard.errors import OnecardError
from onecard.keys import KeyRing, Role

CLASSIC = 1
"""Wire number of the family (`hardware.cards.port.CardFamily`)."""
VERSIONS = 3
"""Of one master, the newest: a card older than that is replaced. Nine pairs of them fit an answer of 4,096 bytes."""
_CLASSIC_SECTORS = 16


class UnknownFamily(OnecardError):
    """A card family whose keys are not known here."""

    def __init__(self, family: int) -> None:
        self.family = family
        super().__init__(f"card family {family} has no keys here")


def card_keys(masters: KeyRing, uid: bytes, family: int) -> list[CardKeys]:
    """The keys that card `uid` may bear, the newest first; at least one. Of a MIFARE Classic, (A, B) by sector.

    Masters of different roles are renewed at different times, so every pair of their versions may be met. Raises
    `UnknownFamily`.
    """
    if family != CLASSIC:
        raise UnknownFamily(family)
    pairs = product(_newest(masters, Role.CLASSIC_READ_WRITE), _newest(masters, Role.CLASSIC_PERSONALISE))
    return [_classic(uid, read_write, personalise) for read_write, personalise in pairs]


def _newest(masters: KeyRing, role: Role) -> list[bytes]:
    return [key for _, key in islice(masters.newest_first(role), VERSIONS)]


def _classic(uid: bytes, read_write: bytes, personalise: bytes) -> CardKeys:
    return tuple(
        (classic_key_a(read_write, uid, sector), classic_key_b(personalise, uid, sector))
        for sector in range(_CLASSIC_SECTORS)
    )

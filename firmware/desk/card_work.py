"""What a desk writes on cards, by their family: new contents, new keys. Jobs and journal are `issuing`'s."""

from __future__ import annotations

from hardware.cards import key_renewal, personalisation
from hardware.cards.classic_layout import KEY_SIZE, SECTORS
from hardware.cards.key_renewal import RenewalScript
from hardware.cards.personalisation_errors import (
    CardInUse,
    ForeignCard,
    NotAsWritten,
    PersonalisationCut,
    TornTrailer,
    WrongCard,
)
from hardware.cards.personalisation_script import PersonalisationScript, PurseImages, SectorKeys
from hardware.cards.port import CardFamily
from hardware.reader import AccessDenied, CardGone, Reader, WrongKey, only_card
from onecard.desk import BadDeskMessage, CardKeys, CardScript, Renewal
from onecard.purse.record import RECORD_SIZE

WASTE = (ForeignCard, TornTrailer, CardInUse, NotAsWritten)
"""What ends a job: this card can never take it."""
INTERRUPTED = (PersonalisationCut, WrongCard, CardGone, AccessDenied, WrongKey)
"""What the same card, put back, goes on from."""


def make(reader: Reader, script: CardScript) -> None:
    """Write a new card and read all of it back, from wherever an earlier run was cut.

    Raises those of `WASTE` and `INTERRUPTED`, `BadDeskMessage`, `ReaderError`s.
    """
    _check(script.family)
    plan = PersonalisationScript(
        uid=script.uid,
        keys=_sector_keys(script.keys),
        purses={script.purse: PurseImages(ring_images(script.ring), script.certificate)},
    )
    for work in (personalisation.personalise, personalisation.verify):
        work(reader, only_card(reader), plan)


def renew(reader: Reader, renewal: Renewal) -> None:
    """Give a card in use its newest keys, from wherever an earlier run was cut. Raises as `make`."""
    _check(renewal.family)
    script = RenewalScript(renewal.uid, tuple(_sector_keys(keys) for keys in renewal.versions))
    key_renewal.renew(reader, only_card(reader), script)


def ring_images(ring: bytes) -> tuple[bytes, bytes, bytes]:
    """The three images of 48 bytes."""
    first, second, third = (ring[at : at + RECORD_SIZE] for at in range(0, len(ring), RECORD_SIZE))
    return first, second, third


def _check(family: int) -> None:
    if family != CardFamily.CLASSIC.value:
        raise BadDeskMessage(f"cards of family {family} are not written here")


def _sector_keys(keys: CardKeys) -> tuple[SectorKeys, ...]:
    if len(keys) != SECTORS or any(len(row) != 2 or {len(key) for key in row} != {KEY_SIZE} for row in keys):
        raise BadDeskMessage(f"the keys are not two of {KEY_SIZE} bytes for each of {SECTORS} sectors")
    return tuple(SectorKeys(*row) for row in keys)

"""What a desk writes on cards, by their family: new contents, new keys. Jobs and journal are `issuing`'s."""

from __future__ import annotations

from collections.abc import Callable

from hardware.cards import blank, key_renewal, personalisation
from hardware.cards.classic_layout import KEY_SIZE, SECTORS
from hardware.cards.desfire import key_renewal as desfire_renewal
from hardware.cards.desfire import personalisation as desfire_personalisation
from hardware.cards.desfire.key_renewal import DesfireRenewal
from hardware.cards.desfire.layout import KEYS
from hardware.cards.desfire.script import KEY_SIZE as DESFIRE_KEY_SIZE
from hardware.cards.desfire.script import ApplicationKeys, DesfireKeys, DesfireScript, PurseContents
from hardware.cards.key_renewal import RenewalScript
from hardware.cards.personalisation_errors import CardInUse, ForeignCard, NotAsWritten, TornTrailer
from hardware.cards.personalisation_script import PersonalisationScript, PurseImages, SectorKeys
from hardware.cards.port import CardFamily
from hardware.cards.selection import family_of
from hardware.reader import Reader, Target, only_card
from onecard.desk import BadDeskMessage, CardKeys, CardScript, Renewal
from onecard.purse.record import RECORD_SIZE

WASTE = (ForeignCard, TornTrailer, CardInUse, NotAsWritten)
"""What ends a job: this card can never take it. The same card, put back, goes on from every other `CardError`."""


class CardWork:
    """The work at one reader."""

    def __init__(self, reader: Reader, random: Callable[[int], bytes]) -> None:
        """`random(n)` gives n unpredictable bytes."""
        self._reader = reader
        self._random = random

    def make(self, script: CardScript) -> None:
        """Write a new card and read all of it back, from wherever an earlier run was cut.

        Raises `CardError`s, those of `WASTE` among them, `BadDeskMessage`, `ReaderError`s.
        """
        match _family(script.family):
            case CardFamily.CLASSIC:
                plan = _classic_script(script)
                for work in (personalisation.personalise, personalisation.verify):
                    work(self._reader, only_card(self._reader), plan)
            case CardFamily.DESFIRE:
                desfire_plan = _desfire_script(script)
                for desfire_work in (desfire_personalisation.personalise, desfire_personalisation.verify):
                    desfire_work(self._reader, only_card(self._reader), desfire_plan, self._random)

    def renew(self, renewal: Renewal) -> None:
        """Give a card in use its newest keys, from wherever an earlier run was cut. Raises as `make`."""
        uid, target = renewal.uid, only_card(self._reader)
        match _family(renewal.family):
            case CardFamily.CLASSIC:
                sectors = tuple(_sector_keys(keys) for keys in renewal.versions)
                key_renewal.renew(self._reader, target, RenewalScript(uid, sectors))
            case CardFamily.DESFIRE:
                versions = tuple(_desfire_keys(keys) for keys in renewal.versions)
                desfire_renewal.renew(self._reader, target, DesfireRenewal(uid, versions), self._random)

    def is_blank(self, target: Target) -> bool:
        """Whether the card `reader.poll` just selected is as from the factory. Raises `CardError`s, `ReaderError`s."""
        match family_of(target):
            case CardFamily.CLASSIC:
                return blank.is_blank(self._reader, target)
            case CardFamily.DESFIRE:
                return desfire_personalisation.is_blank(self._reader, target, self._random)
            case None:
                return False


def ring_images(ring: bytes) -> tuple[bytes, bytes, bytes]:
    """The three images of 48 bytes."""
    first, second, third = (ring[at : at + RECORD_SIZE] for at in range(0, len(ring), RECORD_SIZE))
    return first, second, third


def _family(number: int) -> CardFamily:
    try:
        return CardFamily(number)
    except ValueError as error:
        raise BadDeskMessage(f"cards of family {number} are not written here") from error


def _classic_script(script: CardScript) -> PersonalisationScript:
    images = PurseImages(ring_images(script.ring), script.certificate)
    return PersonalisationScript(script.uid, _sector_keys(script.keys), {script.purse: images})


def _sector_keys(keys: CardKeys) -> tuple[SectorKeys, ...]:
    if len(keys) != SECTORS or any(len(row) != 2 or {len(key) for key in row} != {KEY_SIZE} for row in keys):
        raise BadDeskMessage(f"the keys are not two of {KEY_SIZE} bytes for each of {SECTORS} sectors")
    return tuple(SectorKeys(*row) for row in keys)


def _desfire_script(script: CardScript) -> DesfireScript:
    if script.purse != 0:
        raise BadDeskMessage(f"purse {script.purse} of a DESFire is not written here")
    contents = PurseContents(ring_images(script.ring), script.certificate)
    return DesfireScript(script.uid, _desfire_keys(script.keys), {0: contents})


def _desfire_keys(keys: CardKeys) -> DesfireKeys:
    """Of one purse, purse 0: the one that cards are issued with."""
    if [len(row) for row in keys] != [1, KEYS] or {len(key) for row in keys for key in row} != {DESFIRE_KEY_SIZE}:
        raise BadDeskMessage(f"the keys are not one and {KEYS} of {DESFIRE_KEY_SIZE} bytes")
    return DesfireKeys(keys[0][0], {0: ApplicationKeys(*keys[1])})

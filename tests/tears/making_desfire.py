"""Making a DESFire at the desk, as `tests.tears.desk_work` searches it.

Checked on each card that a cut leaves:
- a card that opens with our key is whole: no default key, and what the uncut run makes;
- run again, the script ends at either desk, with that same card;
- a card on which a terminal can sell, finished or not, is not touched by the script once it did: `CardInUse`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from firmware.desk.card_work import CardWork
from firmware.results import Paid
from hardware.cards.port import CardFamily
from hardware.virtual.desfire.contents import DesfireImage, Generation
from hardware.virtual.schedule import Schedule
from onecard.desk import CardScript
from onecard.keys import KeyRing
from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.ring import SLOTS
from server.keyd.card_keys import card_keys
from tests.tears.choices import Choices
from tests.tears.cuts import Tear
from tests.tears.desfire import Desfire, Purse
from tests.tears.desfire_card import WholeCard, blank
from tests.tears.desk_work import Ending, Half, run, runs
from tests.tears.family import Grain, Laid
from tests.tears.stage import Doing, Stage, Step
from tests.tears.world import ISSUER, LOADED, UID, Terminal, World

_CERTIFICATE = ISSUER.certificate(UID, 1, LOADED)
_MASTERS = KeyRing({(role, 1): key for role, key in ISSUER.masters.items()})
_RECORDS = (DebitRecord(counter, LoadReference.of(0, 1), 0, 0, 0) for counter in range(SLOTS))
SCRIPT = CardScript(
    uid=UID,
    family=CardFamily.DESFIRE.value,
    purse=0,
    card_number=ISSUER.number(UID),
    keys=card_keys(_MASTERS, UID, CardFamily.DESFIRE.value)[0],
    ring=b"".join(ISSUER.record_image(UID, record) for record in _RECORDS),
    certificate=_CERTIFICATE,
)


@dataclass(frozen=True)
class Making:
    """The work."""

    generation: Generation

    @property
    def start(self) -> WholeCard:
        """What it begins with."""
        return blank(UID, self.generation)

    def lay(self, card: Hashable, schedule: Schedule, choices: Choices, tear: Tear | None) -> Laid:
        assert isinstance(card, WholeCard)
        return card.lay(schedule)

    def do(self, at: CardWork) -> None:
        at.make(SCRIPT)

    def tears(self, command: bytes, grain: Grain) -> Iterator[Tear]:
        yield from Desfire(self.generation).tears(command, grain)

    def tears_for_ever(self, command: bytes, tear: Tear) -> bool:
        return False

    def violation(self, half: Half) -> str | None:
        card = half.card
        assert isinstance(card, WholeCard)
        whole = run(self, self.start, Choices()).card
        if card.keys[0].key.secret == SCRIPT.keys[0][0] and card != whole:
            return "a card that opens with our key is not whole"
        for ran in runs(self, card):
            if ran.ending is not Ending.FINISHED:
                return f"run again, the card ends {ran.ending.name}"
            assert isinstance(ran.card, WholeCard)
            if ran.card != whole or any(not any(key.key.secret) for key in ran.card.keys):
                return "a finished card is not what the script says"
        return self._violation_if_used(card)

    def _violation_if_used(self, card: WholeCard) -> str | None:
        if any(held is None for held in card.data_files()):
            return None
        stage = Stage(Desfire(self.generation))
        purse = Purse.of(DesfireImage(UID, card.contents))
        world = World(purse, (Terminal(1), Terminal(2)), frozenset(), (_CERTIFICATE,), LOADED)
        for doing in (Doing.TAP, Doing.SETTLE):
            sold = stage.run(world, Step(doing, 0), Choices())
            used = sold.world.card
            assert isinstance(used, Purse)
            if used == purse:
                assert not isinstance(sold.result, Paid)
                continue
            before = WholeCard(UID, used.contents)
            for ran in runs(self, before):
                if ran.card != before:
                    return "a card that a terminal wrote on is written again"
                if ran.ending is not Ending.IN_USE:
                    return f"a card that a terminal wrote on ends {ran.ending.name}"
        return None

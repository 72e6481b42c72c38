"""Which family a listed card belongs to, and the purse on it.

Source: NXP AN10833. A Classic 1K is known by its SAK alone (08; 88 from Infineon): its ATQA changes with the size of
the UID. SAK 20 only says ISO 14443-4, which phones and bank cards say too; the ATQA tells a DESFire from most of them.
"""

from __future__ import annotations

from hardware.cards.classic import ClassicPurse
from hardware.cards.classic_session import ClassicSession
from hardware.cards.desfire.opening import Openings
from hardware.cards.desfire.purse import DesfirePurse
from hardware.cards.desfire.session import DesfireSession
from hardware.cards.port import CardFamily, PurseCard, PurseKeys
from hardware.reader import CardError, Reader, Target

_CLASSIC_1K_SAKS = (0x08, 0x88)
_ISO_DEP_SAK = 0x20
_DESFIRE_ATQAS = (bytes.fromhex("0344"), bytes.fromhex("0304"))


class UnknownCard(CardError):
    """A card of a family this terminal does not serve."""

    def __init__(self, target: Target, why: str) -> None:
        self.target = target
        super().__init__(
            f"card {target.uid.hex()} (SAK {target.sak:02X}, ATQA {target.atqa.hex()}) {why}: present a OneCard alone"
        )


def family_of(target: Target) -> CardFamily | None:
    """The family of a listed card; None when it is none of ours."""
    if target.sak in _CLASSIC_1K_SAKS:
        return CardFamily.CLASSIC
    if target.sak == _ISO_DEP_SAK and target.atqa in _DESFIRE_ATQAS:
        return CardFamily.DESFIRE
    return None


def select_purse(reader: Reader, target: Target, keys: PurseKeys, purse: int, openings: Openings) -> PurseCard:
    """A purse of the one card `reader.poll` just selected; no command is sent. Raises `UnknownCard`."""
    family = family_of(target)
    if family is None:
        raise UnknownCard(target, "is neither MIFARE Classic 1K nor DESFire")
    if not 0 <= purse < family.limits.purses:
        raise UnknownCard(target, f"has no room for a purse {purse}")
    match family:
        case CardFamily.CLASSIC:
            return ClassicPurse(ClassicSession(reader, target), keys, purse)
        case CardFamily.DESFIRE:
            return DesfirePurse(DesfireSession(reader, target, openings.random), keys, purse, openings)

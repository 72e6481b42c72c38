"""Whether a DESFire of ours is closed as it left the desk: looked at with a terminal's own keys, nothing written.

It is sound when the card itself no longer opens with the factory's key, and each application of ours opens with our
debit key and with no key of the factory. Rights of files are told only to the desk's keys: that they are right was
proved when the card was made, and nobody has the right to change them.
"""

from __future__ import annotations

from collections.abc import Callable

from hardware.cards.desfire.administration import FACTORY_APPLICATION_KEY
from hardware.cards.desfire.layout import CARD_LEVEL, DEBIT_KEY, KEYS, application
from hardware.cards.desfire.opening import opens, opens_as_from_factory
from hardware.cards.desfire.session import DesfireSession
from hardware.cards.desfire.status import DesfireRefused, Status
from hardware.cards.inspection import Inspection
from hardware.cards.port import CardFamily, PurseKeys
from hardware.reader import Reader, Target


def inspect_desfire(
    reader: Reader,
    target: Target,
    keys: PurseKeys,
    random: Callable[[int], bytes],
    seen: Callable[[int], None] = lambda purse: None,
) -> Inspection:
    """Look at every purse that the card `reader.poll` just selected may have; `seen` is told each one done, 0 … 15.

    Raises `CardError`s, `ReaderError`s.
    """
    session = DesfireSession(reader, target, random)
    purses: list[int] = []
    earlier: list[int] = []
    faults: list[str] = []
    session.select_application(CARD_LEVEL)
    if opens_as_from_factory(session):
        faults.append("the card opens with the factory's key")
    for purse in range(CardFamily.DESFIRE.limits.purses):
        if _is_there(session, purse):
            purses.append(purse)
            ours = enumerate(keys.desfire_keys(target.uid, application(purse)))
            version = next((version for version, key in ours if opens(session, DEBIT_KEY, key)), None)
            if version is None:
                faults.append(f"purse {purse} does not open with our key")
            elif version > 0:
                earlier.append(purse)
            faults += [
                f"purse {purse} opens with the factory's key {number}"
                for number in range(KEYS)
                if opens(session, number, FACTORY_APPLICATION_KEY.secret)
            ]
        seen(purse)
    if not purses:
        faults.append("no application is one of ours")
    return Inspection(target.uid, tuple(purses), tuple(earlier), tuple(faults))


def _is_there(session: DesfireSession, purse: int) -> bool:
    session.select()
    try:
        session.select_application(application(purse))
    except DesfireRefused as refusal:
        if refusal.status == Status.APPLICATION_NOT_FOUND:
            session.select()
            return False
        raise
    return True

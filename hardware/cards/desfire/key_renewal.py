"""Renewing the keys of a DESFire that is in use; its files are not touched. Interruptible at any command.

Every key is looked at before any is changed: a card that cannot be finished is never begun. Then each key that is not
the newest is changed, in an application 1, 2 and last 0, the card's own last of all. ChangeKey is whole or not at all,
so what a cut leaves is keys of two versions, and the same script goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hardware.cards.desfire import administration
from hardware.cards.desfire.layout import CARD_LEVEL, KEYS, MASTER_KEY, application
from hardware.cards.desfire.opening import opens
from hardware.cards.desfire.script import DesfireKeys
from hardware.cards.desfire.session import DesfireSession
from hardware.cards.personalisation_errors import ForeignCard, NotAsWritten, PersonalisationCut, WrongCard
from hardware.reader import CardError, Reader, ReaderError, Target

_KEY_VERSION = 1
_ORDER = (*range(1, KEYS), MASTER_KEY)


@dataclass(frozen=True, slots=True)
class DesfireRenewal:
    """The keys that the card `uid` may bear, newest first, of the same purses in each."""

    uid: bytes
    versions: tuple[DesfireKeys, ...]

    def __post_init__(self) -> None:
        assert self.versions
        assert all(each.purses.keys() == self.newest.purses.keys() for each in self.versions)

    @property
    def newest(self) -> DesfireKeys:
        """What the card is to bear."""
        return self.versions[0]


def renew(reader: Reader, target: Target, renewal: DesfireRenewal, random: Callable[[int], bytes]) -> int:
    """Bring every key of the selected card to the newest, from wherever an earlier run was cut; how many were changed.

    Raises `WrongCard`, `ForeignCard`, `NotAsWritten`, `PersonalisationCut`.
    """
    if target.uid != renewal.uid:
        raise WrongCard(renewal.uid, target.uid)
    session = DesfireSession(reader, target, random)
    changed = 0
    try:
        borne = {purse: _borne_by_purse(session, renewal, purse) for purse in renewal.newest.purses}
        card_key = _borne_by_card(session, renewal)
        for purse, keys in borne.items():
            changed += _renew_purse(session, renewal, purse, keys)
        if card_key != renewal.newest.card:
            _renew_card(session, renewal, card_key)
            changed += 1
    except (ForeignCard, NotAsWritten):
        raise
    except (CardError, ReaderError) as cause:
        raise PersonalisationCut(renewal.uid, f"at least {changed} keys", cause) from cause
    return changed


def _borne_by_card(session: DesfireSession, renewal: DesfireRenewal) -> bytes:
    session.select_application(CARD_LEVEL)
    return _borne(session, MASTER_KEY, [each.card for each in renewal.versions], "its master key")


def _borne_by_purse(session: DesfireSession, renewal: DesfireRenewal, purse: int) -> list[bytes]:
    """The application's keys by number."""
    session.select_application(application(purse))
    return [
        _borne(session, number, [each.purses[purse][number] for each in renewal.versions], f"key {number} of {purse}")
        for number in range(KEYS)
    ]


def _borne(session: DesfireSession, number: int, candidates: Sequence[bytes], part: str) -> bytes:
    for key in dict.fromkeys(candidates):
        if opens(session, number, key):
            return key
    raise ForeignCard(session.uid, part)


def _renew_purse(session: DesfireSession, renewal: DesfireRenewal, purse: int, borne: list[bytes]) -> int:
    newest = renewal.newest.purses[purse]
    behind = [number for number in _ORDER if borne[number] != newest[number]]
    if not behind:
        return 0
    session.select_application(application(purse))
    _open(session, MASTER_KEY, borne[MASTER_KEY])
    for number in behind:
        old = None if number == MASTER_KEY else borne[number]
        administration.change_key(session, number, newest[number], _KEY_VERSION, old)
    for number in behind:
        _open(session, number, newest[number])
    return len(behind)


def _renew_card(session: DesfireSession, renewal: DesfireRenewal, borne: bytes) -> None:
    session.select_application(CARD_LEVEL)
    _open(session, MASTER_KEY, borne)
    administration.change_card_key(session, renewal.newest.card, _KEY_VERSION)
    session.select_application(CARD_LEVEL)
    _open(session, MASTER_KEY, renewal.newest.card)


def _open(session: DesfireSession, number: int, key: bytes) -> None:
    if not opens(session, number, key):
        raise NotAsWritten(session.uid, f"key {number}")

"""How a purse's application is opened: which authentication a card knows, and which version of our key it has.

EV2 and EV3 cards are opened with AuthenticateEV2First, EV1 cards, which call that an illegal command, with
AuthenticateAES. The newest debit key is tried first, then the previous (P-R27). What opened a card is remembered by
its UID, so that a card met again costs no failed attempt; the memory is bounded and a wrong one is only slow.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence

from hardware.cards.desfire.administration import FACTORY_CARD_KEY
from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.layout import DEBIT_KEY, application
from hardware.cards.desfire.session import DesfireSession
from hardware.cards.desfire.status import DesfireRefused, Status
from hardware.reader import WrongKey

REMEMBERED_CARDS = 4096

_OTHER_KEY = (Status.AUTHENTICATION_ERROR, Status.NO_SUCH_KEY)


class Openings:
    """What a terminal brings to the opening of DESFire cards: its random, and how cards opened last."""

    def __init__(self, random: Callable[[int], bytes] = os.urandom, most: int = REMEMBERED_CARDS) -> None:
        """`random(n)` gives n unpredictable bytes; `most` cards are remembered."""
        self.random = random
        self._most = most
        self._last: OrderedDict[bytes, tuple[Method, bytes]] = OrderedDict()

    def open(self, session: DesfireSession, purse: int, keys: Sequence[bytes]) -> None:
        """Select a purse's application and authenticate with the debit key, of which `keys` are the card's, newest
        first. Raises `WrongKey` when the card refuses, in whatever words: it is not ours, it has none of them, or it is
        a phone that takes this for a command of its own. Raises what `DesfireSession` raises beside refusals.
        """
        try:
            session.select_application(application(purse))
        except DesfireRefused as refusal:
            raise WrongKey(session.where) from refusal
        last_method, last_key = self._last.get(session.uid, (Method.EV2_FIRST, b""))
        methods = sorted((Method.EV2_FIRST, Method.AES), key=lambda each: each is not last_method)
        for key in sorted(keys, key=lambda each: each != last_key):
            for method in methods:
                try:
                    session.authenticate(method, DEBIT_KEY, Key(KeyType.AES, key))
                except DesfireRefused as refusal:
                    if refusal.status == Status.ILLEGAL_COMMAND:
                        continue
                    if refusal.status not in _OTHER_KEY:
                        raise WrongKey(session.where) from refusal
                    methods = [method]  # it knows this way, and has another key
                    break
                self._remember(session.uid, method, key)
                return
        raise WrongKey(session.where)

    def _remember(self, uid: bytes, method: Method, key: bytes) -> None:
        self._last[uid] = method, key
        self._last.move_to_end(uid)
        while len(self._last) > self._most:
            self._last.popitem(last=False)


def opens(session: DesfireSession, number: int, key: bytes) -> bool:
    """Whether this AES key is key `number` of what is selected; if so a channel is open under it. Raises what
    `DesfireSession` raises for anything but a wrong key."""
    for method in (Method.EV2_FIRST, Method.AES):
        try:
            session.authenticate(method, number, Key(KeyType.AES, key))
        except DesfireRefused as refusal:
            if refusal.status == Status.ILLEGAL_COMMAND:
                continue
            if refusal.status in _OTHER_KEY:
                return False
            raise
        return True
    return False


def opens_as_from_factory(session: DesfireSession) -> bool:
    """Whether the card itself, selected, still has the key it was shipped with; if so a channel is open under it."""
    try:
        session.authenticate(Method.LEGACY, 0, FACTORY_CARD_KEY)
    except DesfireRefused as refusal:
        if refusal.status in _OTHER_KEY:
            return False
        raise
    return True

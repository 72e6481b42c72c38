"""Closed lists that cards, records, screens and ledger share, with their wire numbers.

Wire numbers never change and are never reused.
"""

from __future__ import annotations

from enum import Enum, IntEnum, unique


@unique
class CardKind(IntEnum):
    """What a card is for; 4 bits in a certificate."""

    STORED_VALUE = 0
    FREE = 1
    CASHIER = 2
    OPERATOR = 3
    AUTHORISATION = 4


@unique
class PurseUnit(IntEnum):
    """What a purse counts; 1 bit in a certificate."""

    FEN = 0
    ENTRIES = 1


@unique
class Action(Enum):
    """What a card may be presented for."""

    PAY = "pay"
    SIGN_ON = "sign on"
    SELL = "sell"
    VOID = "void"
    Z_TOTAL = "z total"
    SETTINGS = "settings"
    TECHNICIAN_MENU = "technician menu"


ALLOWED: dict[CardKind, frozenset[Action]] = {
    CardKind.STORED_VALUE: frozenset({Action.PAY}),
    CardKind.FREE: frozenset({Action.PAY}),
    CardKind.CASHIER: frozenset({Action.SIGN_ON, Action.SELL}),
    CardKind.OPERATOR: frozenset({Action.SIGN_ON, Action.SELL, Action.VOID, Action.Z_TOTAL, Action.SETTINGS}),
    CardKind.AUTHORISATION: frozenset({Action.TECHNICIAN_MENU}),
}
"""Card kind × action, in this one place."""


@unique
class Outcome(IntEnum):
    """The final word on an intent, as journaled (docs/purse.md, outcome words).

    PAID: acknowledged and read back; success was shown. ACKED: the same for a null record. ABANDONED: no goods,
    final, whatever the card says later. UNSENT: no write command left the terminal.
    """

    PAID = 1
    ACKED = 2
    ABANDONED = 3
    UNSENT = 4


@unique
class Purpose(IntEnum):
    """Why a ring record is written."""

    SALE = 1
    FREE = 2
    DELIVERY = 3
    SEAL = 4
    SETTLE = 5


@unique
class DeclineReason(IntEnum):
    """Why a presented card was refused: shown to the cashier and journaled."""

    TWO_CARDS = 1
    FOREIGN_CARD = 2
    UNREADABLE_RING = 3
    CARD_BEHIND = 4
    NEEDS_UPDATE = 5
    SHORT_OF_MONEY = 6
    HOTLISTED = 7
    EXPIRED = 8
    WRONG_KIND = 9
    BAD_CERTIFICATE = 10
    CARD_MOVED = 11
    OFFLINE_CAP = 12
    WORN_OUT = 13
    NO_PRICE = 14
    OUT_OF_SERVICE = 15
    TAMPERED = 16


@unique
class ClockQuality(IntEnum):
    """How far a terminal's clock may be believed; it orders nothing."""

    UNKNOWN = 0
    KEPT = 1
    TRUSTED = 2

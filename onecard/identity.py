"""Who and what is named: cards, terminals, sites, records.

- Card number: 12 decimal digits, the last a Luhn check digit (ISO/IEC 7812-1 annex B). 0 is no card: records write it
  where a card or an operator is unknown.
- Terminal number: 1 … 65535. A re-flashed terminal, or one whose journal is lost, gets a new number (P-R7).
- Record name: (terminal, epoch, sequence), one record for ever (I-04). The sequence never restarts within a
  terminal number; the epoch rises at every start.
- UID: 4 or 7 bytes as the card answers at selection.
- Day number: days since 2000-01-01; expiry on cards.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import NewType

from onecard.errors import OnecardError

CardNumber = NewType("CardNumber", int)
"""A card number as an integer; `card_number_text` gives its 12 digits."""
TerminalNumber = NewType("TerminalNumber", int)
DayNumber = NewType("DayNumber", int)
"""Days since 2000-01-01."""

CARD_NUMBER_DIGITS = 12
TERMINAL_NUMBER_MAX = 0xFFFF
UID_SIZES = (4, 7)
_DAY_ZERO = datetime.date(2000, 1, 1)


class BadCardNumber(OnecardError):
    """A text that should be a card number is not one."""

    def __init__(self, text: str, why: str) -> None:
        self.text = text
        super().__init__(f"{text!r} is not a card number: {why}")


class BadUid(OnecardError):
    """A UID that no supported card has."""

    def __init__(self, uid: bytes) -> None:
        self.uid = uid
        super().__init__(f"UID {uid.hex()!r} has {len(uid)} bytes: cards here have 4 or 7")


@dataclass(frozen=True, slots=True, order=True)
class RecordName:
    """The name of one journal record, for ever (I-04)."""

    terminal: TerminalNumber
    epoch: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.terminal}/{self.epoch}/{self.sequence}"


def check_digit(body: int) -> int:
    """The Luhn digit that makes `body` followed by it a valid number."""
    total = 0
    for place, digit in enumerate(reversed(str(body))):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10


def card_number(serial: int) -> CardNumber:
    """The card number of the `serial`-th card (1 … 10^11 − 1): its digits, then the check digit."""
    assert 0 < serial < 10 ** (CARD_NUMBER_DIGITS - 1)
    return CardNumber(serial * 10 + check_digit(serial))


def is_card_number(number: int) -> bool:
    """Whether `number` has at most 12 digits, is not 0, and its check digit is right."""
    return 0 < number < 10**CARD_NUMBER_DIGITS and number % 10 == check_digit(number // 10)


def card_number_text(number: CardNumber) -> str:
    """The 12 digits, as printed on the card."""
    return f"{number:0{CARD_NUMBER_DIGITS}d}"


def parse_card_number(text: str) -> CardNumber:
    """A card number as typed; spaces are allowed. Raises `BadCardNumber`."""
    digits = text.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) == CARD_NUMBER_DIGITS):
        raise BadCardNumber(text, f"it must have {CARD_NUMBER_DIGITS} digits")
    if not is_card_number(int(digits)):
        raise BadCardNumber(text, "its check digit is wrong; read it again from the card")
    return CardNumber(int(digits))


def check_uid(uid: bytes) -> bytes:
    """`uid` itself when it has 4 or 7 bytes; else raises `BadUid`."""
    if len(uid) not in UID_SIZES:
        raise BadUid(uid)
    return uid


def day_number(day: datetime.date) -> DayNumber:
    """Days from 2000-01-01 to `day`; negative before."""
    return DayNumber((day - _DAY_ZERO).days)


def day_date(day: DayNumber) -> datetime.date:
    """The date of a day number."""
    return _DAY_ZERO + datetime.timedelta(days=day)

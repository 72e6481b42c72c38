"""The hotlist packed: the numbers of the cards to refuse, five bytes each, big-endian, ascending.

Bytes: docs/formats/state-table.md. A number is a row that is all key: to be there is to be refused.
"""

from __future__ import annotations

from onecard.identity import CARD_NUMBER_DIGITS, CardNumber
from onecard.packed_table import Form, PackedTable

NUMBER_SIZE = 5


def number_bytes(number: CardNumber) -> bytes:
    """The row of a card number, and its key."""
    return number.to_bytes(NUMBER_SIZE, "big")


HOTLIST = Form(
    "hotlist",
    row_size=NUMBER_SIZE,
    least=number_bytes(CardNumber(1)),
    greatest=number_bytes(CardNumber(10**CARD_NUMBER_DIGITS - 1)),
)


def is_listed(hotlist: PackedTable, number: CardNumber) -> bool:
    """Whether a card is to be refused."""
    return number_bytes(number) in hotlist

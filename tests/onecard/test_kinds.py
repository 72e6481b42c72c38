"""Wire numbers are frozen: cards, journals and ledgers hold them for ever."""

from __future__ import annotations

from enum import Enum

import pytest

from onecard import bundle, downlink, envelope, keys, kinds, records
from onecard.kinds import ALLOWED, Action, CardKind
from onecard.purse.certificate import Flags

_FROZEN: list[tuple[type[Enum], dict[str, int | bytes]]] = [
    (kinds.CardKind, {"STORED_VALUE": 0, "FREE": 1, "CASHIER": 2, "OPERATOR": 3, "AUTHORISATION": 4}),
    (kinds.PurseUnit, {"FEN": 0, "ENTRIES": 1}),
    (kinds.Outcome, {"PAID": 1, "ACKED": 2, "ABANDONED": 3, "UNSENT": 4}),
    (kinds.Purpose, {"SALE": 1, "FREE": 2, "DELIVERY": 3, "SEAL": 4, "SETTLE": 5}),
    (kinds.ClockQuality, {"UNKNOWN": 0, "KEPT": 1, "TRUSTED": 2}),
    (
        kinds.DeclineReason,
        {
            "TWO_CARDS": 1,
            "FOREIGN_CARD": 2,
            "UNREADABLE_RING": 3,
            "CARD_BEHIND": 4,
            "NEEDS_UPDATE": 5,
            "SHORT_OF_MONEY": 6,
            "HOTLISTED": 7,
            "EXPIRED": 8,
            "WRONG_KIND": 9,
            "BAD_CERTIFICATE": 10,
            "CARD_MOVED": 11,
            "OFFLINE_CAP": 12,
            "WORN_OUT": 13,
            "NO_PRICE": 14,
            "OUT_OF_SERVICE": 15,
            "TAMPERED": 16,
        },
    ),
    (
        records.RecordKind,
        {
            "BOOT": 1,
            "INTENT": 2,
            "OUTCOME": 3,
            "DECLINE": 4,
            "SHIFT": 5,
            "ISSUE": 6,
            "APPLIED": 7,
            "ACK": 8,
            "GAP": 9,
            "SEAL": 10,
            "PORT": 11,
        },
    ),
    (
        keys.Role,
        {
            "DEBIT_MAC": 1,
            "CLASSIC_READ_WRITE": 2,
            "CLASSIC_PERSONALISE": 3,
            "ISSUER": 4,
            "SERVER_SIGN": 5,
            "SERVER_SEAL": 6,
            "CHAIN": 7,
            "DESFIRE_DEBIT": 8,
            "DESFIRE_PERSONALISE": 9,
            "DEBIT_MAC_NEXT": 10,
        },
    ),
    (
        downlink.Table,
        {"TARIFF": 1, "HOTLIST": 2, "CERTIFICATES": 3, "STATE": 4, "SETTINGS": 5, "KEYS": 6},
    ),
    (
        bundle.Status,
        {
            "BACKLOG": 0,
            "OLDEST_AT": 1,
            "ROOM_PER_MILLE": 2,
            "CLOCK_AT": 3,
            "HOTLIST_AT": 4,
            "BATTERY_PER_MILLE": 5,
            "ON_MAINS": 6,
            "READER_ANSWERS": 7,
            "SOFTWARE": 8,
            "JOURNAL_FAULTS": 9,
            "CONTACT_AT": 10,
            "LIMITS_DIVISOR": 11,
        },
    ),
    (Flags, {"NONE": 0, "NAMED": 1, "TEMPORARY": 2, "CLOSED": 4}),
    (
        envelope.Domain,
        {
            "BUNDLE": b"onecard bundle 1",
            "ACKNOWLEDGEMENT": b"onecard acknowledgement 1",
            "DOWNLINK": b"onecard downlink 1",
            "ENROLMENT": b"onecard enrolment 1",
            "DESK": b"onecard desk 1",
            "ROSTER": b"onecard roster 1",
        },
    ),
]


@pytest.mark.parametrize(("closed_list", "numbers"), _FROZEN, ids=lambda value: getattr(value, "__name__", ""))
def test_wire_numbers_never_change(closed_list: type[Enum], numbers: dict[str, int | bytes]) -> None:
    """A new member may be added to this table; a number in it is never changed and never given again."""
    assert {name: member.value for name, member in closed_list.__members__.items()} == numbers


def test_only_value_and_free_cards_pay_and_only_operators_void() -> None:
    may = {action: {kind for kind in CardKind if action in ALLOWED[kind]} for action in Action}
    assert may[Action.PAY] == {CardKind.STORED_VALUE, CardKind.FREE}
    assert may[Action.VOID] == may[Action.Z_TOTAL] == may[Action.SETTINGS] == {CardKind.OPERATOR}
    assert may[Action.SELL] == may[Action.SIGN_ON] == {CardKind.CASHIER, CardKind.OPERATOR}
    assert may[Action.TECHNICIAN_MENU] == {CardKind.AUTHORISATION}
    assert set(ALLOWED) == set(CardKind)


def test_every_card_kind_fits_four_bits_of_a_certificate() -> None:
    assert all(0 <= kind < 16 for kind in CardKind)

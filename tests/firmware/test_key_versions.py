"""Cards that bear the previous version of a key (P-R27), on a virtual card behind the shipped driver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.results import Declined, Paid
from hardware.virtual import card_file
from onecard.keys import Role
from onecard.kinds import DeclineReason
from onecard.purse import record
from onecard.records import Decline
from tools.bench.till import Counter, Issuer, Till, counter, uids

_UID = uids(1)[0]
_OLD = Issuer()
_RENEWED = {**_OLD.masters, Role.DEBIT_MAC: b"new debit master", Role.CLASSIC_READ_WRITE: b"new A key master"}
_NEW = Issuer(
    masters=_RENEWED, earlier={role: _OLD.masters[role] for role in (Role.DEBIT_MAC, Role.CLASSIC_READ_WRITE)}
)
_MOVED_ON = replace(_NEW, earlier={})


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with counter(tmp_path_factory.mktemp("reader"), seed=27) as made:
        yield made


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return _OLD.card(tmp_path / "card", _UID, loaded=5000)


def test_a_card_of_the_previous_version_is_debited_under_the_current_one(
    desk: Counter, card: Path, tmp_path: Path
) -> None:
    till = Till(desk.reader, tmp_path / "journal", _NEW, 1)
    desk.place(card)
    assert isinstance(till.pay(1000), Paid)
    image = next(block for block in card_file.load(card).blocks if block[:3] == bytes.fromhex("000031"))
    assert record.decode(image, [record.record_key(_RENEWED[Role.DEBIT_MAC], _UID)], 0) is not None
    second = till.pay(1000)
    assert isinstance(second, Paid)
    assert second.balance == 3000


def test_a_card_of_a_version_no_longer_held_is_foreign(desk: Counter, card: Path, tmp_path: Path) -> None:
    till = Till(desk.reader, tmp_path / "journal", _MOVED_ON, 1)
    desk.place(card)
    assert till.pay() == Declined(DeclineReason.FOREIGN_CARD, b"")
    assert [each.reason for each in till.records(Decline) if isinstance(each, Decline)] == [DeclineReason.FOREIGN_CARD]


def test_a_torn_debit_of_such_a_card_is_settled_by_its_next_tap(desk: Counter, card: Path, tmp_path: Path) -> None:
    till = Till(desk.reader, tmp_path / "journal", _NEW, 1)
    desk.place(card)
    desk.tear("erased")
    till.pay(1000)
    desk.place(card)
    settled = till.pay(1000)
    assert isinstance(settled, Paid)
    assert settled.balance == 4000

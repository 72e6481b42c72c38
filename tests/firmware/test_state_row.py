"""What a row of the state table does at a tap: it bounds and lowers, and never gives (docs/adr/0010-state-table.md)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware.results import Abandoned, Declined, InDoubt, Paid, Shown
from firmware.tap import TapLimits
from hardware.virtual import card_file
from onecard.downlink import Table
from onecard.kinds import DeclineReason, Purpose
from onecard.money import Fen
from onecard.packed_table import PackedTable
from onecard.purse.certificate import Flags
from onecard.records import Ack, Applied, Decline, Intent
from onecard.state_table import STATE, StateRow, encode_row
from tests.firmware.records import state_row
from tools.bench.till import NOON, Counter, Issuer, Till, counter, uids

_UID, _OTHER = uids(2)
_AT_ISSUE = state_row(_UID, 2, 0)
"""What the server has of a new card: its ring's newest record is 2, nothing is debited."""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    with counter(tmp_path_factory.mktemp("reader"), seed=11) as made:
        yield made


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def till(desk: Counter, issuer: Issuer, tmp_path: Path) -> Till:
    return Till(desk.reader, tmp_path / "journal", issuer, next(_numbers))


@pytest.fixture
def card(issuer: Issuer, tmp_path: Path, desk: Counter) -> Path:
    """A new card with 50 yuan, on the reader."""
    made = issuer.card(tmp_path / "card", _UID, loaded=5000)
    desk.place(made)
    return made


def _know(till: Till, *rows: StateRow) -> None:
    till.memory.state = PackedTable(STATE, 1, b"".join(sorted(map(encode_row, rows))))


def _writes(card: Path) -> int:
    image = card_file.load(card)
    assert isinstance(image, card_file.ClassicImage)
    return image.writes


@pytest.mark.parametrize(("n", "debited"), [(9, 0), (3, 1), (2, 1)])
def test_a_card_below_its_row_is_behind_journaled_and_not_written(n: int, debited: int, till: Till, card: Path) -> None:
    """P-R8, R13: what other terminals debited is durable at the server; a dump from before it is refused here."""
    _know(till, replace(_AT_ISSUE, counter=n, debited=debited))
    writes = _writes(card)
    assert till.pay() == Declined(DeclineReason.CARD_BEHIND, _UID)
    assert till.teller.inquire(settle=True) == Declined(DeclineReason.CARD_BEHIND, _UID)
    declined = till.records(Decline)
    assert [record.reason for record in declined] == [DeclineReason.CARD_BEHIND] * 2
    assert all(len(record.ring) == 48 for record in declined)
    assert till.records(Intent) == []
    assert _writes(card) == writes


@pytest.mark.parametrize("row", [_AT_ISSUE, replace(_AT_ISSUE, counter=1), replace(_AT_ISSUE, uid=_OTHER, counter=9)])
def test_a_card_at_or_above_its_row_and_one_without_a_row_pay(row: StateRow, till: Till, card: Path) -> None:
    _know(till, row)
    assert isinstance(till.pay(), Paid)


def test_a_sale_in_doubt_of_a_card_with_a_row_is_paid_by_its_re_tap(till: Till, card: Path, desk: Counter) -> None:
    desk.tear("after")
    _know(till, _AT_ISSUE)
    assert isinstance(till.pay(1000), InDoubt)
    desk.place(card)
    assert isinstance(till.pay(1000), Paid)


def test_a_restored_card_is_behind_where_another_terminals_debit_is_in_the_row(
    till: Till, card: Path, desk: Counter, issuer: Issuer, tmp_path: Path
) -> None:
    """Attack A1 of the explorers: the terminal never saw the card, the table did."""
    dump = card.read_bytes()
    other = Till(desk.reader, tmp_path / "other", issuer, next(_numbers))
    assert isinstance(other.pay(4000), Paid)
    desk.place()
    card.write_bytes(dump)
    desk.place(card)
    _know(till, replace(_AT_ISSUE, counter=3, debited=4000))
    assert till.pay(4000) == Declined(DeclineReason.CARD_BEHIND, _UID)


def test_a_row_alone_never_raises_what_may_be_spent(till: Till, card: Path) -> None:
    """The web process can sign a downlink; only the issuer's key makes money."""
    _know(till, replace(_AT_ISSUE, load_sequence=7, loaded=1_000_000))
    assert till.pay(5001) == Declined(DeclineReason.SHORT_OF_MONEY, _UID, Fen(5000))


def test_a_row_of_a_newer_load_lowers_what_may_be_spent(till: Till, card: Path) -> None:
    """P-R17: a claw-back whose certificate has not come down yet."""
    _know(till, replace(_AT_ISSUE, load_sequence=2, loaded=3000))
    assert till.pay(3001) == Declined(DeclineReason.SHORT_OF_MONEY, _UID, Fen(3000))
    paid = till.pay(2000)
    assert isinstance(paid, Paid)
    assert paid.balance == 1000
    assert till.pay(2000) == Declined(DeclineReason.SHORT_OF_MONEY, _UID, Fen(1000))


@pytest.mark.parametrize("load_sequence", [1, 0])
def test_a_row_of_the_same_or_an_older_load_lowers_nothing(load_sequence: int, till: Till, card: Path) -> None:
    """A row that is late knows less than the certificate on the card."""
    _know(till, replace(_AT_ISSUE, load_sequence=load_sequence, loaded=3000))
    assert isinstance(till.pay(5000), Paid)


def test_a_certificate_that_came_raises_again_what_a_row_lowered(till: Till, card: Path, issuer: Issuer) -> None:
    _know(till, replace(_AT_ISSUE, load_sequence=2, loaded=3000))
    till.learn(issuer.certificate(_UID, 3, 9000))
    paid = till.pay(8000)
    assert isinstance(paid, Paid)
    assert paid.balance == 1000


@pytest.mark.parametrize("load_sequence", [0, 1, 2])
def test_a_closed_row_refuses_whatever_certificate_is_held(load_sequence: int, till: Till, card: Path) -> None:
    """P-R23: closed is final."""
    _know(till, replace(_AT_ISSUE, load_sequence=load_sequence, flags=Flags.CLOSED))
    assert till.pay() == Declined(DeclineReason.HOTLISTED, _UID)
    assert till.records(Intent) == []


def test_an_inquiry_of_a_settled_known_purse_writes_nothing_to_the_card(till: Till, card: Path) -> None:
    _know(till, _AT_ISSUE)
    writes = _writes(card)
    for _ in range(2):
        shown = till.teller.inquire(settle=True)
        assert isinstance(shown, Shown)
        assert shown.balance == 5000
    assert _writes(card) == writes
    assert till.records(Intent) == []


def _unsettled(till: Till) -> None:
    _know(till, replace(_AT_ISSUE, unsettled=True))


def _unknown(till: Till) -> None:
    _know(till, replace(_AT_ISSUE, uid=_OTHER))


@pytest.mark.parametrize("known", [_unsettled, _unknown])
def test_an_inquiry_settles_an_unsettled_purse_and_one_without_a_row(known: object, till: Till, card: Path) -> None:
    """P-R12."""
    assert callable(known)
    known(till)
    writes = _writes(card)
    assert isinstance(till.teller.inquire(settle=True), Shown)
    assert [Purpose(intent.purpose) for intent in till.records(Intent)] == [Purpose.SETTLE]
    assert _writes(card) > writes


def test_an_inquiry_settles_what_another_terminal_wrote_above_the_row(
    till: Till, card: Path, desk: Counter, issuer: Issuer, tmp_path: Path
) -> None:
    """I-11: that terminal may have been destroyed before it told."""
    _know(till, _AT_ISSUE)
    destroyed = Till(desk.reader, tmp_path / "destroyed", issuer, next(_numbers))
    assert isinstance(destroyed.pay(1000), Paid)
    desk.place()
    desk.place(card)
    shown = till.teller.inquire(settle=True)
    assert isinstance(shown, Shown)
    assert shown.balance == 4000
    assert [Purpose(intent.purpose) for intent in till.records(Intent)] == [Purpose.SETTLE]
    writes = _writes(card)
    assert isinstance(till.teller.inquire(settle=True), Shown)
    assert _writes(card) == writes, "its own record is durable"


def test_an_inquiry_settles_an_own_intent_that_is_unresolved(till: Till, card: Path, desk: Counter) -> None:
    _know(till, _AT_ISSUE)
    desk.tear("after")
    assert isinstance(till.pay(1000), InDoubt)
    assert isinstance(till.teller.abandon(), Abandoned)
    desk.place(card)
    assert isinstance(till.teller.inquire(settle=True), Shown)
    assert [Purpose(intent.purpose) for intent in till.records(Intent)] == [Purpose.SALE, Purpose.SETTLE]
    assert isinstance(till.teller.inquire(settle=True), Shown)
    assert len(till.records(Intent)) == 2, "what stands below a durable record is resolved"


def test_an_inquiry_delivers_to_a_settled_purse(till: Till, card: Path, issuer: Issuer) -> None:
    _know(till, _AT_ISSUE)
    till.learn(issuer.certificate(_UID, 2, 9000))
    shown = till.teller.inquire(settle=True)
    assert isinstance(shown, Shown)
    assert (shown.balance, shown.loaded) == (9000, True)


def _acknowledged(till: Till, state: int) -> None:
    till.log.write(Ack(NOON, 1, 1, 1, bytes(8), 0, state), durable=False)


def test_the_offline_cap_counts_from_the_table_sync(till: Till, card: Path) -> None:
    """P-R22: an acknowledgement that names a newer table than is held brings nothing that bounds this card."""
    limits = TapLimits(Fen(1500))
    till.restart(limits)
    assert isinstance(till.pay(1000), Paid)
    _acknowledged(till, 7)
    assert till.pay(1000) == Declined(DeclineReason.OFFLINE_CAP, _UID, Fen(4000))
    till.log.write(Applied(NOON, Table.STATE, 6), durable=False)
    till.restart(limits)
    assert till.pay(1000) == Declined(DeclineReason.OFFLINE_CAP, _UID, Fen(4000))
    till.log.write(Applied(NOON, Table.STATE, 7), durable=False)
    assert isinstance(till.pay(1000), Paid)
    till.restart(limits)
    assert till.pay(1000) == Declined(DeclineReason.OFFLINE_CAP, _UID, Fen(3000))
    _acknowledged(till, 7)
    assert isinstance(till.pay(1000), Paid)

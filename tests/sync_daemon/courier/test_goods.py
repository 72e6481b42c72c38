"""What a port gives and takes, by itself: where a laptop may go on, what is remembered, what becomes of a reply."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from onecard.bundle import Run, unpack
from onecard.condition import Condition
from onecard.courier_link.messages import Parcel
from onecard.envelope import Domain, open_envelope, verify
from onecard.errors import OnecardError
from sync_daemon.courier.goods import Busy, PortGoods, Refusal
from sync_daemon.credentials import read_credentials
from sync_daemon.own_journal import OwnJournal
from sync_daemon.standing import Standing
from tests.sync_daemon.keys import CHAIN_KEY, SEAL_PRIVATE, TERMINAL, TERMINAL_SIGN, ed25519_public
from tests.sync_daemon.till import MADE_AT, Till
from tests.sync_daemon.words import ack


class Port:
    """The goods of a till, and what they give."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.standing = Standing()
        credentials = read_credentials(till.data)
        journal = OwnJournal(till.data / "journal", TERMINAL)
        self.goods = PortGoods(journal, credentials, lambda: self.standing, Condition, lambda: MADE_AT + 9)

    def parcel(self, after: int = 0, tag: bytes = b"") -> Parcel:
        parcel = self.goods.parcel(after, tag)
        assert parcel is not None
        return parcel

    def run(self, parcel: Parcel) -> Run:
        """The bundle of a parcel, verified and opened as the server does."""
        content = self.goods.whole(parcel.key)
        assert content is not None
        assert (hashlib.sha256(content).digest(), len(content)) == (parcel.digest, parcel.size)
        envelope = open_envelope(content)
        verify(envelope, Domain.BUNDLE, ed25519_public(TERMINAL_SIGN))
        run = unpack(envelope, SEAL_PRIVATE)
        assert run.chain_holds(CHAIN_KEY)
        assert (run.first_sequence, run.last_sequence, run.last_tag) == (parcel.first, parcel.last, parcel.tag)
        return run


@pytest.fixture
def port(till: Till) -> Port:
    return Port(till)


def test_the_whole_backlog_comes_bundle_by_bundle(port: Port, till: Till) -> None:
    till.write(1200)
    hi = port.goods.greeting()
    assert (hi.terminal, hi.site, hi.durable, hi.acknowledged) == (17, "XDA", 1201, 0)
    after, tag, names = 0, b"", []
    while (parcel := port.goods.parcel(after, tag)) is not None:
        assert parcel.after == after
        names += [name for name, _, _ in port.run(parcel).named()]
        after, tag = parcel.last, parcel.tag
    assert names == till.names


def test_a_laptop_goes_on_behind_a_record_of_this_journal_alone(port: Port, till: Till) -> None:
    till.write(20)
    first = port.parcel()
    till.write(5)
    assert port.parcel(first.last, first.tag).first == first.last + 1
    assert port.parcel(first.last, bytes(8)).first == 1  # bundles of another life of the journal
    assert port.parcel(10_000, first.tag).first == 1


def test_nothing_that_the_server_has_is_given_again(port: Port, till: Till) -> None:
    till.write(20)
    first = port.parcel()
    port.standing = Standing(ack(15))
    assert port.parcel().first == 16
    assert port.parcel(9, bytes(8)).first == 16
    port.standing = Standing(ack(21))
    assert port.goods.parcel(0, b"") is None
    assert port.goods.parcel(first.last, first.tag) is None


def test_the_same_bundle_has_the_same_bytes_until_the_port_is_opened_anew(port: Port, till: Till) -> None:
    till.write(20)
    first = port.parcel()
    till.write(5)  # comes in the next one
    assert port.parcel() == first
    port.goods.forget()
    assert port.goods.whole(first.key) is None
    assert (port.parcel().digest == first.digest, port.parcel().last) == (False, 26)


def test_four_bundles_are_remembered_whatever_waits(port: Port, till: Till) -> None:
    till.write(2700)
    parcels = [port.parcel()]
    while (parcel := port.goods.parcel(parcels[-1].last, parcels[-1].tag)) is not None:
        parcels.append(parcel)
    held = [port.goods.whole(parcel.key) is not None for parcel in parcels]
    assert held == [False, False, True, True, True, True]


def test_no_record_can_be_read_off_a_bundle(port: Port, till: Till) -> None:
    till.write(50)
    parcel = port.parcel()
    content = port.goods.whole(parcel.key)
    assert content is not None
    assert all(payload not in content for _, payload in port.run(parcel).entries)


def test_a_terminal_without_a_journal_has_nothing_to_give(port: Port, tmp_path: Path) -> None:
    goods = PortGoods(
        OwnJournal(tmp_path / "none", TERMINAL), read_credentials(port.till.data), Standing, Condition, lambda: 0
    )
    assert goods.greeting().durable == 0
    assert goods.parcel(0, b"") is None


def test_a_reply_is_dealt_with_once_in_the_daemon_s_turn(port: Port) -> None:
    dealt: list[bytes] = []

    def take(reply: bytes) -> str:
        dealt.append(reply)
        return "an old table"

    assert port.goods.take(b"reply") is None
    assert port.goods.take(b"reply") is None
    assert dealt == []
    port.goods.deal_with_replies(take)
    assert port.goods.take(b"reply") == port.goods.take(b"reply") == "an old table"
    port.goods.deal_with_replies(take)
    assert dealt == [b"reply"]


def test_a_reply_that_failed_may_be_given_again(port: Port) -> None:
    def fail(reply: bytes) -> str:
        raise OnecardError("the disk is full")

    port.goods.take(b"reply")
    port.goods.deal_with_replies(fail)
    with pytest.raises(Refusal, match="the disk is full"):
        port.goods.take(b"reply")
    assert port.goods.take(b"reply") is None
    port.goods.deal_with_replies(lambda reply: "")
    assert port.goods.take(b"reply") == ""


def test_more_replies_than_are_looked_at_are_sent_away(port: Port) -> None:
    port.goods.take(b"one")
    port.goods.take(b"two")
    with pytest.raises(Busy):
        port.goods.take(b"three")
    assert port.goods.take(b"one") is None
    port.goods.deal_with_replies(lambda reply: "")
    assert port.goods.take(b"three") is None

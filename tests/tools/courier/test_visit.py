"""A laptop's visit: what it refuses, what it goes on from, and what it says at the end."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onecard.courier_link.messages import Hi, Parcel
from onecard.courier_link.port_end import PortEnd
from onecard.courier_store import CourierStore
from onecard.envelope import BadEnvelope, Domain, seal_envelope, server_key_id, terminal_key_id
from onecard.keys import BadSignature, KeyRing, sign
from onecard.roster import Roster
from tests.onecard.courier_link.terminal import Cut
from tools.courier.verification import WrongTerminal
from tools.courier.visit import Account, AnotherTerminal, TerminalRefuses, Visit

_SEED = bytes(range(32))
_PUBLIC = Ed25519PrivateKey.from_private_bytes(_SEED).public_key().public_bytes_raw()


def _bundle(size: int = 3000, terminal: int = 17, seed: bytes = _SEED, domain: Domain = Domain.BUNDLE) -> bytes:
    return seal_envelope(terminal_key_id(terminal), domain, bytes(size), lambda message: sign(seed, b"", message))


def _roster(**keys: bytes) -> Roster:
    return Roster(0, KeyRing({}), {17: _PUBLIC} | {int(name[1:]): key for name, key in keys.items()})


class Meeting:
    """A visit at a terminal that answers at once."""

    def __init__(self, folder: Path, goods: Cut, roster: Roster | None = None) -> None:
        self.goods = goods
        self.store = CourierStore(folder / "store")
        self.visit = Visit(self.store, roster)
        self.now = 0.0

    def go(self, answers_max: int = 10_000) -> Account:
        """Join the line, and go on until the visit is over or the cable is pulled after so many answers."""
        end, port = self.visit.joined(), PortEnd(self.goods)
        while not self.visit.account.finished:
            self.now += 0.1
            for answer in port.answers(end.outgoing(self.now)):
                if answers_max == 0:
                    return self.visit.account
                answers_max -= 1
                for event in end.receive(answer, self.now):
                    self.visit.happened(event)
        return self.visit.finish()


def test_all_bundles_are_kept_and_proved(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, Cut([_bundle(100 * size) for size in range(1, 5)]), _roster())
    account = meeting.go()
    assert (account.terminal, account.site, account.backlog) == (17, "XDA", 40)
    assert (account.records, account.bundles, account.unproved, account.finished) == (40, 4, 0, True)
    assert [held.read() for held in meeting.store.bundles()] == meeting.goods.bundles
    assert meeting.visit.progress.ratio == 1.0


def test_without_a_roster_bundles_are_kept_and_said_to_be_unproved(tmp_path: Path) -> None:
    assert Meeting(tmp_path, Cut([_bundle()])).go().unproved == 1


def test_a_terminal_the_roster_does_not_name_is_carried_all_the_same(tmp_path: Path) -> None:
    account = Meeting(tmp_path, Cut([_bundle()]), Roster(0, KeyRing({}), {})).go()
    assert (account.bundles, account.unproved) == (1, 1)


@pytest.mark.parametrize(
    ("bundle", "error"),
    [
        (_bundle(seed=bytes(32)), BadSignature),
        (_bundle(domain=Domain.DESK), BadSignature),
        (_bundle(terminal=16), WrongTerminal),
        (b"not an envelope", BadEnvelope),
        (seal_envelope(server_key_id(1), Domain.BUNDLE, b"x", lambda m: sign(_SEED, b"", m)), BadEnvelope),
    ],
)
def test_a_bundle_that_is_not_the_terminal_s_is_not_kept(tmp_path: Path, bundle: bytes, error: type[Exception]) -> None:
    meeting = Meeting(tmp_path, Cut([bundle]), _roster())
    with pytest.raises(error):
        meeting.go()
    assert meeting.store.bundles() == []


def test_a_visit_goes_on_where_the_cable_was_pulled(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, Cut([_bundle(9000), _bundle(9500)]), _roster())
    meeting.go(answers_max=15)  # one bundle, and three chunks of the next
    assert len(meeting.store.bundles()) == 1
    half = meeting.visit.progress
    assert (half.records_done, half.chunks_done) == (10, 3)
    account = meeting.go(answers_max=10)  # greeting, which bundle, the seven chunks that lack; nothing twice
    assert (account.bundles, account.records, account.joined) == (2, 20, 2)


def test_another_visit_finds_the_chunks_of_the_one_before(tmp_path: Path) -> None:
    goods = Cut([_bundle(9000)])
    Meeting(tmp_path, goods).go(answers_max=6)
    assert Meeting(tmp_path, goods).go(answers_max=8).bundles == 1


def test_what_is_held_is_not_collected_again(tmp_path: Path) -> None:
    goods = Cut([_bundle(100), _bundle(200)])
    Meeting(tmp_path, goods).go()
    goods.bundles.append(_bundle(300))
    account = Meeting(tmp_path, goods).go()
    assert (account.backlog, account.records, account.bundles) == (30, 10, 1)


def test_bundles_of_another_life_of_the_journal_are_collected_anew(tmp_path: Path) -> None:
    goods = Cut([_bundle(100), _bundle(200)])
    meeting = Meeting(tmp_path, goods)
    parcel = Parcel(0, hashlib.sha256(b"old").digest(), 3, 1, 10, b"old life")
    meeting.store.keep_bundle(17, parcel, b"old")
    account = meeting.go()
    assert (account.bundles, account.records) == (2, 20)


def test_a_reply_that_is_taken_is_removed_and_the_greeting_asked_again(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, Cut([_bundle()]))
    meeting.store.keep_reply(17, 10, b"the answer")
    meeting.store.keep_reply(16, 10, b"another's")
    account = meeting.go()
    assert (account.reply, meeting.goods.taken) == ("taken", [b"the answer"])
    assert meeting.store.terminals() == [16, 17]
    assert meeting.store.replies(17) == []


def test_what_the_terminal_refuses_of_a_reply_is_told(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, Cut([]))
    meeting.goods.verdict = "tariff version 6: version 7 is held"
    meeting.store.keep_reply(17, 10, b"the answer")
    assert meeting.go().reply == "taken; refused: tariff version 6: version 7 is held"
    assert meeting.store.replies(17) == []


def test_a_terminal_that_names_a_failure_ends_the_visit_with_it(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, Cut([_bundle()]))
    meeting.goods.fails = True
    with pytest.raises(TerminalRefuses, match="the journal is damaged"):
        meeting.go()


def test_a_terminal_that_gives_the_same_for_ever_is_refused(tmp_path: Path) -> None:
    class Stuck(Cut):
        def greeting(self) -> Hi:
            return Hi(1, 17, "XDA", 1000, 0)

        def parcel(self, after: int, tag: bytes) -> Parcel | None:
            told = super().parcel(0, b"")
            assert told is not None
            return Parcel(after, told.digest, told.size, told.first, told.last, told.tag)

    with pytest.raises(TerminalRefuses, match="again and again"):
        Meeting(tmp_path, Stuck([_bundle()])).go()


def test_a_terminal_whose_bytes_are_not_what_it_says_is_refused(tmp_path: Path) -> None:
    class Liar(Cut):
        def whole(self, key: bytes) -> bytes | None:
            whole = super().whole(key)
            return None if whole is None else bytes(len(whole))

    with pytest.raises(TerminalRefuses, match="is not what it says"):
        Meeting(tmp_path, Liar([_bundle()])).go()


def test_a_cable_joined_to_another_terminal_ends_the_visit(tmp_path: Path) -> None:
    class Other(Cut):
        def greeting(self) -> Hi:
            return Hi(1, 18, "WDK", 10, 0)

    meeting = Meeting(tmp_path, Cut([_bundle()]))
    meeting.go(answers_max=2)
    meeting.goods = Other([_bundle()])
    with pytest.raises(AnotherTerminal, match="terminal 18 answers where terminal 17"):
        meeting.go()

"""One presentation of a DESFire: frames, statuses, and what any error loses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.desfire.layout import application
from hardware.cards.desfire.messaging import CommMode
from hardware.cards.desfire.opening import Openings
from hardware.cards.desfire.purse import DesfirePurse
from hardware.cards.desfire.session import FRAME_SIZE, DesfireSession
from hardware.cards.desfire.status import DesfireRefused, Status
from hardware.cards.port import TamperedCard, Written
from hardware.reader import CardGone, Target, WrongKey
from hardware.virtual import card_file
from hardware.virtual.desfire.contents import DesfireImage, Generation, card_key
from tests.hardware.cards.bench import ReaderBench, reader_bench
from tests.hardware.cards.desfire.bench import UID, DesfireKeys, first_record, personalised_card
from tests.hardware.cards.desfire.scripted import Meddler, Script

_TARGET = Target(1, bytes.fromhex("0344"), 0x20, UID, b"")
_RECORD = (1 << 4).to_bytes(3, "big") + (100).to_bytes(4, "big") + bytes(9)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderBench]:
    with reader_bench(tmp_path_factory.mktemp("reader")) as made:
        yield made


@pytest.fixture(params=list(Generation), ids=[generation.value for generation in Generation])
def card(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return personalised_card(tmp_path / "card", request.param)


def _session(*answers: str) -> tuple[DesfireSession, Script]:
    script = Script(*answers)
    return DesfireSession(script, _TARGET, bytes), script


# What any error loses.


@pytest.mark.parametrize("status", [each for each in Status if each not in (Status.OK, Status.ADDITIONAL_FRAME)])
def test_a_refusal_is_named_and_loses_the_session(status: Status) -> None:
    session, _ = _session(f"{status:02x}")
    with pytest.raises(DesfireRefused, match=f"{status:02X}") as refusal:
        session.command(0x6C, b"\2", mode=CommMode.MACED, answer_size=4)
    assert (refusal.value.command, refusal.value.status) == (0x6C, status)
    assert not session.selected


@pytest.mark.parametrize("answers", [("",), ("00 010203",), ("00 0102030405",), ("af 01", ""), ("af",) * 40])
def test_an_answer_that_makes_no_sense_is_a_card_gone(answers: tuple[str, ...]) -> None:
    session, _ = _session(*answers)
    with pytest.raises(CardGone):
        session.command(0x6C, b"\2", mode=CommMode.MACED, answer_size=4)
    assert not session.selected


@pytest.mark.parametrize(("first", "error"), [("00", CardGone), ("af 01", CardGone), ("7e", DesfireRefused)])
def test_a_card_that_does_not_wait_for_the_rest_of_a_command_did_not_take_it(
    first: str, error: type[Exception]
) -> None:
    session, script = _session(first, "00")
    with pytest.raises(error):
        session.command(0x3D, bytes(7), bytes(96), mode=CommMode.PLAIN)
    assert len(script.sent) == 1


def test_a_lost_session_is_not_used_again() -> None:
    session, _ = _session("ae")
    with pytest.raises(DesfireRefused):
        session.command(0x6C, b"\2", mode=CommMode.MACED)
    with pytest.raises(AssertionError, match="selected again"):
        session.command(0x6C, b"\2", mode=CommMode.MACED)
    with pytest.raises(CardGone, match="expected"):
        session.select()


def test_a_lost_card_loses_its_power_before_it_is_sought() -> None:
    """It forgets what was not committed, and hears the search. One that is not lost is left alone."""
    session, script = _session("ae", "00 01020304")
    script.lying = (_TARGET,)
    session.select()
    assert script.field == []
    with pytest.raises(DesfireRefused):
        session.command(0x6C, b"\2", mode=CommMode.MACED)
    session.select()
    assert script.field == ["off", "search"]
    assert session.command(0x6C, b"\2", mode=CommMode.MACED, answer_size=4) == b"\1\2\3\4"


@pytest.mark.parametrize("method", [Method.AES, Method.EV2_FIRST])
def test_a_refused_authentication_leaves_the_card_selected_and_a_false_proof_does_not(method: Method) -> None:
    key = Key(KeyType.AES, bytes(16))
    for answers in (("ae",), ("af" + "00" * 16, "ae")):
        session, _ = _session(*answers)
        with pytest.raises(DesfireRefused):
            session.authenticate(method, 1, key)
        assert session.selected
        assert not session.authenticated
    for proof in ("00" * 17, "00" * 33, "00", "00 01"):
        session, _ = _session("af" + "00" * 16, proof)
        with pytest.raises(WrongKey):
            session.authenticate(method, 1, key)
        assert not session.selected
    session, _ = _session("00")
    with pytest.raises(CardGone):
        session.authenticate(method, 1, key)


# Frames.


def test_long_messages_go_in_frames_of_sixty_bytes_both_ways() -> None:
    data = bytes(range(96))
    session, script = _session("af", "00")
    session.command(0x3D, bytes(7), data, mode=CommMode.PLAIN)
    assert script.sent == ["3d" + bytes(7).hex() + data[:52].hex(), "af" + data[52:].hex()]
    assert len(bytes.fromhex(script.sent[0])) == FRAME_SIZE
    session, script = _session("af" + data[:59].hex(), "00" + data[59:].hex())
    assert session.command(0xBD, bytes(7), mode=CommMode.PLAIN, answer_size=96) == data
    assert script.sent == ["bd" + bytes(7).hex(), "af"]


# What stands between card and reader.


def _purse(bench: ReaderBench, card: Path, meddler: Meddler) -> DesfirePurse:
    bench.place(card)
    session = DesfireSession(meddler, bench.poll_one(), Openings().random)
    return DesfirePurse(session, DesfireKeys(), 0, Openings())


@pytest.mark.parametrize("code", [0x6C, 0xBB], ids=["value", "ring"])
@pytest.mark.parametrize("change", ["flip", "cut", "strip"])
def test_a_changed_answer_is_tampered_and_nothing_of_it_is_shown(
    code: int, change: str, bench: ReaderBench, card: Path
) -> None:
    """What the seeded bugs of foreign hosts miss: the MAC is looked at."""

    def meddle(frame: bytes, answer: bytes) -> bytes:
        if frame[0] != code:
            return answer
        match change:
            case "flip":
                return answer[:1] + bytes([answer[1] ^ 1]) + answer[2:]
            case "cut":
                return answer[:-1]
            case _:
                return answer[:-8]

    purse = _purse(bench, card, Meddler(bench.reader, meddle))
    with pytest.raises(TamperedCard):
        purse.read_ring()
    assert purse.debited is None
    assert purse.commit_record(1, _RECORD, 100) is Written.UNSENT


@pytest.mark.parametrize("said", ["flip", "00", "0c", "1e", "ae"])
def test_only_the_authentic_answer_to_the_commit_acknowledges(said: str, bench: ReaderBench, card: Path) -> None:
    """P-R3: a bare OK, which anybody can say, is no acknowledgement; nor is a refusal a proof that nothing happened."""

    def meddle(frame: bytes, answer: bytes) -> bytes:
        if frame[0] != 0xC7:
            return answer
        return answer[:-1] + bytes([answer[-1] ^ 1]) if said == "flip" else bytes.fromhex(said)

    purse = _purse(bench, card, Meddler(bench.reader, meddle))
    purse.read_ring()
    assert purse.commit_record(1, _RECORD, 100) is Written.UNKNOWN
    assert purse.read_ring()[1] == _RECORD


@pytest.mark.parametrize("code", [0x6C, 0xBB], ids=["value", "ring"])
def test_nothing_is_sent_to_a_card_that_refuses_to_tell_its_ring(code: int, bench: ReaderBench, card: Path) -> None:
    meddler = Meddler(bench.reader, lambda frame, answer: b"\x9d" if frame[0] == code else answer)
    assert _purse(bench, card, meddler).commit_record(1, _RECORD, 100) is Written.UNSENT
    assert not {frame[0] for frame in meddler.heard} & {0xDC, 0x3B, 0xC7}


def test_own_record_seen_under_the_session_stands_without_a_write(bench: ReaderBench, card: Path) -> None:
    meddler = Meddler(bench.reader, lambda frame, answer: answer)
    purse = _purse(bench, card, meddler)
    purse.read_ring()
    assert purse.commit_record(1, _RECORD, 100) is Written.ACKED
    assert purse.debited == 100
    purse = _purse(bench, card, meddler)
    assert purse.read_ring() == (first_record(0), _RECORD, bytes(16))
    del meddler.heard[:]
    assert purse.commit_record(1, _RECORD, 100) is Written.ACKED
    assert meddler.heard == []


# How a card is opened.


class _TwoVersions(DesfireKeys):
    """The card has the previous key."""

    def desfire_keys(self, uid: bytes, application: bytes) -> list[bytes]:
        return [b"the newest of 16", *super().desfire_keys(uid, application)]


def test_the_previous_key_opens_and_is_remembered(bench: ReaderBench, card: Path) -> None:
    """P-R27."""
    openings, meddler = Openings(), Meddler(bench.reader, lambda frame, answer: answer)
    tried = []
    for _ in range(2):
        bench.place(card)
        del meddler.heard[:]
        session = DesfireSession(meddler, bench.poll_one(), openings.random)
        DesfirePurse(session, _TwoVersions(), 0, openings).read_ring()
        tried.append(sum(frame[0] in (0x71, 0xAA) for frame in meddler.heard))
    image = card_file.load(card)
    assert isinstance(image, DesfireImage)
    assert tried == [3 if image.contents.generation is Generation.EV1 else 2, 1]


def test_a_card_whose_key_was_renewed_opens_with_the_new_one(bench: ReaderBench, card: Path) -> None:
    """What is remembered is only tried first."""
    openings = Openings()
    bench.place(card)
    session = DesfireSession(bench.reader, bench.poll_one(), openings.random)
    DesfirePurse(session, _TwoVersions(), 0, openings).read_ring()
    image = card_file.load(card)
    assert isinstance(image, DesfireImage)
    ours = image.contents.applications[application(0)]
    renewed = (ours.keys[0], card_key(KeyType.AES, b"the newest of 16"), ours.keys[2])
    fresh = type(ours)(ours.settings, ours.kind, renewed).with_files(ours.files)
    image.contents = image.contents.with_application(application(0), fresh)
    card_file.save(card, image)
    bench.place(card)
    session = DesfireSession(bench.reader, bench.poll_one(), openings.random)
    assert DesfirePurse(session, _TwoVersions(), 0, openings).read_ring()[0] == first_record(0)


def test_the_memory_of_openings_is_bounded(bench: ReaderBench, tmp_path: Path) -> None:
    """The card met longest ago is forgotten: it costs an EV1 card the one failed attempt again."""
    openings, meddler = Openings(most=2), Meddler(bench.reader, lambda frame, answer: answer)
    cards = [personalised_card(tmp_path / str(last), Generation.EV1, UID[:6] + bytes([last])) for last in range(3)]
    failed = []
    for place in (0, 1, 0, 2, 0, 1):
        bench.place(cards[place])
        del meddler.heard[:]
        session = DesfireSession(meddler, bench.poll_one(), openings.random)
        DesfirePurse(session, DesfireKeys(), 0, openings).read_ring()
        failed.append(sum(frame[0] == Method.EV2_FIRST for frame in meddler.heard))
    assert failed == [1, 1, 0, 1, 0, 1]

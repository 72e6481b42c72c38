"""Making a DESFire and renewing its keys: cut before and after every command, gone on with; nothing foreign touched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.cards.desfire import administration, layout
from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.inspection import inspect_desfire
from hardware.cards.desfire.key_renewal import DesfireRenewal, renew
from hardware.cards.desfire.opening import Openings
from hardware.cards.desfire.personalisation import is_blank, personalise, verify
from hardware.cards.desfire.script import ApplicationKeys, DesfireKeys, DesfireScript, PurseContents
from hardware.cards.desfire.session import DesfireSession
from hardware.cards.inspection import Inspection
from hardware.cards.personalisation_errors import CardInUse, ForeignCard, NotAsWritten, PersonalisationCut, WrongCard
from hardware.cards.port import Written
from hardware.cards.selection import select_purse
from hardware.virtual import card_file
from hardware.virtual.desfire.contents import DesfireImage, Generation, blank_image
from tests.hardware.cards.bench import ReaderBench, reader_bench
from tests.hardware.cards.conformance import Tear
from tests.hardware.cards.desfire.bench import OTHER_UID, UID

PURSES = (0, 2)
strides = pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.soak)])
"""Every command of the cut run, or one in four."""
generations = pytest.mark.parametrize("generation", Generation, ids=lambda generation: generation.value)


def _key(version: str, place: int, number: int) -> bytes:
    return hashlib.sha256(f"{version} {place} {number}".encode()).digest()[:16]


def _keys(version: str) -> DesfireKeys:
    of_purse = {p: ApplicationKeys(*(_key(version, p, number) for number in range(3))) for p in PURSES}
    return DesfireKeys(_key(version, -1, 0), of_purse)


def _record(counter: int) -> bytes:
    return (counter << 4).to_bytes(3, "big") + bytes([counter + 1]) * 13


OLD, NEW = _keys("old"), _keys("new")
RING = (_record(0), _record(1), _record(2))
SCRIPT = DesfireScript(UID, OLD, {purse: PurseContents(RING, bytes([purse + 1]) * 96) for purse in PURSES})
MIXED = replace(OLD, purses={p: OLD.purses[p]._replace(debit=NEW.purses[p].debit) for p in PURSES})
RENEWAL = DesfireRenewal(UID, (NEW, MIXED, OLD))


class TerminalKeys:
    """What a terminal holds of this card: current, then previous."""

    def classic_keys(self, uid: bytes, sector: int) -> list[bytes]:
        raise AssertionError("no Classic card here")

    def desfire_keys(self, uid: bytes, application: bytes) -> list[bytes]:
        purse = layout.purse_of(application)
        return [keys.purses[purse].debit for keys in (NEW, OLD) if purse in PURSES] or [bytes(15) + b"\1"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderBench]:
    with reader_bench(tmp_path_factory.mktemp("reader")) as made:
        yield made


def _blank(path: Path, generation: Generation, uid: bytes = UID) -> Path:
    card_file.save(path, blank_image(uid, generation))
    return path


def _contents(card: Path) -> object:
    image = card_file.load(card)
    assert isinstance(image, DesfireImage)
    return image.contents


def _make(bench: ReaderBench, card: Path, tear: Tear | None = None, script: DesfireScript = SCRIPT) -> None:
    bench.place(card)
    target = bench.poll_one()
    bench.tear(tear)
    personalise(bench.reader, target, script, os.urandom)


def _verify(bench: ReaderBench, card: Path, script: DesfireScript = SCRIPT) -> None:
    bench.place(card)
    verify(bench.reader, bench.poll_one(), script, os.urandom)


def _renew(bench: ReaderBench, card: Path, tear: Tear | None = None, renewal: DesfireRenewal = RENEWAL) -> int:
    bench.place(card)
    target = bench.poll_one()
    bench.tear(tear)
    return renew(bench.reader, target, renewal, os.urandom)


def _inspect(bench: ReaderBench, card: Path) -> Inspection:
    bench.place(card)
    return inspect_desfire(bench.reader, bench.poll_one(), TerminalKeys(), os.urandom)


def _debit(bench: ReaderBench, card: Path, purse: int = 0) -> None:
    bench.place(card)
    opened = select_purse(bench.reader, bench.poll_one(), TerminalKeys(), purse, Openings())
    assert opened.read_ring() == RING
    assert opened.commit_record(0, _record(3), 500) is Written.ACKED


def _commands(bench: ReaderBench, card: Path) -> int:
    """Host commands of a run that is not cut, the listing left out."""
    bench.place(card)
    target = bench.poll_one()
    before = bench.reader.commands
    personalise(bench.reader, target, SCRIPT, os.urandom)
    return bench.reader.commands - before


@generations
def test_a_blank_card_becomes_one_of_ours(generation: Generation, bench: ReaderBench, tmp_path: Path) -> None:
    card = _blank(tmp_path / "card", generation)
    bench.place(card)
    assert is_blank(bench.reader, bench.poll_one(), os.urandom)
    _make(bench, card)
    _verify(bench, card)
    bench.place(card)
    assert not is_blank(bench.reader, bench.poll_one(), os.urandom)
    assert _inspect(bench, card) == Inspection(UID, PURSES, PURSES, ())
    _debit(bench, card)


@strides
@generations
def test_a_cut_before_or_after_any_command_is_gone_on_from(
    generation: Generation, stride: int, bench: ReaderBench, tmp_path: Path
) -> None:
    total = _commands(bench, _blank(tmp_path / "whole", generation))
    assert total > 50
    for command in (*range(1, total, stride), total):
        for mode in ("before", "after"):
            card = _blank(tmp_path / "card", generation)
            with pytest.raises(PersonalisationCut):
                _make(bench, card, Tear(mode, command))
            _make(bench, card)
            _verify(bench, card)


@generations
def test_a_recovery_may_be_cut_as_well(generation: Generation, bench: ReaderBench, tmp_path: Path) -> None:
    for command in range(1, 60, 7):
        card = _blank(tmp_path / "card", generation)
        for again in (60, command, command + 3):
            with pytest.raises(PersonalisationCut):
                _make(bench, card, Tear("after", again))
        _make(bench, card)
        _verify(bench, card)


@generations
def test_a_finished_card_is_left_as_it_is(generation: Generation, bench: ReaderBench, tmp_path: Path) -> None:
    card = _blank(tmp_path / "card", generation)
    _make(bench, card)
    before = _contents(card)
    _make(bench, card)
    assert _contents(card) == before


@generations
def test_a_card_in_use_is_never_formatted(generation: Generation, bench: ReaderBench, tmp_path: Path) -> None:
    card = _blank(tmp_path / "card", generation)
    _make(bench, card)
    _debit(bench, card, 2)
    before = _contents(card)
    with pytest.raises(CardInUse, match="purse 2"):
        _make(bench, card)
    assert _contents(card) == before
    with pytest.raises(NotAsWritten, match="the debited of purse 2"):
        _verify(bench, card)


@generations
def test_a_card_of_somebody_else_is_refused_by_name(generation: Generation, bench: ReaderBench, tmp_path: Path) -> None:
    card = _blank(tmp_path / "card", generation)
    bench.place(card)
    session = DesfireSession(bench.reader, bench.poll_one(), os.urandom)
    session.select_application(layout.CARD_LEVEL)
    session.authenticate(Method.LEGACY, 0, administration.FACTORY_CARD_KEY)
    administration.create_application(session, bytes.fromhex("563412"), 0x0F, layout.APPLICATION_KEYS)
    before = _contents(card)
    with pytest.raises(ForeignCard, match="123456"):
        _make(bench, card)
    bench.place(card)
    assert not is_blank(bench.reader, bench.poll_one(), os.urandom)
    assert _contents(card) == before
    stranger = replace(SCRIPT, keys=NEW)
    ours = _blank(tmp_path / "ours", generation)
    _make(bench, ours)
    before = _contents(ours)
    with pytest.raises(ForeignCard, match="master key"):
        _make(bench, ours, script=stranger)
    assert _contents(ours) == before
    with pytest.raises(NotAsWritten, match="master key"):
        _verify(bench, ours, stranger)


@generations
def test_another_card_is_not_touched(generation: Generation, bench: ReaderBench, tmp_path: Path) -> None:
    card = _blank(tmp_path / "card", generation, OTHER_UID)
    before = _contents(card)
    for work in (_make, _verify, _renew):
        with pytest.raises(WrongCard):
            work(bench, card)
    assert _contents(card) == before


def test_each_difference_is_told(bench: ReaderBench, tmp_path: Path) -> None:
    card = _blank(tmp_path / "card", Generation.EV2)
    _make(bench, card)
    contents = dict(SCRIPT.contents)
    for told, other in (
        ("the certificate of purse 0", {**contents, 0: replace(contents[0], certificate=bytes(96))}),
        ("the ring of purse 2", {**contents, 2: replace(contents[2], ring=(_record(3), *RING[1:]))}),
    ):
        with pytest.raises(NotAsWritten, match=told):
            _verify(bench, card, replace(SCRIPT, contents=other))
    for number, name in enumerate(ApplicationKeys._fields):
        keys = replace(OLD, purses={**OLD.purses, 2: OLD.purses[2]._replace(**{name: b"another key, 16."})})
        with pytest.raises(NotAsWritten, match=f"key {number} of purse 2"):
            _verify(bench, card, replace(SCRIPT, keys=keys))
    fewer = DesfireScript(UID, replace(OLD, purses={0: OLD.purses[0]}), {0: contents[0]})
    with pytest.raises(NotAsWritten, match="its applications"):
        _verify(bench, card, fewer)


@generations
def test_an_interrupted_card_is_no_sound_one(generation: Generation, bench: ReaderBench, tmp_path: Path) -> None:
    card = _blank(tmp_path / "card", generation)
    assert _inspect(bench, card).faults == (
        "the card opens with the factory's key",
        "no application is one of ours",
    )
    for command in (20, 25, 50):
        with pytest.raises(PersonalisationCut):
            _make(bench, card, Tear("before", command))
        assert "the card opens with the factory's key" in _inspect(bench, card).faults
    assert any("factory's key 1" in fault or "our key" in fault for fault in _inspect(bench, card).faults)


@generations
def test_keys_in_use_are_renewed_and_the_purse_stands(
    generation: Generation, bench: ReaderBench, tmp_path: Path
) -> None:
    card = _blank(tmp_path / "card", generation)
    _make(bench, card)
    assert _renew(bench, card) == 7
    _verify(bench, card, replace(SCRIPT, keys=NEW))
    assert _inspect(bench, card) == Inspection(UID, PURSES, (), ())
    assert _renew(bench, card) == 0
    _debit(bench, card)


@strides
@generations
def test_a_renewal_cut_before_or_after_any_command_is_gone_on_from(
    generation: Generation, stride: int, bench: ReaderBench, tmp_path: Path
) -> None:
    made = _blank(tmp_path / "made", generation)
    _make(bench, made)
    image = card_file.load(made)
    bench.place(made)
    target, before = bench.poll_one(), bench.reader.commands
    renew(bench.reader, target, RENEWAL, os.urandom)
    total = bench.reader.commands - before
    for command in (*range(1, total, stride), total):
        for mode in ("before", "after"):
            card = tmp_path / "card"
            card_file.save(card, image)
            with pytest.raises(PersonalisationCut):
                _renew(bench, card, Tear(mode, command))
            inspected = _inspect(bench, card)
            assert (inspected.purses, inspected.faults) == (PURSES, ()), "terminals take it at every stage"
            _renew(bench, card)
            _verify(bench, card, replace(SCRIPT, keys=NEW))


@generations
def test_a_card_with_a_key_of_nobody_is_not_begun(generation: Generation, bench: ReaderBench, tmp_path: Path) -> None:
    card = _blank(tmp_path / "card", generation)
    _make(bench, card)
    before = _contents(card)
    strange = replace(OLD, purses={**OLD.purses, 2: OLD.purses[2]._replace(issuer=b"another key, 16.")})
    with pytest.raises(ForeignCard, match="key 2 of 2"):
        _renew(bench, card, renewal=DesfireRenewal(UID, (NEW, strange)))
    assert _contents(card) == before


@pytest.mark.parametrize("key", ["card", "purse"])
def test_no_script_leaves_a_key_of_the_factory(key: str) -> None:
    with pytest.raises(AssertionError, match="factory"):
        if key == "card":
            DesfireKeys(bytes(16), OLD.purses)
        else:
            DesfireKeys(OLD.card, {0: OLD.purses[0]._replace(issuer=bytes(16))})

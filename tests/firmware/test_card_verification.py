"""`onecard card verify`: what it finds of good cards, and each fault by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from firmware.results import Paid
from hardware.cards.classic_layout import TRANSPORT_KEY, certificate_blocks, ring_block, trailer_block
from hardware.pn532.opening import open_reader
from hardware.reader import CardGone, ReaderNotFound
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from hardware.virtual.process import VirtualReader
from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.ring import slot_of
from tests.firmware.bed import make_data
from tools.bench.till import Issuer, Till, uids
from tools.card import command

_UID = uids(1)[0]


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualReader]:
    with VirtualReader(tmp_path_factory.mktemp("reader") / "tty") as process:
        yield process


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def data(tmp_path: Path, issuer: Issuer) -> Path:
    make_data(tmp_path / "data", issuer)
    return tmp_path / "data"


@pytest.fixture
def card(tmp_path: Path, issuer: Issuer) -> Path:
    return issuer.card(tmp_path / "card", _UID, loaded=5000)


def _verify(virtual: VirtualReader, data: Path, *cards: Path) -> Result:
    virtual.command("remove")
    for card in cards:
        virtual.command(f"place {card}")
    return CliRunner().invoke(command, ["verify", "--data", str(data), "--device", str(virtual.link)])


def _change(card: Path, block: int, image: bytes) -> None:
    changed = card_file.load(card)
    changed.blocks[block] = image
    card_file.save(card, changed)


def test_a_good_card_is_sound_and_nothing_is_written(virtual: VirtualReader, data: Path, card: Path) -> None:
    before = card_file.load(card)
    done = _verify(virtual, data, card)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == f"card {_UID.hex()}, classic, 1 purses"
    assert "50.00 yuan" in lines[1]
    assert lines[-1] == "sound"
    after = card_file.load(card)
    assert (after.blocks, after.writes) == (before.blocks, before.writes)


def test_a_card_in_use_tells_its_balance(
    virtual: VirtualReader, data: Path, card: Path, issuer: Issuer, tmp_path: Path
) -> None:
    virtual.command("remove")
    virtual.command(f"place {card}")
    with open_reader(str(virtual.link)) as reader:
        assert isinstance(Till(reader, tmp_path / "journal", issuer, 1).pay(1234), Paid)
    done = _verify(virtual, data, card)
    assert done.exit_code == 0
    assert "37.66 yuan (50.00 loaded, certificate 1; 12.34 debited, counter 3)" in done.stdout


def test_a_public_key_is_a_fault(virtual: VirtualReader, data: Path, card: Path) -> None:
    trailer = card_file.load(card).blocks[trailer_block(9)]
    _change(card, trailer_block(9), bytes(trailer[:10]) + TRANSPORT_KEY)
    done = _verify(virtual, data, card)
    assert done.exit_code == 1
    assert "fault: sector 9 opens with the public key B ffffffffffff" in done.stderr
    assert "sound" not in done.stdout


def test_a_forged_certificate_is_a_fault(virtual: VirtualReader, data: Path, card: Path) -> None:
    block = certificate_blocks(0, 0)[0]
    image = bytearray(card_file.load(card).blocks[block])
    image[8] ^= 1
    _change(card, block, bytes(image))
    done = _verify(virtual, data, card)
    assert done.exit_code == 1
    assert "fault: purse 0: bad certificate" in done.stderr


def test_more_debited_than_loaded_is_a_fault(virtual: VirtualReader, data: Path, card: Path, issuer: Issuer) -> None:
    overdrawn = DebitRecord(3, LoadReference.of(0, 1), 5001, 1, 1)
    _change(card, ring_block(0, slot_of(3)), issuer.record_image(_UID, overdrawn))
    done = _verify(virtual, data, card)
    assert done.exit_code == 1
    assert "fault: purse 0: more is debited (5001 fen) than was ever loaded (5000 fen)" in done.stderr


def test_a_ring_without_a_record_is_a_fault(virtual: VirtualReader, data: Path, card: Path) -> None:
    for slot in range(3):
        _change(card, ring_block(0, slot), bytes(16))
    done = _verify(virtual, data, card)
    assert done.exit_code == 1
    assert "fault: purse 0: unreadable ring" in done.stderr


def test_a_blank_card_is_no_card_of_ours(virtual: VirtualReader, data: Path, tmp_path: Path) -> None:
    card_file.save(tmp_path / "blank", blank_image(_UID, [(TRANSPORT_KEY, TRANSPORT_KEY)] * 16))
    done = _verify(virtual, data, tmp_path / "blank")
    assert done.exit_code == 1
    assert "fault: block 1 does not say that this is a card of ours" in done.stderr


def test_no_card_and_two_cards_are_told(virtual: VirtualReader, data: Path, card: Path, issuer: Issuer) -> None:
    other = issuer.card(card.with_name("other"), uids(2)[1], loaded=0)
    for cards in ((), (card, other)):
        done = _verify(virtual, data, *cards)
        assert isinstance(done.exception, CardGone)


def test_a_reader_that_is_in_use_is_named(virtual: VirtualReader, data: Path, card: Path) -> None:
    with open_reader(str(virtual.link)):
        done = _verify(virtual, data, card)
    assert isinstance(done.exception, ReaderNotFound)
    assert str(virtual.link) in str(done.exception)

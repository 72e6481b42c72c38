"""Whether a card left the desk closed, seen with a terminal's keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.cards.classic_layout import TRANSPORT_ACCESS, access_bytes, trailer_block
from hardware.cards.inspection import Inspection, inspect_classic
from hardware.virtual import card_file
from tests.hardware.cards.bench import (
    UID,
    BenchKeys,
    ReaderBench,
    blank_card,
    personalised_card,
    reader_bench,
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderBench]:
    with reader_bench(tmp_path_factory.mktemp("reader")) as made:
        yield made


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return personalised_card(tmp_path / "card")


class RenewedKeys(BenchKeys):
    """A terminal that has newer keys as well."""

    def classic_keys(self, uid: bytes, sector: int) -> list[bytes]:
        return [bytes([sector + 1]) * 6, *super().classic_keys(uid, sector)]


def _look(bench: ReaderBench, card: Path, keys: BenchKeys | None = None) -> Inspection:
    bench.place(card)
    before = card_file.load(card).blocks
    found = inspect_classic(bench.reader, bench.poll_one(), keys or BenchKeys())
    assert card_file.load(card).blocks == before
    return found


def _change(card: Path, sector: int, trailer: bytes) -> None:
    image = card_file.load(card)
    image.blocks[trailer_block(sector)] = trailer
    card_file.save(card, image)


def test_a_personalised_card_is_sound(bench: ReaderBench, card: Path) -> None:
    assert _look(bench, card) == Inspection(UID, (0, 1), (), ())


def test_earlier_keys_are_told_and_are_no_fault(bench: ReaderBench, card: Path) -> None:
    assert _look(bench, card, RenewedKeys()) == Inspection(UID, (0, 1), tuple(range(16)), ())


def test_a_default_key_b_is_a_fault(bench: ReaderBench, card: Path) -> None:
    """It would let anybody write new keys."""
    _change(card, 7, card_file.load(card).blocks[trailer_block(7)][:10] + b"\xff" * 6)
    assert _look(bench, card).faults == ("sector 7 opens with the public key B ffffffffffff",)


@pytest.mark.parametrize("access", [TRANSPORT_ACCESS, access_bytes((0, 0, 0, 0b010))])
def test_a_readable_key_b_is_a_fault(access: bytes, bench: ReaderBench, card: Path) -> None:
    trailer = card_file.load(card).blocks[trailer_block(9)]
    _change(card, 9, trailer[:6] + access + trailer[9:])
    (fault,) = _look(bench, card).faults
    assert fault.startswith("sector 9 has other access bits")


def test_a_foreign_sector_is_a_fault(bench: ReaderBench, card: Path) -> None:
    trailer = card_file.load(card).blocks[trailer_block(3)]
    _change(card, 3, b"strang" + trailer[6:])
    assert _look(bench, card).faults == ("sector 3 does not open with our key",)


def test_a_card_whose_block_1_names_no_purse_of_ours_is_a_fault(bench: ReaderBench, card: Path) -> None:
    image = card_file.load(card)
    image.blocks[1] = bytes(16)
    card_file.save(card, image)
    found = _look(bench, card)
    assert found.purses == ()
    assert found.faults == ("block 1 does not say that this is a card of ours",)


def test_a_blank_card_has_a_fault_in_every_sector(bench: ReaderBench, tmp_path: Path) -> None:
    faults = _look(bench, blank_card(tmp_path / "blank")).faults
    for sector in range(16):
        assert f"sector {sector} does not open with our key" in faults
        assert f"sector {sector} opens with the public key A ffffffffffff" in faults

"""MIFARE Classic behind the card port, on a real reader process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from hardware.cards.classic_layout import access_bytes, ring_block, sector_of, trailer_block
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.desfire.opening import Openings
from hardware.cards.port import CardFamily, Written
from hardware.cards.selection import UnknownCard, family_of, select_purse
from hardware.pn532.chip import IN_DATA_EXCHANGE, IN_LIST_PASSIVE_TARGET, Chip
from hardware.pn532.frames import ACK
from hardware.pn532.reader import Pn532Reader
from hardware.pn532.transport import SerialTransport
from hardware.reader import AccessDenied, ReaderFault, Target
from hardware.virtual import card_file
from tests.hardware.cards.bench import (
    OTHER_UID,
    UID,
    BenchKeys,
    ClassicBench,
    ReaderBench,
    personalised_card,
    reader_bench,
)
from tests.hardware.cards.conformance import CHECKS, CardBench, MakeBench
from tests.hardware.pn532.chip_script import chip_script, response


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderBench]:
    """One reader process for all tests here; each lays its own card down and orders its own tear or none."""
    with reader_bench(tmp_path_factory.mktemp("reader")) as made:
        yield made


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
def test_classic_conforms(check: Callable[[MakeBench], None], bench: ReaderBench, tmp_path: Path) -> None:
    @contextmanager
    def make() -> Iterator[CardBench]:
        yield ClassicBench(bench, tmp_path)

    maker: Callable[[], AbstractContextManager[CardBench]] = make
    check(maker)


def test_a_sector_is_authenticated_once_and_again_after_another(bench: ReaderBench, tmp_path: Path) -> None:
    bench.place(personalised_card(tmp_path / "card"))
    card = select_purse(bench.reader, bench.poll_one(), BenchKeys(), 0, Openings())
    start = bench.reader.commands
    card.read_ring()
    card.read_ring()
    assert bench.reader.commands - start == 1 + 6
    card.read_certificate(0)
    assert bench.reader.commands - start == 7 + 2 * (1 + 3)
    card.read_ring()
    assert bench.reader.commands - start == 15 + 1 + 3


def test_a_block_the_card_refuses_reads_as_zeros_and_the_others_as_they_are(bench: ReaderBench, tmp_path: Path) -> None:
    """Slot 1 with condition 111: no key reads it."""
    path = personalised_card(tmp_path / "card")
    image = card_file.load(path)
    for slot in range(3):
        image.blocks[ring_block(0, slot)] = bytes([slot + 1]) * 16
    trailer = trailer_block(sector_of(ring_block(0, 0)))
    access = access_bytes((0b000, 0b111, 0b000, 0b011))
    image.blocks[trailer] = image.blocks[trailer][:6] + access + image.blocks[trailer][9:]
    card_file.save(path, image)
    bench.place(path)
    card = select_purse(bench.reader, bench.poll_one(), BenchKeys(), 0, Openings())
    assert card.read_ring() == (b"\1" * 16, bytes(16), b"\3" * 16)
    bench.place(path)
    session = ClassicSession(bench.reader, bench.poll_one())
    session.authenticate(5, Key.A, BenchKeys().classic_keys(UID, 5)[0])
    with pytest.raises(AccessDenied):
        session.read(ring_block(0, 1))


def test_at_921600_a_debit_costs_the_same_commands(tmp_path: Path) -> None:
    with reader_bench(tmp_path, 921600) as bench:
        classic = ClassicBench(bench, tmp_path)
        start = classic.commands()
        card = classic.present()
        card.read_ring()
        card.commit_record(1, b"\x01" * 16, 100)
        assert classic.commands() - start == ClassicBench.debit_commands


@pytest.mark.parametrize(
    ("sak", "atqa", "ats", "family"),
    [
        (0x08, "0004", "", CardFamily.CLASSIC),
        (0x08, "0044", "", CardFamily.CLASSIC),
        (0x88, "0004", "", CardFamily.CLASSIC),
        (0x20, "0344", "75778102", CardFamily.DESFIRE),
        (0x20, "0004", "78", None),
        (0x28, "0004", "78", None),
        (0x18, "0002", "", None),
        (0x00, "0044", "", None),
    ],
)
def test_the_family_is_told_by_sak_and_atqa(sak: int, atqa: str, ats: str, family: CardFamily | None) -> None:
    assert family_of(Target(1, bytes.fromhex(atqa), sak, UID, bytes.fromhex(ats))) is family


@pytest.mark.parametrize(
    ("sak", "purse", "why"), [(0x00, 0, "neither"), (0x08, 3, "room for a purse 3"), (0x20, 16, "room for a purse 16")]
)
def test_a_card_without_such_a_purse_is_an_unknown_card(sak: int, purse: int, why: str, bench: ReaderBench) -> None:
    target = Target(1, bytes.fromhex("0344"), sak, UID, b"")
    with pytest.raises(UnknownCard, match=f"{UID.hex()}.*{why}"):
        select_purse(bench.reader, target, BenchKeys(), purse, Openings())


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_reader_that_falls_silent_around_the_write_leaves_it_unknown(
    point: str, bench: ReaderBench, tmp_path: Path
) -> None:
    """A time-out never means "not written": a chip that was stalled before the write does it when it goes on."""
    classic = ClassicBench(bench, tmp_path)
    card = classic.present()
    before = card.read_ring()
    bench.process.command(f"stall {point} 0")
    assert card.commit_record(1, b"\x01" * 16, 100) is Written.UNKNOWN
    bench.process.command("resume")
    assert classic.present().read_ring() == (before[0], b"\x01" * 16, before[2])


@pytest.mark.parametrize("kept", [b"\x02" * 16, bytes(16)])
def test_an_acknowledged_write_that_reads_back_otherwise_is_unknown(kept: bytes) -> None:
    """P-R3 and A1: a worn card acknowledges and does not keep; only a scripted chip says so."""

    def answers(code: int, data: bytes) -> list[bytes]:
        if code == IN_LIST_PASSIVE_TARGET:
            return [ACK, response(code, bytes.fromhex("0101000408 04") + UID)]
        if code == IN_DATA_EXCHANGE:
            return [ACK, response(code, b"\0" + (kept if data[1] == 0x30 else b""))]
        return [ACK, response(code, b"")]

    with chip_script(answers) as script:
        reader = Pn532Reader(Chip(SerialTransport(script.path, 115200)))
        (target,) = reader.poll()
        card = select_purse(reader, target, BenchKeys(), 0, Openings())
        assert card.read_ring() == (kept, kept, kept)
        assert card.commit_record(1, b"\x01" * 16, 100) is Written.UNKNOWN
        assert card.write_certificate(0, b"\x01" * 96) is Written.UNKNOWN
        reader.close()


def test_an_exchange_of_another_size_is_a_fault_and_no_write_is_acked_by_it() -> None:
    """A stale 16-byte answer must not pass for a write's acknowledgement."""

    def answers(code: int, data: bytes) -> list[bytes]:
        if code == IN_LIST_PASSIVE_TARGET:
            return [ACK, response(code, bytes.fromhex("0101000408 04") + UID)]
        if code == IN_DATA_EXCHANGE:
            return [ACK, response(code, b"\0" + (b"" if data[1] in (0x60, 0x30) else b"\x01" * 16))]
        return [ACK, response(code, b"")]

    with chip_script(answers) as script:
        reader = Pn532Reader(Chip(SerialTransport(script.path, 115200)))
        (target,) = reader.poll()
        card = select_purse(reader, target, BenchKeys(), 0, Openings())
        with pytest.raises(ReaderFault, match="16 were due"):
            card.read_ring()
        (target,) = reader.poll()
        assert (
            select_purse(reader, target, BenchKeys(), 0, Openings()).commit_record(1, b"\x01" * 16, 100)
            is Written.UNKNOWN
        )
        reader.close()


def test_a_card_with_a_seven_byte_uid_is_debited(bench: ReaderBench, tmp_path: Path) -> None:
    bench.place(personalised_card(tmp_path / "card", OTHER_UID))
    card = select_purse(bench.reader, bench.poll_one(), BenchKeys(), 1, Openings())
    assert card.uid == OTHER_UID
    assert card.read_ring()[0] == b"\x11" * 16
    assert card.commit_record(1, b"\x01" * 16, 100) is Written.ACKED

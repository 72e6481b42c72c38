"""The desk's work on a blank card: cut anywhere, continued, verified, and nothing public left."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hardware.cards.classic_layout import SECTORS, Identification, access_bytes, decode_identification, trailer_block
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.personalisation import SECTOR_ORDER, PersonalisationReport, personalise, verify
from hardware.cards.personalisation_errors import (
    CardInUse,
    ForeignCard,
    NotAsWritten,
    PersonalisationCut,
    TornTrailer,
    WrongCard,
)
from hardware.cards.personalisation_script import PUBLIC_KEYS, SectorKeys
from hardware.reader import WrongKey
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from tests.hardware.cards.bench import (
    FACTORY_KEYS,
    OTHER_UID,
    UID,
    ReaderBench,
    blank_card,
    personalised_card,
    reader_bench,
    script_for,
)
from tests.hardware.cards.conformance import TEAR_MODES, Tear

SCRIPT = script_for(UID)
SURVEY = 16 * 5
"""Host commands on a blank card before the first write: key B fails, field off, list, transport key A, trailer."""
SECTOR = 8
"""Host commands a sector's writing takes: authenticate, three writes, three reads, the trailer."""
ALL = SURVEY + 15 * SECTOR + 6
"""Sector 0 has two data blocks of ours."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderBench]:
    """One reader process for all tests here; each lays its own card down and orders its own tear or none."""
    with reader_bench(tmp_path_factory.mktemp("reader")) as made:
        yield made


def _run(bench: ReaderBench, card: Path, tear: Tear | None = None) -> PersonalisationReport:
    bench.place(card)
    target = bench.poll_one()
    bench.tear(tear)
    return personalise(bench.reader, target, SCRIPT)


def _verify(bench: ReaderBench, card: Path) -> None:
    bench.place(card)
    bench.tear(None)
    verify(bench.reader, bench.poll_one(), SCRIPT)


def test_another_card_is_not_touched(bench: ReaderBench, tmp_path: Path) -> None:
    card = blank_card(tmp_path / "card", OTHER_UID)
    before = card_file.load(card).blocks
    with pytest.raises(WrongCard, match=f"{UID.hex()}.*{OTHER_UID.hex()}"):
        _run(bench, card)
    with pytest.raises(WrongCard):
        _verify(bench, card)
    assert card_file.load(card).blocks == before


@pytest.mark.parametrize("foreign", [(1,), (3, 9), tuple(range(SECTORS))])
def test_a_card_with_foreign_keys_is_not_begun(foreign: tuple[int, ...], bench: ReaderBench, tmp_path: Path) -> None:
    keys = [(b"foreig", b"nnnnnn") if sector in foreign else FACTORY_KEYS[0] for sector in range(SECTORS)]
    card = tmp_path / "card"
    card_file.save(card, blank_image(UID, keys))
    before = card_file.load(card).blocks
    with pytest.raises(TornTrailer if foreign == (1,) else ForeignCard):
        _run(bench, card)
    assert card_file.load(card).blocks == before


def test_our_keys_under_other_access_bits_are_not_a_finished_sector(bench: ReaderBench, tmp_path: Path) -> None:
    """Trailer condition 101: key B opens the sector and could never write its keys again."""
    card = personalised_card(tmp_path / "card")
    image = card_file.load(card)
    trailer = image.blocks[trailer_block(3)]
    image.blocks[trailer_block(3)] = trailer[:6] + access_bytes((0, 0, 0, 0b101)) + trailer[9:]
    card_file.save(card, image)
    with pytest.raises(TornTrailer) as torn:
        _run(bench, card)
    assert torn.value.sector == 3
    with pytest.raises(NotAsWritten) as changed:
        _verify(bench, card)
    assert changed.value.part == f"block {trailer_block(3)}"


def test_a_card_in_use_is_never_written_again(bench: ReaderBench, tmp_path: Path) -> None:
    """Writing the first ring over it would lower what was debited."""
    card = personalised_card(tmp_path / "card")
    image = card_file.load(card)
    image.blocks[21] = b"\x21" * 16
    card_file.save(card, image)
    before = card_file.load(card).blocks
    with pytest.raises(CardInUse) as caught:
        _run(bench, card)
    assert caught.value.part == "sector 5"
    assert card_file.load(card).blocks == before


def test_a_blank_card_becomes_what_the_script_says(bench: ReaderBench, tmp_path: Path) -> None:
    card = blank_card(tmp_path / "card")
    start = bench.reader.commands
    assert _run(bench, card) == PersonalisationReport(UID, (), SECTOR_ORDER)
    assert bench.reader.commands - start == 1 + ALL
    _verify(bench, card)
    assert card_file.load(card).blocks == card_file.load(personalised_card(tmp_path / "wanted")).blocks
    assert decode_identification(card_file.load(card).blocks[1]) == Identification(1, (0, 1))


def test_no_public_key_opens_any_sector(bench: ReaderBench, tmp_path: Path) -> None:
    card = blank_card(tmp_path / "card")
    _run(bench, card)
    bench.place(card)
    session = ClassicSession(bench.reader, bench.poll_one())
    for sector in range(SECTORS):
        for kind in Key:
            for key in PUBLIC_KEYS:
                session.select()
                with pytest.raises(WrongKey):
                    session.authenticate(sector, kind, key)


def test_a_script_with_a_public_key_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="public key"):
        replace(SCRIPT, keys=(*SCRIPT.keys[:-1], SectorKeys(b"secret", b"\xff" * 6)))


def test_a_finished_card_is_found_finished(bench: ReaderBench, tmp_path: Path) -> None:
    card = personalised_card(tmp_path / "card")
    assert _run(bench, card) == PersonalisationReport(UID, SECTOR_ORDER, ())
    _verify(bench, card)


def _cut_and_continued(bench: ReaderBench, card: Path, tear: Tear) -> bool:
    """Cut one run, continue it, verify. False: the tear closed a sector, and that was told."""
    with pytest.raises(PersonalisationCut, match="run the job again"):
        _run(bench, card, tear)
    try:
        _run(bench, card)
    except TornTrailer as torn:
        assert tear.command > SURVEY
        before = card_file.load(card).blocks
        with pytest.raises(TornTrailer):
            _run(bench, card)
        assert card_file.load(card).blocks == before
        assert torn.sector == SECTOR_ORDER[min((tear.command - SURVEY - 1) // SECTOR, 15)]
        return False
    _verify(bench, card)
    return True


def _is_trailer_write(command: int) -> bool:
    position = command - SURVEY
    return command == ALL or (0 < position <= 15 * SECTOR and position % SECTOR == 0)


CUTS = [
    1,
    SURVEY,
    *range(SURVEY + 1, SURVEY + SECTOR + 1),  # the first sector
    *range(SURVEY + 10 * SECTOR - 1, SURVEY + 10 * SECTOR + 2),  # around a trailer in the middle
    ALL - 1,
    ALL,  # the trailer of the identification
]
"""Where a cut may differ from its neighbours; every command is the soak's."""


@pytest.mark.parametrize("mode", ["before", "half", "after"])
def test_a_run_cut_at_any_command_is_continued(mode: str, bench: ReaderBench, tmp_path: Path) -> None:
    blank = blank_card(tmp_path / "blank")
    for command in CUTS:
        card = Path(shutil.copy(blank, tmp_path / f"card{command}"))
        continued = _cut_and_continued(bench, card, Tear(mode, command))
        assert continued is not (mode == "half" and _is_trailer_write(command)), command


@pytest.mark.soak
@pytest.mark.parametrize("mode", [mode for mode in TEAR_MODES if mode != "weak"])
def test_a_run_cut_at_every_command_is_continued_or_told(mode: str, bench: ReaderBench, tmp_path: Path) -> None:
    blank = blank_card(tmp_path / "blank")
    for command in range(1, ALL + 1):
        card = Path(shutil.copy(blank, tmp_path / f"card{command}"))
        continued = _cut_and_continued(bench, card, Tear(mode, command))
        assert continued or _is_trailer_write(command), command


@pytest.mark.parametrize("sector", [1, 5, 9, 15])
def test_a_weak_trailer_is_made_strong_or_told(sector: int, bench: ReaderBench, tmp_path: Path) -> None:
    """It opens today and not tomorrow: no run may call the card finished while it is weak (P-R3)."""
    card = blank_card(tmp_path / "card")
    with pytest.raises(PersonalisationCut):
        _run(bench, card, Tear("weak", SURVEY + sector * SECTOR))
    for _ in range(40):
        try:
            _run(bench, card)
        except (PersonalisationCut, TornTrailer):
            continue
        break
    else:
        return
    assert not card_file.load(card).weak
    _verify(bench, card)


def test_a_run_cut_again_and_again_still_ends(bench: ReaderBench, tmp_path: Path) -> None:
    """Each run gets a few writes further."""
    card = blank_card(tmp_path / "card")
    for _ in range(20):
        try:
            _run(bench, card, Tear("after", SURVEY + 21))
        except PersonalisationCut:
            continue
        break
    _verify(bench, card)


def test_the_last_finished_trailer_is_written_once_more(bench: ReaderBench, tmp_path: Path) -> None:
    """Its acknowledgement may be what was lost: a weak trailer reads right today and not tomorrow (P-R3)."""
    card = blank_card(tmp_path / "card")
    with pytest.raises(PersonalisationCut):
        _run(bench, card, Tear("after", SURVEY + 2 * SECTOR))
    written = card_file.load(card).writes
    report = _run(bench, card)
    assert (report.found, report.written) == ((1, 2), SECTOR_ORDER[2:])
    assert card_file.load(card).writes - written == 1 + 13 * 4 + 3


@pytest.mark.parametrize("block", [1, 2, 4, 20, trailer_block(7), 62])
def test_verification_sees_one_wrong_block(block: int, bench: ReaderBench, tmp_path: Path) -> None:
    card = personalised_card(tmp_path / "card")
    image = card_file.load(card)
    changed = bytearray(image.blocks[block])
    changed[15] ^= 1
    image.blocks[block] = bytes(changed)
    card_file.save(card, image)
    with pytest.raises(NotAsWritten) as caught:
        _verify(bench, card)
    assert caught.value.part == f"block {block}"

"""Renewing the keys of a card in use: cut anywhere, continued, its data untouched."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.cards.classic_layout import SECTORS, access_bytes, trailer_block
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.key_renewal import RenewalReport, RenewalScript, renew
from hardware.cards.personalisation import SECTOR_ORDER
from hardware.cards.personalisation_errors import ForeignCard, PersonalisationCut, TornTrailer, WrongCard
from hardware.cards.personalisation_script import SectorKeys
from hardware.reader import WrongKey
from hardware.virtual import card_file
from tests.hardware.cards.bench import OTHER_UID, UID, ReaderBench, personalised_card, reader_bench, script_for
from tests.hardware.cards.conformance import TEAR_MODES, Tear

OLD = script_for(UID).keys


def _new_key(sector: int, which: bytes) -> bytes:
    return hashlib.sha256(b"new" + which + bytes([sector])).digest()[:6]


NEW = tuple(SectorKeys(_new_key(sector, b"A"), _new_key(sector, b"B")) for sector in range(SECTORS))
SCRIPT = RenewalScript(UID, (NEW, OLD))
SURVEY = 16 * 6
"""Host commands on a card of old keys before the first write: new key B fails, field off, list, both old keys, read."""
SECTOR = 6
"""Host commands a sector takes: old key B, its trailer, each new key and the access bits under it."""
ALL = SURVEY + 16 * SECTOR


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReaderBench]:
    """One reader process for all tests here; each lays its own card down and orders its own tear or none."""
    with reader_bench(tmp_path_factory.mktemp("reader")) as made:
        yield made


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card in use: what lies in its ring is no desk's first contents."""
    path = personalised_card(tmp_path / "card")
    image = card_file.load(path)
    image.blocks[20] = b"\x21" * 16
    card_file.save(path, image)
    return path


def _run(bench: ReaderBench, card: Path, tear: Tear | None = None) -> RenewalReport:
    bench.place(card)
    target = bench.poll_one()
    bench.tear(tear)
    return renew(bench.reader, target, SCRIPT)


def _data(card: Path) -> list[bytes]:
    return [block for number, block in enumerate(card_file.load(card).blocks) if number % 4 != 3]


def _is_renewed(bench: ReaderBench, card: Path) -> bool:
    """Both new keys open every sector, and no old key opens any."""
    bench.place(card)
    session = ClassicSession(bench.reader, bench.poll_one())
    for sector in range(SECTORS):
        for keys, opens in ((NEW, True), (OLD, False)):
            for kind, key in ((Key.A, keys[sector].key_a), (Key.B, keys[sector].key_b)):
                session.select()
                try:
                    session.authenticate(sector, kind, key)
                except WrongKey:
                    if opens:
                        return False
                else:
                    if not opens:
                        return False
    return True


def test_another_card_is_not_touched(bench: ReaderBench, tmp_path: Path) -> None:
    card = personalised_card(tmp_path / "card", OTHER_UID)
    before = card_file.load(card).blocks
    with pytest.raises(WrongCard):
        _run(bench, card)
    assert card_file.load(card).blocks == before


@pytest.mark.parametrize("foreign", [(2,), (3, 9)])
def test_a_card_that_cannot_be_finished_is_not_begun(foreign: tuple[int, ...], bench: ReaderBench, card: Path) -> None:
    image = card_file.load(card)
    for sector in foreign:
        trailer = image.blocks[trailer_block(sector)]
        image.blocks[trailer_block(sector)] = trailer[:6] + access_bytes((0, 0, 0, 0b101)) + trailer[9:]
    card_file.save(card, image)
    with pytest.raises(ForeignCard):
        _run(bench, card)
    assert card_file.load(card).blocks == image.blocks


def test_a_card_in_use_bears_the_new_keys_and_the_same_data(bench: ReaderBench, card: Path) -> None:
    before, start = _data(card), bench.reader.commands
    assert _run(bench, card) == RenewalReport(UID, (), SECTOR_ORDER)
    assert bench.reader.commands - start == 1 + ALL
    assert _data(card) == before
    assert _is_renewed(bench, card)


def test_a_renewed_card_is_found_renewed(bench: ReaderBench, card: Path) -> None:
    _run(bench, card)
    assert _run(bench, card) == RenewalReport(UID, SECTOR_ORDER, ())
    assert _is_renewed(bench, card)


def test_the_last_renewed_trailer_is_written_once_more(bench: ReaderBench, card: Path) -> None:
    """Its acknowledgement may be what was lost: it may be weak, and read right only today (P-R3)."""
    with pytest.raises(PersonalisationCut):
        _run(bench, card, Tear("after", SURVEY + SECTOR + 2))
    written = card_file.load(card).writes
    report = _run(bench, card)
    assert (report.found, report.renewed) == ((1, 2), SECTOR_ORDER[2:])
    assert card_file.load(card).writes - written == 1 + 14


def _cut_and_continued(bench: ReaderBench, card: Path, tear: Tear) -> bool:
    """Cut one run, continue it, compare. False: the tear closed a sector, and that was told."""
    before = _data(card)
    with pytest.raises(PersonalisationCut, match="run the job again"):
        _run(bench, card, tear)
    assert _data(card) == before
    try:
        _run(bench, card)
    except TornTrailer as torn:
        assert torn.sector == SECTOR_ORDER[(tear.command - SURVEY - 1) // SECTOR]
        return False
    assert _is_renewed(bench, card)
    assert _data(card) == before
    return True


def _is_trailer_write(command: int) -> bool:
    return command > SURVEY and (command - SURVEY) % SECTOR == 2


CUTS = [1, SURVEY, *range(SURVEY + 1, SURVEY + SECTOR + 2), SURVEY + 9 * SECTOR + 2, ALL - 4, ALL]
"""Where a cut may differ from its neighbours; every command is the soak's."""


@pytest.mark.parametrize("mode", ["before", "half", "after"])
def test_a_run_cut_at_any_command_is_continued(mode: str, bench: ReaderBench, card: Path, tmp_path: Path) -> None:
    for command in CUTS:
        copy = Path(shutil.copy(card, tmp_path / f"card{command}"))
        continued = _cut_and_continued(bench, copy, Tear(mode, command))
        assert continued is not (mode == "half" and _is_trailer_write(command)), command


@pytest.mark.soak
@pytest.mark.parametrize("mode", [mode for mode in TEAR_MODES if mode != "weak"])
def test_a_run_cut_at_every_command_is_continued_or_told(
    mode: str, bench: ReaderBench, card: Path, tmp_path: Path
) -> None:
    for command in range(1, ALL + 1):
        copy = Path(shutil.copy(card, tmp_path / f"card{command}"))
        assert _cut_and_continued(bench, copy, Tear(mode, command)) or _is_trailer_write(command), command


def test_a_script_with_a_public_key_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="public key"):
        RenewalScript(UID, ((*NEW[:-1], SectorKeys(b"secret", b"\xff" * 6)), OLD))

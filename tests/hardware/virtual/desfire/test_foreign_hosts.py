"""Hosts nobody here wrote, with DESFire cards: libnfc, libfreefare, nfcpy's Type 4 tag with blocks of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.virtual import card_file
from hardware.virtual.classic_card import FACTORY_KEY
from hardware.virtual.classic_card import blank_image as classic_blank
from hardware.virtual.desfire.contents import DataFile, DesfireImage, Generation, blank_image
from hardware.virtual.process import VirtualReader
from tests.hardware.virtual.foreign import run, spaced
from tests.hardware.virtual.nfcpy_scripts import TYPE_4_TAG

_UID, _CLASSIC_UID = "04782e21801d80", "d610b626"
_NDEF_AID = b"\x01\0\0"
_VERSIONS = {Generation.EV1: ("1.0", "1.4"), Generation.EV2: ("18.0", "2.1")}


@pytest.fixture(params=list(Generation))
def card(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    card_file.save(tmp_path / "card", blank_image(bytes.fromhex(_UID), request.param))
    return tmp_path / "card"


@pytest.fixture
def reader(card: Path, tmp_path: Path) -> Iterator[VirtualReader]:
    with VirtualReader(tmp_path / "reader", cards=[card]) as made:
        yield made


def _image(card: Path) -> DesfireImage:
    image = card_file.load(card)
    assert isinstance(image, DesfireImage)
    return image


def test_mifare_desfire_info(reader: VirtualReader, card: Path) -> None:
    out = run(reader, "mifare-desfire-info")
    hardware, software = _VERSIONS[_image(card).contents.generation]
    versions = [line.split()[-1] for line in out.splitlines() if "Version:" in line]
    assert versions == [hardware, software]
    for line in (f"0x{_UID}", "Master Key settings (0x0f)", "Free memory: 5120 bytes", "Master Key version: 0"):
        assert line in out


def test_mifare_desfire_format_empties_the_card(reader: VirtualReader, card: Path) -> None:
    run(reader, "mifare-desfire-create-ndef", "-y")
    assert list(_image(card).contents.applications) == [_NDEF_AID]
    assert _UID in run(reader, "mifare-desfire-format", "-y")
    assert not _image(card).contents.applications
    assert "Free memory: 5120 bytes" in run(reader, "mifare-desfire-info")


def test_mifare_desfire_format_does_not_open_a_card_with_another_key(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card_file.save(card, blank_image(bytes.fromhex(_UID), Generation.EV1, b"\x12" * 8 + b"\x34" * 8))
    with (
        VirtualReader(tmp_path / "reader", cards=[card]) as reader,
        pytest.raises((AssertionError, subprocess.CalledProcessError)),
    ):
        run(reader, "mifare-desfire-format", "-y")
    assert _image(card).writes == 0


def test_libfreefare_writes_a_message_and_reads_it_back(reader: VirtualReader, card: Path) -> None:
    message = bytes.fromhex("d1010b5402656e") + b"Hello!!!"
    (card.parent / "message").write_bytes(message)
    run(reader, "mifare-desfire-create-ndef", "-y")
    run(reader, "mifare-desfire-write-ndef", "-y", "-i", "message")
    run(reader, "mifare-desfire-read-ndef", "-y", "-o", "back")
    assert (card.parent / "back").read_bytes() == message


def test_nfcpys_type_4_tag_with_blocks_of_its_own(reader: VirtualReader, card: Path) -> None:
    """On a card as libfreefare formats it: both its messages and its blocks go into chains."""
    run(reader, "mifare-desfire-create-ndef", "-y")
    out = run(reader, sys.executable, "-c", TYPE_4_TAG, str(reader.link)).splitlines()
    assert (
        out[0]
        == "version "
        + ("04010101001805" if _image(card).contents.generation is Generation.EV1 else "04010112001805")
        + "91af"
    )
    assert out[2].startswith(f"rest {_UID}")
    assert out[3] == "present True"
    assert out[4].startswith("text 700 ")
    assert out[5:] == ["done"]
    file = _image(card).contents.applications[_NDEF_AID].files[2]
    assert isinstance(file, DataFile)
    assert b"x" * 700 in file.data


def test_nfc_list_names_both_families_in_one_field(card: Path, tmp_path: Path) -> None:
    classic = tmp_path / "classic"
    card_file.save(classic, classic_blank(bytes.fromhex(_CLASSIC_UID), [(FACTORY_KEY, FACTORY_KEY)] * 16))
    with VirtualReader(tmp_path / "reader", cards=[card, classic]) as reader:
        out = run(reader, "nfc-list", "-v")
        assert "2 ISO14443A passive target(s) found" in out
        for word in (
            spaced(_UID),
            spaced(_CLASSIC_UID),
            "* MIFARE Classic 1K",
            "* MIFARE DESFire 4K",
            "ATS: 75  77  81  02  80",
        ):
            assert word in out
        assert f"0x{_UID}" in run(reader, "mifare-desfire-info"), "the other card is let alone"


def test_nfc_anticol_speaks_rats_raw(reader: VirtualReader) -> None:
    out = run(reader, "nfc-anticol")
    assert f"UID: {_UID}" in out
    assert "SAK: 20" in out
    assert "ATS: 067577810280" in out.replace("  ", "")

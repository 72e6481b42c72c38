"""Hosts nobody here wrote, with MIFARE Classic cards: nfcpy's driver, libnfc, libfreefare, mfoc."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.virtual import card_file
from hardware.virtual.classic_card import FACTORY_KEY, blank_image
from hardware.virtual.process import VirtualReader
from tests.hardware.virtual.foreign import environment, run, spaced
from tests.hardware.virtual.nfcpy_scripts import CLASSIC_BY_CHIPSET

SHORT, LONG = "d610b626", "04782e21801d80"
NDEF = bytes.fromhex("d1010b5402656e48656c6c6f212121")


@pytest.fixture(params=[SHORT, LONG])
def card(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    image = blank_image(bytes.fromhex(request.param), [(FACTORY_KEY, FACTORY_KEY)] * 16)
    for block in range(1, 64):
        if block % 4 != 3:
            image.blocks[block] = bytes([block]) * 16
    card_file.save(tmp_path / "card", image)
    return tmp_path / "card"


@pytest.fixture
def reader(card: Path, tmp_path: Path) -> Iterator[VirtualReader]:
    with VirtualReader(tmp_path / "reader", cards=[card]) as made:
        yield made


def test_nfcpys_own_driver(reader: VirtualReader, card: Path) -> None:
    """Forty times through the change to 921600 and back; then the exchanges and the refusals."""
    uid = card_file.load(card).uid.hex()
    out = run(reader, sys.executable, "-c", CLASSIC_BY_CHIPSET, str(reader.link), "40").splitlines()
    assert out[0].endswith(f"08{len(uid) // 2:02x}{uid}")
    assert out[1] == "read " + bytes(range(16)).hex()
    assert out[2:4] == [f"refused {0x13}", f"wrong key {0x14}"]
    assert f"sdd_res={uid}".upper() in out[4].upper()
    assert out[5:] == ["done"]
    assert reader.command("stats")["baud"] == 115200
    assert card_file.load(card).blocks[4] == bytes(range(16))


def test_nfc_list(reader: VirtualReader, card: Path) -> None:
    uid = card_file.load(card).uid.hex()
    out = run(reader, "nfc-list", "-v")
    assert "1 ISO14443A passive target(s) found" in out
    assert f"UID (NFCID1): {spaced(uid)}" in out
    assert "* MIFARE Classic 1K" in out
    assert out.count(" 0 ") + out.count("\n0 ") >= 5, "FeliCa, type B and Jewel are looked for and not found"
    reader.command("remove")
    assert "ISO14443A passive target(s) found" not in run(reader, "nfc-list").replace("0 ISO14443A", "")


def test_nfc_list_with_two_cards(tmp_path: Path) -> None:
    cards = []
    for uid in (SHORT, LONG):
        card_file.save(tmp_path / uid, blank_image(bytes.fromhex(uid), [(FACTORY_KEY, FACTORY_KEY)] * 16))
        cards.append(tmp_path / uid)
    with VirtualReader(tmp_path / "reader", cards=cards) as reader:
        out = run(reader, "nfc-list")
    assert "2 ISO14443A passive target(s) found" in out
    assert spaced(SHORT) in out
    assert spaced(LONG) in out


def test_nfc_anticol(reader: VirtualReader, card: Path) -> None:
    image = card_file.load(card)
    out = run(reader, "nfc-anticol")
    assert f"UID: {image.uid.hex()}" in out
    assert f"ATQA: {'0004' if len(image.uid) == 4 else '0044'}" in out
    assert "SAK: 08" in out


def _without_keys(blocks: list[bytes]) -> list[bytes]:
    """nfc-mfclassic fills the keys of its dump from its own memory, not from the card."""
    return [bytes(6) + data[6:10] + bytes(6) if n % 4 == 3 else data for n, data in enumerate(blocks)]


@pytest.mark.parametrize("key", ["a", "b"])
def test_nfc_mfclassic_reads_the_whole_card(key: str, card: Path, tmp_path: Path) -> None:
    """With key B only where key B is a key: trailer condition 011."""
    image = card_file.load(card)
    if key == "b":
        for trailer in range(3, 64, 4):
            image.blocks[trailer] = FACTORY_KEY + bytes.fromhex("7f078869") + FACTORY_KEY
        card_file.save(card, image)
    with VirtualReader(tmp_path / "reader", cards=[card]) as reader:
        out = run(reader, "nfc-mfclassic", "r", key, "u", "dump.mfd")
    assert "Done, 64 of 64 blocks read." in out
    dump = (tmp_path / "dump.mfd").read_bytes()
    assert _without_keys([dump[n : n + 16] for n in range(0, 1024, 16)]) == _without_keys(image.blocks)


def test_nfc_mfclassic_says_so_when_it_cannot_read(tmp_path: Path) -> None:
    card_file.save(tmp_path / "card", blank_image(bytes.fromhex(SHORT), [(b"\x12" * 6, b"\x34" * 6)] * 16))
    with (
        VirtualReader(tmp_path / "reader", cards=[tmp_path / "card"]) as reader,
        pytest.raises((AssertionError, subprocess.CalledProcessError)),
    ):
        run(reader, "nfc-mfclassic", "r", "a", "u", "dump.mfd")
    assert not (tmp_path / "dump.mfd").exists()


def test_libfreefare_formats_and_keeps_an_ndef_message(reader: VirtualReader, card: Path) -> None:
    folder = card.parent
    assert "done." in run(reader, "mifare-classic-format", "-y")
    assert not any(any(card_file.load(card).blocks[n]) for n in range(4, 7))
    (folder / "message").write_bytes(NDEF)
    run(reader, "mifare-classic-write-ndef", "-y", "-i", "message")
    assert 'contains a "NDEF Message TLV"' in run(reader, "mifare-classic-read-ndef", "-y", "-o", "back")
    assert (folder / "back").read_bytes() == NDEF
    assert card_file.load(card).blocks[4][2:16] == NDEF[:14]


def test_pn53x_diagnose(reader: VirtualReader) -> None:
    out = run(reader, "pn53x-diagnose")
    for test in ("Communication line", "ROM", "RAM"):
        assert f"{test} test: OK" in out


def test_nfc_poll_sees_the_card_and_sees_it_leave(reader: VirtualReader, card: Path) -> None:
    command = ["stdbuf", "-oL", "nfc-poll"]
    with subprocess.Popen(command, env=environment(reader), stdout=subprocess.PIPE, text=True) as poll:
        assert poll.stdout is not None
        seen = ""
        while "Waiting for card removing" not in seen:
            part = poll.stdout.read(1)
            assert part, seen
            seen += part
        time.sleep(0.2)
        reader.command("remove")
        rest, _ = poll.communicate(timeout=30)
    assert spaced(card_file.load(card).uid.hex()) in seen
    assert "done." in rest


def test_mfoc_reads_a_card_with_default_keys(reader: VirtualReader, card: Path) -> None:
    """It finds default keys, reads key B out of the trailers, and dumps the card."""
    out = run(reader, "mfoc", "-O", "dump.mfd")
    assert f"[Key: {FACTORY_KEY.hex()}] -> [xxxxxxxxxxxxxxxx]" in out
    assert (card.parent / "dump.mfd").read_bytes() == b"".join(card_file.load(card).blocks)

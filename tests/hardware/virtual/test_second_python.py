"""nfcpy on a Python of another version drives the virtual reader: nothing here depends on the one we use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hardware.virtual import card_file
from hardware.virtual.classic_card import FACTORY_KEY, blank_image
from hardware.virtual.desfire.contents import Generation
from hardware.virtual.desfire.contents import blank_image as desfire_blank
from hardware.virtual.process import VirtualReader
from tests.hardware.virtual.foreign import run
from tests.hardware.virtual.nfcpy_scripts import CLASSIC_BY_CHIPSET, TYPE_4_TAG

_PYTHON = Path(__file__).parents[3] / "build" / "second-python" / "bin" / "python"
pytestmark = pytest.mark.soak


@pytest.fixture
def python() -> str:
    """Made by `make soak`; a missing one fails the test, as one of our own version does."""
    if not _PYTHON.exists():
        pytest.fail(f"{_PYTHON} is missing: `make soak` makes it from a Python 3.12 or 3.13 on this machine")
    version = "import sys; print(*sys.version_info[:2], sep='.')"
    told = subprocess.run([_PYTHON, "-c", version], text=True, capture_output=True, check=True).stdout.strip()
    assert told != "{}.{}".format(*sys.version_info[:2]), "give `make soak` a SECOND_PYTHON of another version"
    return str(_PYTHON)


def test_a_second_pythons_nfcpy_drives_a_classic(python: str, tmp_path: Path) -> None:
    card_file.save(tmp_path / "card", blank_image(bytes.fromhex("d610b626"), [(FACTORY_KEY, FACTORY_KEY)] * 16))
    with VirtualReader(tmp_path / "reader", cards=[tmp_path / "card"]) as reader:
        out = run(reader, python, "-c", CLASSIC_BY_CHIPSET, str(reader.link), "200").splitlines()
    assert out[1] == "read " + bytes(range(16)).hex()
    assert out[2:4] == [f"refused {0x13}", f"wrong key {0x14}"]
    assert out[5:] == ["done"]


def test_a_second_pythons_nfcpy_drives_a_desfire(python: str, tmp_path: Path) -> None:
    card_file.save(tmp_path / "card", desfire_blank(bytes.fromhex("04782e21801d80"), Generation.EV2))
    with VirtualReader(tmp_path / "reader", cards=[tmp_path / "card"]) as reader:
        run(reader, "mifare-desfire-create-ndef", "-y")
        out = run(reader, python, "-c", TYPE_4_TAG, str(reader.link)).splitlines()
    assert out[4].startswith("text 700 ")
    assert out[5:] == ["done"]

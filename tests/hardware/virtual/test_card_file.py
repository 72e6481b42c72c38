"""Card files: strict when read, whole when written, told by `onecard card`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hardware.virtual import card_file
from hardware.virtual.card_file import CardFileError
from hardware.virtual.classic_card import blank_image
from onecard.errors import OnecardError
from tests.hardware.virtual.machine import LONG_UID, UID, blank_card
from tools.card import command

EXAMPLE = Path(__file__).parents[3] / "docs" / "formats" / "virtual-card.md"


def _changes() -> dict[str, Callable[[dict[str, Any]], object]]:
    return {
        "another format": lambda c: c.update(format="card"),
        "another version": lambda c: c.update(version=2),
        "another family": lambda c: c.update(family="desfire"),
        "a missing field": lambda c: c.pop("weak"),
        "an unknown field": lambda c: c.update(owner="x"),
        "a short UID": lambda c: c.update(uid="d610b6"),
        "a UID with a cascade tag": lambda c: c.update(uid="8810b626"),
        "upper case": lambda c: c.update(uid="D610B626"),
        "a missing block": lambda c: c["blocks"].pop(),
        "a short block": lambda c: c["blocks"].__setitem__(9, "00" * 15),
        "a block that is no text": lambda c: c["blocks"].__setitem__(9, 0),
        "a weak block beyond the card": lambda c: c.update(weak={"64": "00" * 16}),
        "a weak block named in 5000 digits": lambda c: c.update(weak={"4".rjust(5000, "0"): "00" * 16}),
        "a weak block named twice": lambda c: c.update(weak={"4": "00" * 16, "04": "00" * 16}),
        "a short weak mask": lambda c: c.update(weak={"4": "01"}),
        "a negative count": lambda c: c.update(writes=-1),
        "a count that is true": lambda c: c.update(writes=True),
        "a count that is a fraction": lambda c: c.update(presentations=1.0),
    }


@pytest.mark.parametrize("change", _changes().values(), ids=_changes())
def test_a_file_that_is_not_exactly_a_card_is_refused(change: Callable[[Any], object], tmp_path: Path) -> None:
    path = blank_card(tmp_path / "card")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CardFileError, match=str(path)):
        card_file.load(path)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff\xfe", b"{}" * 40000, b"[" * 60000, b'{"a":1,"a":2}', b"null"]
)
def test_what_is_no_card_at_all_is_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "card"
    path.write_bytes(text)
    with pytest.raises(CardFileError, match="onecard card blank"):
        card_file.load(path)


def test_a_missing_file_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(CardFileError, match="onecard card blank"):
        card_file.load(tmp_path / "none")


@pytest.mark.parametrize("uid", [UID, LONG_UID])
def test_a_card_survives_its_file(uid: bytes, tmp_path: Path) -> None:
    image = blank_image(uid, [(bytes([n]) * 6, bytes([n + 1]) * 6) for n in range(16)])
    image.weak, image.weak_seed, image.presentations, image.writes = {4: b"\x01" * 16}, -5, 6, 7
    card_file.save(tmp_path / "card", image)
    assert card_file.load(tmp_path / "card") == image
    assert [path.name for path in tmp_path.iterdir()] == ["card"]


def test_the_documented_example_is_a_card(tmp_path: Path) -> None:
    _, _, rest = EXAMPLE.read_text().partition("```json\n")
    text, _, _ = rest.partition("```")
    content = json.loads(text)
    filler = ["00" * 16] * 3 + content["blocks"][7:]
    content["blocks"] += filler * 14
    (tmp_path / "card").write_text(json.dumps(content))
    assert card_file.load(tmp_path / "card").weak.keys() == {5}


@pytest.mark.parametrize(
    "arguments", [["--type", "desfire", "--uid", "d610b626"], ["--type", "classic", "--uid", "88000000"]]
)
def test_blank_refuses_what_it_cannot_make(arguments: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["blank", *arguments, str(tmp_path / "card")])
    assert isinstance(result.exception, OnecardError)
    assert not (tmp_path / "card").exists()


def test_blank_never_overwrites_a_card(tmp_path: Path) -> None:
    path = blank_card(tmp_path / "card")
    before = path.read_bytes()
    result = CliRunner().invoke(command, ["blank", "--type", "classic", "--uid", "d610b627", str(path)])
    assert isinstance(result.exception, OnecardError)
    assert path.read_bytes() == before


def test_random_keys_differ_in_every_sector_and_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "card"
    CliRunner().invoke(command, ["blank", "--type", "classic", "--uid", "d610b626", "--keys", "random", str(path)])
    image = card_file.load(path)
    keys = {
        key for sector in range(16) for key in (image.blocks[4 * sector + 3][:6], image.blocks[4 * sector + 3][10:])
    }
    assert len(keys) == 32
    for arguments in (["show"], ["show", "--json"]):
        shown = CliRunner().invoke(command, [*arguments, str(path)])
        assert shown.exit_code == 0
        assert not any(key.hex() in shown.output for key in keys)


def test_show_tells_uid_access_weak_bits_and_dead_sectors(tmp_path: Path) -> None:
    path = blank_card(tmp_path / "card", trailers={1: bytes.fromhex("7f078869"), 2: bytes(4)})
    image = card_file.load(path)
    image.weak = {4: b"\x01" * 16}
    card_file.save(path, image)
    text = CliRunner().invoke(command, ["show", str(path)]).output
    assert "UID d610b626" in text
    assert "dead: broken access bits" in text
    assert "weak bits " + "01" * 16 in text
    told = json.loads(CliRunner().invoke(command, ["show", "--json", str(path)]).output)
    assert told["uid"] == "d610b626"
    assert told["weak_blocks"] == [4]
    assert told["sectors"][1]["conditions"] == [0, 0, 0, 3]
    assert told["sectors"][2]["conditions"] is None
    assert told["sectors"][0]["blocks"][0].startswith("d610b626")

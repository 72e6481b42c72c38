"""DESFire card files: strict when read, whole when written, told by `onecard card`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hardware.cards.desfire.messaging import CommMode
from hardware.virtual import card_file
from hardware.virtual.card_file import CardFileError
from hardware.virtual.desfire.contents import DesfireImage
from onecard.errors import OnecardError
from tests.hardware.virtual.desfire.host import AID, Host, create_records, create_standard, create_value, secret
from tests.hardware.virtual.desfire.host import with_application as _with_application
from tools.card import command

_DOCUMENT = Path(__file__).parents[4] / "docs" / "formats" / "virtual-card.md"
_UID = "04782e21801d80"


def _image() -> DesfireImage:
    """A file of each kind with something in it, and a second application with ISO names."""
    host: Host = _with_application()
    host.done(*create_standard(1, 3, 0x12EF, 33))
    host.done(*create_standard(31, 0, 0xEEEE, 4, code=0xCB))
    host.done(*create_value(2, 1, 0xEEEE, (-5, 2**31 - 1), 7, 3))
    host.done(*create_records(3, 0, 0xEEEE, 2, 3))
    host.done(*create_records(4, 0, 0xEEEE, 2, 3, code=0xC1))
    host.done(0x3B, "03000000020000", b"ab")
    host.done(0xDC, "02", (9).to_bytes(4, "little"))
    host.done(0xC7)
    host.select(bytes(3))
    host.done(0xCA, "0100000f6110e1" + b"name".hex())
    host.image.presentations = 3
    return host.image


def test_a_card_survives_its_file(tmp_path: Path) -> None:
    image = _image()
    card_file.save(tmp_path / "card", image)
    assert card_file.load(tmp_path / "card") == image


def _application(content: dict[str, Any]) -> Any:
    return content["applications"][AID.hex()]


def _file(content: dict[str, Any], number: int) -> Any:
    return _application(content)["files"][str(number)]


_CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another family": lambda c: c.update(family="classic-1k"),
    "no family": lambda c: c.update(family=["desfire"]),
    "a missing field": lambda c: c.pop("used"),
    "an unknown field": lambda c: c.update(blocks=[]),
    "a short UID": lambda c: c.update(uid="04782e21"),
    "another generation": lambda c: c.update(generation="ev9"),
    "another kind of key": lambda c: c["key"].update(kind="rsa"),
    "a short key": lambda c: c["key"].update(data="00" * 8),
    "a key version beyond a byte": lambda c: c["key"].update(version=256),
    "settings beyond their bits": lambda c: c.update(settings=16),
    "more memory than there is": lambda c: c.update(used=161),
    "a flag that is a number": lambda c: c.update(random_uid=1),
    "an ATS of another length": lambda c: c.update(ats="0775"),
    "applications that are no table": lambda c: c.update(applications=[]),
    "a long AID": lambda c: c["applications"].update({"00000001": _application(c)}),
    "fifteen keys": lambda c: _application(c).update(keys=[{"data": "00" * 16, "version": 0}] * 15),
    "an unknown field of an application": lambda c: _application(c).update(owner="x"),
    "half an ISO id": lambda c: _application(c).update(iso_id="e1"),
    "a 33rd file": lambda c: _application(c)["files"].update({"32": _file(c, 1)}),
    "a file that is a list": lambda c: _application(c)["files"].update({"1": []}),
    "another kind of file": lambda c: _file(c, 1).update(kind="mac"),
    "a field of another kind of file": lambda c: _file(c, 1).update(records=[]),
    "another mode": lambda c: _file(c, 1).update(communication=4),
    "short rights": lambda c: _file(c, 1).update(rights="eee"),
    "a value beyond its limits": lambda c: _file(c, 2).update(value=-6),
    "a value beyond 32 bits": lambda c: _file(c, 2).update(upper=2**31),
    "limits the wrong way round": lambda c: _file(c, 2).update(lower=8, upper=7),
    "a record too many": lambda c: _file(c, 3).update(records=["6162"] * 3),
    "a long record": lambda c: _file(c, 3).update(records=["616263"]),
    "a negative count": lambda c: c.update(writes=-1),
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES)
def test_a_file_that_is_not_exactly_a_card_is_refused(change: Callable[[Any], object], tmp_path: Path) -> None:
    path = tmp_path / "card"
    card_file.save(path, _image())
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CardFileError, match=str(path)):
        card_file.load(path)


def test_the_documented_example_is_a_card(tmp_path: Path) -> None:
    text = _DOCUMENT.read_text().split("```json\n")[2].partition("```")[0]
    (tmp_path / "card").write_text(text)
    image = card_file.load(tmp_path / "card")
    assert isinstance(image, DesfireImage)
    assert list(image.contents.applications[AID].files) == [1, 2, 3]


@pytest.mark.parametrize("generation", ["ev1", "ev2"])
def test_blank_makes_a_card_of_either_generation(generation: str, tmp_path: Path) -> None:
    path = tmp_path / "card"
    arguments = ["blank", "--type", "desfire", "--generation", generation, "--uid", _UID, str(path)]
    assert CliRunner().invoke(command, arguments).exit_code == 0
    image = card_file.load(path)
    assert isinstance(image, DesfireImage)
    assert image.contents.generation.value == generation
    assert not any(image.contents.key.key.secret)
    refused = CliRunner().invoke(command, ["blank", "--type", "desfire", "--uid", "d610b626", str(tmp_path / "b")])
    assert isinstance(refused.exception, OnecardError)


def test_show_tells_files_and_rights_and_hides_keys(tmp_path: Path) -> None:
    path = tmp_path / "card"
    card_file.save(path, _image())
    text = CliRunner().invoke(command, ["show", str(path)]).output
    assert f"UID {_UID}" in text
    assert "card master key factory des" in text
    assert "file 1: standard, full, read key 1, write key 2, read&write everybody, change nobody" in text
    assert "-2 of -5 to 2147483647, limited credit up to 9" in text
    assert b"ab".hex() in text
    told = json.loads(CliRunner().invoke(command, ["show", "--json", str(path)]).output)
    assert told["family"] == "desfire"
    assert told["applications"][AID.hex()]["files"]["1"]["mode"] == CommMode.FULL.name.lower()
    for shown in (text, json.dumps(told)):
        assert not any(secret(number).hex() in shown for number in range(5))


def test_random_keys_are_not_those_of_the_factory(tmp_path: Path) -> None:
    path = tmp_path / "card"
    CliRunner().invoke(command, ["blank", "--type", "desfire", "--keys", "random", "--uid", _UID, str(path)])
    image = card_file.load(path)
    assert isinstance(image, DesfireImage)
    assert any(image.contents.key.key.secret)
    assert image.contents.key.key.secret.hex() not in CliRunner().invoke(command, ["show", str(path)]).output

"""The bit tables of docs/formats/card-desfire.md are the code's, and a card made by them says the same of itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hardware.cards.desfire import layout
from hardware.cards.desfire.cipher import Key, KeyType
from hardware.cards.port import CardFamily
from hardware.virtual.desfire.contents import Generation, Right
from tests.hardware.virtual.desfire.host import Host

_PAGE = (Path(__file__).parents[4] / "docs" / "formats" / "card-desfire.md").read_text("utf-8")
_NOBODY = 0xF


def _commands(code: str) -> list[bytes]:
    """Every command in the page's code spans that begins so."""
    return [bytes.fromhex(span) for span in re.findall(rf"`({code}(?: [0-9A-F]{{2}})+)`", _PAGE)]


def _rows(title: str) -> list[list[str]]:
    """The cells of the table whose first heading is `title`."""
    table = _PAGE.partition(f"\n| {title} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def test_the_files_are_the_documented_ones() -> None:
    assert [bytes([making.code]) + making.parameters for making in layout.FILES] == [
        *_commands("CB"),
        *_commands("CC"),
        *_commands("C0"),
    ]


def test_the_applications_are_the_documented_ones() -> None:
    made = b"\xca" + layout.application(0) + bytes([layout.APPLICATION_SETTINGS, layout.APPLICATION_KEYS])
    assert _commands("CA") == [made]
    assert layout.application(0) == bytes.fromhex("00CAF0")
    assert layout.application(15) == bytes.fromhex("0FCAF0")
    assert "application: `01` | card: `09`" in _PAGE
    assert (layout.APPLICATION_SETTINGS, layout.CARD_SETTINGS) == (0x01, 0x09)


@pytest.mark.parametrize("purse", [-1, 16])
def test_there_is_no_seventeenth_purse(purse: int) -> None:
    assert CardFamily.DESFIRE.limits.purses == 16
    with pytest.raises(AssertionError):
        layout.application(purse)
    assert layout.purse_of((layout.APPLICATIONS_FROM + purse).to_bytes(3, "little")) is None


def test_a_purse_and_its_application_name_each_other() -> None:
    assert [layout.purse_of(layout.application(purse)) for purse in range(16)] == list(range(16))


def test_the_rights_are_the_documented_ones_and_nobody_may_credit() -> None:
    """Asked of the virtual card's reading of the word, which nobody copied from the layout."""
    word = int.from_bytes(layout.DEBIT_KEY_ONLY, "little")
    found = {right: word >> right.value & 0xF for right in Right}
    assert found == {Right.READ: 1, Right.WRITE: 1, Right.READ_WRITE: _NOBODY, Right.CHANGE: _NOBODY}
    for row in _rows("file")[:3]:
        assert row[3:7] == ["1", "1", "nobody", "nobody"]


def test_the_keys_are_the_documented_ones() -> None:
    assert [row[0] for row in _rows("key")] == ["card", "0 of an application", "1", "2"]
    assert (layout.MASTER_KEY, layout.DEBIT_KEY, layout.ISSUER_KEY, layout.KEYS) == (0, 1, 2, 3)


@pytest.mark.parametrize("generation", Generation, ids=lambda generation: generation.value)
def test_a_card_says_of_its_files_what_the_layout_says(generation: Generation) -> None:
    """GetFileSettings: kind, communication, rights, then size, or limits, or record size, capacity and count."""
    host = Host(generation)
    keys = bytes([layout.APPLICATION_SETTINGS, layout.APPLICATION_KEYS])
    host.done(0xCA, (layout.application(0) + keys).hex())
    host.select(layout.application(0))
    host.authenticate(0, Key(KeyType.AES, bytes(16)).secret)
    for making in layout.FILES:
        host.done(making.code, making.parameters.hex())
    told = [host.done(0xF5, f"{number:02x}").hex() for number in (1, 2, 3)]
    assert told[0] == "0100ff11600000"
    assert told[1].startswith("0201ff11" + "00000000" + "ffffff7f")
    assert told[2] == "0401ff11" + "100000" + "040000" + "000000"
    assert layout.TRANSACTION_MAC_FILE == 4

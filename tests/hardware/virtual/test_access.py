"""Access conditions: bytes, rights, and the keys that do not open what they seem to."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from hardware.virtual.access import DATA_RIGHTS, TRAILER_RIGHTS, Key, access_bytes, conditions, key_b_is_readable
from tests.hardware.virtual.machine import KEY_A, KEY_B, Machine, blank_card

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "classic_access.json").read_text())
VALUE = bytes.fromhex("e803000017fcffffe803000000ff00ff")
REFUSED = "13"


def _trailer(access: str) -> bytes:
    return bytes(6) + bytes.fromhex(access) + bytes(7)


@pytest.mark.parametrize("access", VECTORS["contradicting"])
def test_copies_that_disagree_are_no_conditions(access: str) -> None:
    assert conditions(_trailer(access)) is None


@pytest.mark.parametrize("vector", VECTORS["access"], ids=lambda v: v["bytes"])
def test_published_access_bytes(vector: dict[str, list[str] | str]) -> None:
    zero, one, two, three = (int(c, 2) for c in vector["conditions"])
    assert access_bytes((zero, one, two, three)).hex() == vector["bytes"]
    assert conditions(_trailer(str(vector["bytes"]))) == (zero, one, two, three)


def test_every_combination_of_conditions_survives_its_bytes() -> None:
    for a, b, c, d in product(range(8), repeat=4):
        assert conditions(bytes(6) + access_bytes((a, b, c, d)) + bytes(7)) == (a, b, c, d)


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


# MF1S50yyX_V1 table 8: condition, read, write, increment, decrement/transfer/restore
DATA_TABLE = """
000 AB AB AB AB
010 AB -  -  -
100 AB B  -  -
110 AB B  B  AB
001 AB -  -  AB
011 B  B  -  -
101 B  -  -  -
111 -  -  -  -
"""
# MF1S50yyX_V1 table 7: condition, write key A, read bits, write bits, read key B, write key B
TRAILER_TABLE = """
000 A A  - A A
010 - A  - A -
100 B AB - - B
110 - AB - - -
001 A A  A A A
011 B AB B - B
101 - AB B - -
111 - AB - - -
"""


@pytest.mark.parametrize("row", _rows(DATA_TABLE), ids=lambda row: row[0])
@pytest.mark.parametrize("key", list(Key))
def test_data_blocks_obey_the_table(row: list[str], key: Key, tmp_path: Path) -> None:
    """With trailer condition 011, where key B is a key."""
    condition = int(row[0], 2)
    card = blank_card(tmp_path / "c", trailers={1: access_bytes((condition, condition, condition, 0b011)) + b"\0"})
    machine = Machine(card)
    image = next(iter(machine.field)).card._eeprom.image  # type: ignore[attr-defined]
    commands = ["40 01 30 04", f"40 01 a0 04 {VALUE.hex()}", "40 01 c1 04 01000000", "40 01 c0 04 01000000"]
    for command, who in zip(commands, row[1:], strict=True):
        image.blocks[4] = VALUE
        machine.select_and_auth(4, KEY_A if key is Key.A else KEY_B, key.value)
        status = machine.ask(command)[:2]
        assert status == ("00" if key.name in who else REFUSED), command
    machine.select_and_auth(4, KEY_A if key is Key.A else KEY_B, key.value)
    assert machine.ask("40 01 c2 04 00000000")[:2] == ("00" if key.name in row[4] else REFUSED)


@pytest.mark.parametrize("row", _rows(TRAILER_TABLE), ids=lambda row: row[0])
@pytest.mark.parametrize("key", list(Key))
def test_trailers_obey_the_table(row: list[str], key: Key, tmp_path: Path) -> None:
    condition = int(row[0], 2)
    access = access_bytes((0, 0, 0, condition)) + b"\x42"
    machine = Machine(blank_card(tmp_path / "c", trailers={1: access}))
    machine.select_and_auth(4, KEY_A if key is Key.A else KEY_B, key.value)
    if key is Key.B and key_b_is_readable(condition):
        assert machine.read(7) == REFUSED
        return
    may = {name: key.name in who for name, who in zip(("wa", "rx", "wx", "rb", "wb"), row[1:], strict=True)}
    shown = bytes(6) + (access if may["rx"] else bytes(4)) + (KEY_B if may["rb"] else bytes(6))
    assert machine.read(7) == "00" + shown.hex()
    new_access = access_bytes((0, 0, 0, 0b111)) + b"\x43"
    status = machine.write(7, b"\x01" * 6 + new_access + b"\x02" * 6)
    assert status == ("00" if may["wa"] or may["wx"] or may["wb"] else REFUSED)
    image = next(iter(machine.field)).card._eeprom.image  # type: ignore[attr-defined]
    expected = (
        (b"\x01" * 6 if may["wa"] else KEY_A)
        + (new_access if may["wx"] else access)
        + (b"\x02" * 6 if may["wb"] else KEY_B)
    )
    assert image.blocks[7] == expected


def test_the_tables_here_name_every_condition() -> None:
    assert [int(row[0], 2) for row in _rows(DATA_TABLE)] == list(DATA_RIGHTS)
    assert [int(row[0], 2) for row in _rows(TRAILER_TABLE)] == list(TRAILER_RIGHTS)


@pytest.mark.parametrize("condition", [0b000, 0b010, 0b001])
def test_a_readable_key_b_opens_no_data(condition: int, tmp_path: Path) -> None:
    machine = Machine(blank_card(tmp_path / "c", trailers={1: access_bytes((0, 0, 0, condition)) + b"\0"}))
    machine.select_and_auth(4, KEY_B, 0x61)
    assert machine.read(4) == REFUSED
    machine.select_and_auth(4, KEY_B, 0x61)
    assert machine.write(4, bytes(16)) == REFUSED


def test_key_b_is_not_read_with_011(tmp_path: Path) -> None:
    machine = Machine(blank_card(tmp_path / "c", trailers={1: bytes.fromhex("7f078869")}))
    for key, which in ((KEY_A, 0x60), (KEY_B, 0x61)):
        machine.select_and_auth(4, key, which)
        assert machine.read(7) == "00" + (bytes(6) + bytes.fromhex("7f078869") + bytes(6)).hex()


def test_a_trailer_with_broken_access_bits_closes_its_sector_only(tmp_path: Path) -> None:
    machine = Machine(blank_card(tmp_path / "c", trailers={1: bytes.fromhex("00000000")}))
    assert machine.list_one().startswith("01")
    assert machine.auth(4) == "14"
    machine.select_and_auth(8)
    assert machine.read(8)[:2] == "00"


def test_the_manufacturer_block_is_never_written(tmp_path: Path) -> None:
    machine = Machine(blank_card(tmp_path / "c"))
    machine.select_and_auth(0)
    assert machine.write(0, bytes(16)) == REFUSED

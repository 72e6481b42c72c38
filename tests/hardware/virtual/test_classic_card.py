"""Authentication state and value blocks. Most of this no independent host would notice if it were wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware.virtual.access import access_bytes
from hardware.virtual.classic_card import Value, value_of
from tests.hardware.virtual.machine import KEY_A, KEY_B, LONG_UID, UID, Machine, blank_card

NO_ANSWER, REFUSED, AUTH_FAILED, NO_TARGET = "01", "13", "14", "27"
VALUE_1000 = bytes.fromhex("e803000017fcffffe803000000ff00ff")
"""1000 at address 0: MF1S50yyX_V1 §8.6.2.1, libfreefare's value block tests."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(blank_card(tmp_path / "card"))


def _set(machine: Machine, block: int, data: bytes) -> None:
    next(iter(machine.field)).card._eeprom.image.blocks[block] = data  # type: ignore[attr-defined]


def _block(machine: Machine, block: int) -> bytes:
    data: bytes = next(iter(machine.field)).card._eeprom.image.blocks[block]  # type: ignore[attr-defined]
    return data


@pytest.mark.parametrize("bit", range(48))
@pytest.mark.parametrize("which", [0x60, 0x61])
def test_a_key_with_one_wrong_bit_does_not_open(which: int, bit: int, machine: Machine) -> None:
    right = int.from_bytes(KEY_A if which == 0x60 else KEY_B, "big")
    assert machine.list_one().startswith("01")
    assert machine.auth(4, (right ^ 1 << bit).to_bytes(6, "big"), which) == AUTH_FAILED


def test_key_a_does_not_open_as_key_b(machine: Machine) -> None:
    assert machine.list_one().startswith("01")
    assert machine.auth(4, KEY_A, 0x61) == AUTH_FAILED


def test_the_right_key_with_another_uid_does_not_open(machine: Machine) -> None:
    assert machine.list_one().startswith("01")
    assert machine.auth(4, uid=b"\xd6\x10\xb6\x27") == AUTH_FAILED


def test_a_seven_byte_card_is_opened_with_the_last_four(tmp_path: Path) -> None:
    machine = Machine(blank_card(tmp_path / "card", LONG_UID))
    assert machine.list_one() == "01" + "01" + "0044" + "08" + "07" + LONG_UID.hex()
    assert machine.auth(4, uid=LONG_UID[:4]) == AUTH_FAILED
    assert machine.list_one().startswith("01")
    assert machine.auth(4, uid=LONG_UID) == "00"


@pytest.mark.parametrize("block", [64, 255])
def test_blocks_beyond_the_card_do_not_open(block: int, machine: Machine) -> None:
    assert machine.list_one().startswith("01")
    assert machine.auth(block) == AUTH_FAILED


@pytest.mark.parametrize("command", ["30 04", "a0 04" + "00" * 16, "c1 04 01000000", "b0 04"])
def test_without_authentication_everything_is_refused(command: str, machine: Machine) -> None:
    assert machine.list_one().startswith("01")
    assert machine.ask("40 01 " + command) == REFUSED


def test_authentication_opens_one_sector_only(machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.read(8) == REFUSED


def test_a_new_authentication_closes_the_old_sector(machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.auth(8) == "00"
    assert machine.read(4) == REFUSED


@pytest.mark.parametrize(
    "failing", ["40 01 30 08", "40 01 a0 00" + "00" * 16, "40 01 60 04 000000000000 d610b626", "40 01 99 04"]
)
def test_any_error_loses_the_authentication_and_the_selection(failing: str, machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.ask(failing) in (REFUSED, AUTH_FAILED)
    assert machine.read(4) == NO_ANSWER
    assert machine.auth(4) == NO_ANSWER
    machine.select_and_auth(4)
    assert machine.read(4) == "00" + bytes(16).hex()


@pytest.mark.parametrize("size", [0, 4, 15, 17])
def test_a_write_of_another_size_is_refused(size: int, machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.write(4, bytes(size)) == REFUSED


def test_a_value_block_is_what_the_data_sheet_says() -> None:
    assert Value(1000, 0).block() == VALUE_1000
    assert value_of(VALUE_1000) == Value(1000, 0)
    assert value_of(Value(-(2**31), 0x2A).block()) == Value(-(2**31), 0x2A)


@pytest.mark.parametrize("bit", range(128))
def test_every_bit_of_both_copies_is_compared(bit: int, machine: Machine) -> None:
    damaged = (int.from_bytes(VALUE_1000, "big") ^ 1 << bit).to_bytes(16, "big")
    assert value_of(damaged) is None
    _set(machine, 4, damaged)
    machine.select_and_auth(4)
    assert machine.ask("40 01 c0 04 01000000") == REFUSED


@pytest.mark.parametrize(
    ("start", "command", "operand"),
    [(2**31 - 1, "c1", 1), (2**31 - 100, "c1", 100), (-(2**31), "c0", 1), (0, "c1", -1), (0, "c0", -1)],
)
def test_a_value_does_not_pass_its_limits(start: int, command: str, operand: int, machine: Machine) -> None:
    _set(machine, 4, Value(start, 4).block())
    machine.select_and_auth(4)
    assert machine.ask(f"40 01 {command} 04 {operand.to_bytes(4, 'little', signed=True).hex()}") == REFUSED
    assert _block(machine, 4) == Value(start, 4).block()


def test_a_value_changes_only_at_transfer_and_keeps_its_address(machine: Machine) -> None:
    _set(machine, 4, VALUE_1000)
    machine.select_and_auth(4)
    assert machine.ask("40 01 c0 04 2c010000") == "00"
    assert _block(machine, 4) == VALUE_1000
    assert machine.ask("40 01 b0 04") == "00"
    assert value_of(_block(machine, 4)) == Value(700, 0)
    assert machine.ask("40 01 c1 04 01000000") == "00"
    assert machine.ask("40 01 b0 05") == "00"
    assert value_of(_block(machine, 5)) == Value(701, 0)
    assert machine.ask("40 01 c2 04 00000000") == "00"
    assert machine.ask("40 01 b0 06") == "00"
    assert _block(machine, 6) == _block(machine, 4)


def test_transfer_without_a_buffer_is_refused(machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.ask("40 01 b0 04") == REFUSED


def test_the_buffer_does_not_outlive_the_session(machine: Machine) -> None:
    _set(machine, 4, VALUE_1000)
    machine.select_and_auth(4)
    assert machine.ask("40 01 c2 04 00000000") == "00"
    assert machine.auth(8) == "00"
    assert machine.ask("40 01 b0 08") == REFUSED


def test_transfer_needs_the_right_of_the_block_it_writes(tmp_path: Path) -> None:
    access = access_bytes((0b000, 0b010, 0b000, 0b011)) + b"\0"
    machine = Machine(blank_card(tmp_path / "card", trailers={1: access}))
    _set(machine, 4, VALUE_1000)
    machine.select_and_auth(4)
    assert machine.ask("40 01 c2 04 00000000") == "00"
    assert machine.ask("40 01 b0 05") == REFUSED


@pytest.mark.parametrize("command", ["b0 07", "c2 07 00000000", "b0 00"])
def test_trailers_and_block_0_are_no_value_blocks(command: str, machine: Machine) -> None:
    sector_first = 0 if command == "b0 00" else 4
    _set(machine, sector_first + 1, VALUE_1000)
    machine.select_and_auth(sector_first)
    assert machine.ask(f"40 01 c2 {sector_first + 1:02x} 00000000") == "00"
    assert machine.ask("40 01 " + command) == REFUSED


def test_a_cipher_switched_off_by_the_host_ends_the_session(machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.ask("06 63 38") == "08"
    assert machine.ask("08 63 38 00") == ""
    assert machine.read(4) == REFUSED


def test_a_halted_card_is_woken_by_its_uid_only(machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.ask("44 01") == "00"
    assert machine.list_one() == "00"
    assert machine.ask(f"4a 01 00 {UID.hex()}").startswith("01")
    assert machine.auth(4, bytes(6)) == AUTH_FAILED
    assert machine.list_one() == "00", "a card woken from HALT goes back to HALT"
    assert machine.ask("32 01 00") == ""
    assert machine.ask("32 01 01") == ""
    assert machine.list_one().startswith("01"), "without field it forgets"


def test_no_target_no_exchange(machine: Machine) -> None:
    assert machine.ask("40 01 30 04") == NO_TARGET
    assert machine.list_one().startswith("01")
    assert machine.ask("40 02 30 04") == NO_TARGET
    assert machine.ask("52 00") == "00"
    assert machine.ask("40 01 30 04") == NO_TARGET

"""The chip as a host sees it: frames, abort, repeat, speed, sleep, search, two cards, raw frames."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.virtual import frame
from hardware.virtual.chip import Chip
from hardware.virtual.field import Field, FieldError
from hardware.virtual.host_commands import COMMANDS
from hardware.virtual.schedule import Schedule
from tests.hardware.virtual.machine import LONG_UID, UID, Machine, blank_card, bytes_of

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "pn532_frames.json").read_text())
VERSION = bytes.fromhex("0000ff02fed4022a00")
VERSION_ANSWER = bytes.fromhex("0000ff06fad50332010607e800")
OTHER_UID = bytes.fromhex("d710b626")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(blank_card(tmp_path / "card"))


def test_recorded_sessions_are_answered_as_recorded(machine: Machine) -> None:
    for exchange in VECTORS["exchanges"]:
        out = machine.raw(bytes.fromhex(exchange["host"]))
        assert out == frame.ACK + bytes.fromhex(exchange["chip"]), exchange["of"]


def test_an_empty_field_lists_nothing() -> None:
    """libnfc issue 85: d5 4b 00."""
    assert Machine().list_one() == "00"


@pytest.mark.parametrize("code", sorted(set(range(0, 256, 2)) - set(COMMANDS)))
def test_unknown_commands_get_the_error_frame(code: int, machine: Machine) -> None:
    assert machine.ask(f"{code:02x} 00") == "error"


@pytest.mark.parametrize(
    "command",
    [
        "00",
        "02 00",
        "06 63",
        "08 63 38",
        "10",
        "10 09",
        "12",
        "14 00",
        "14 05",
        "32",
        "32 01",
        "32 99 00",
        "4a 01",
        "4a 00 00",
        "4a 03 00",
        "4a 01 05",
        "40",
        "60 00 01 10",
        "60 01 00 10",
        "44",
        "16",
    ],
)
def test_wrong_parameters_get_the_error_frame(command: str, machine: Machine) -> None:
    assert machine.ask(command) == "error"
    assert machine.ask("02") == "32010607"


@pytest.mark.parametrize("position", range(3, 8))
def test_a_damaged_command_is_not_executed_but_refused(position: int, machine: Machine) -> None:
    damaged = bytearray(VERSION)
    damaged[position] ^= 0x01
    out = machine.raw(bytes(damaged) + bytes(300))
    assert frame.ACK not in out
    assert out.startswith(frame.NACK)
    assert machine.ask("02") == "32010607"


def test_a_frame_not_addressed_to_the_chip_gets_the_error_frame(machine: Machine) -> None:
    assert machine.raw(frame.information(b"\x02", 0xD5)) == frame.ACK + frame.ERROR


def test_nack_repeats_the_last_answer_without_executing_again(machine: Machine) -> None:
    machine.select_and_auth(4)
    answer = machine.raw(frame.information(bytes.fromhex("4001a004") + bytes(16), 0xD4))[6:]
    writes = machine.field.writes
    assert machine.raw(frame.NACK) == answer
    assert machine.raw(frame.NACK) == answer
    assert machine.field.writes == writes == 1


@given(st.binary(max_size=400), st.data())
@settings(max_examples=150, deadline=None)
def test_noise_never_stops_the_chip(noise: bytes, data: st.DataObject) -> None:
    """Whatever went before, but for a sleep without wake-up, zeros and ACK bring it back, as a host's opening does."""
    schedule = Schedule()
    chip = Chip(Field(schedule, 0), schedule)
    payload = bytes([data.draw(st.sampled_from(sorted(COMMANDS.keys() - {0x16})))]) + noise[:200]
    bytes_of(chip.receive(frame.information(payload, 0xD4)))
    bytes_of(chip.receive(noise))
    chip.forget_partial()
    bytes_of(chip.receive(bytes(16) + frame.ACK))
    assert bytes_of(chip.receive(VERSION)).startswith(frame.ACK)


def test_an_infinite_search_ends_with_a_card_or_an_abort(tmp_path: Path) -> None:
    machine = Machine()
    card = blank_card(tmp_path / "card")
    assert machine.ask("32 05 ff ff ff") == ""
    assert machine.ask("4a 01 00") == ""
    assert machine.chip.search is not None
    assert machine.chip.search.us is None
    machine.field.place(card)
    assert bytes_of(machine.chip.field_changed())[5:8] == b"\xd5\x4b\x01"
    machine.field.clear()
    assert machine.ask("4a 01 00") == ""
    assert machine.raw(frame.ACK) == b""
    machine.field.place(card)
    assert bytes_of(machine.chip.field_changed()) == b"", "the search was aborted"


def test_a_new_command_ends_a_search(tmp_path: Path) -> None:
    machine = Machine()
    assert machine.ask("32 05 ff ff ff") == ""
    assert machine.ask("4a 01 00") == ""
    assert machine.ask("02") == "32010607"
    machine.field.place(blank_card(tmp_path / "card"))
    assert bytes_of(machine.chip.field_changed()) == b""


def test_the_speed_changes_at_the_hosts_ack_and_not_before(machine: Machine) -> None:
    assert machine.ask("10 07") == ""
    assert machine.chip.speed == 115200
    machine.raw(frame.ACK)
    assert machine.chip.speed == 921600


def test_the_speed_changes_when_the_host_has_changed_and_its_ack_was_lost(machine: Machine) -> None:
    machine.chip.host_speed(921600)
    assert machine.chip.speed == 115200, "nobody asked"
    machine.ask("10 07")
    machine.chip.host_speed(460800)
    assert machine.chip.speed == 115200
    machine.chip.host_speed(921600)
    assert machine.chip.speed == 921600


def test_a_speed_never_confirmed_is_forgotten_at_the_next_command(machine: Machine) -> None:
    machine.ask("10 07")
    machine.ask("02")
    machine.raw(frame.ACK)
    assert machine.chip.speed == 115200


@pytest.mark.parametrize("wake_up", ["55", "5500", "55550000000000", "00" * 5, "00" * 10, "55000055"])
def test_a_sleeping_chip_wakes_at_the_fifth_edge(wake_up: str, machine: Machine) -> None:
    assert machine.ask("16 b0 00") == "00"
    assert machine.raw(bytes.fromhex(wake_up) + VERSION) == frame.ACK + VERSION_ANSWER


@pytest.mark.parametrize("too_little", ["", "00", "0000"])
def test_a_sleeping_chip_loses_the_bytes_that_wake_it(too_little: str, machine: Machine) -> None:
    assert machine.ask("16 b0 00") == "00"
    assert machine.raw(bytes.fromhex(too_little) + VERSION) == b""
    assert machine.raw(VERSION) == frame.ACK + VERSION_ANSWER


def test_a_chip_told_to_ignore_the_line_sleeps_on(machine: Machine) -> None:
    assert machine.ask("16 20 00") == "00"
    assert machine.raw(bytes(20) + VERSION) == b""


def test_sleep_takes_the_field_from_the_cards(machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.ask("44 01") == "00"
    assert machine.list_one() == "00", "halted"
    machine.ask("16 b0")
    machine.raw(b"\x55")
    assert machine.read(4) == "27"
    machine.select_and_auth(4)


def test_without_field_there_is_no_target(machine: Machine) -> None:
    machine.select_and_auth(4)
    assert machine.ask("32 01 00") == ""
    assert machine.read(4) == "27"


def test_diagnose_echoes_the_longest_frame(machine: Machine) -> None:
    data = (bytes(range(256)) + bytes(7)).hex()
    assert machine.ask("00" + "00" + data[2:]) == "00" + data[2:]


def test_two_cards_are_listed_and_spoken_to_by_number(tmp_path: Path) -> None:
    machine = Machine(blank_card(tmp_path / "a"), blank_card(tmp_path / "b", OTHER_UID))
    listed = machine.ask("4a 02 00")
    assert listed == "02" + "01" + "00040804" + OTHER_UID.hex() + "02" + "00040804" + UID.hex()
    assert machine.auth(4) == "14", "target 1 is the other card"
    machine.ask("32 01 00")
    assert machine.ask("4a 02 00")[:2] == "02"
    assert machine.auth(4, uid=OTHER_UID) == "00"
    assert machine.ask("40 02 60 04" + "a0" * 6 + UID.hex()) == "00"
    assert machine.ask("40 02 30 04")[:2] == "00"
    assert machine.ask("40 01 30 04") == "13", "changing the card loses the authentication"


def test_the_card_the_chip_halted_to_reach_the_other_is_not_listed_again_without_waking(tmp_path: Path) -> None:
    """Only HLTA keeps a Classic quiet while the second is looked for, and REQA does not wake it (ISO/IEC 14443-3)."""
    machine = Machine(blank_card(tmp_path / "a"), blank_card(tmp_path / "b", OTHER_UID))
    assert machine.ask("4a 02 00")[:2] == "02"
    assert machine.ask("4a 02 00")[:2] == "01"
    machine.ask("32 01 00")
    assert machine.ask("4a 02 00")[:2] == "02"


def test_with_two_cards_one_is_found_when_one_is_asked_for(tmp_path: Path) -> None:
    machine = Machine(blank_card(tmp_path / "a"), blank_card(tmp_path / "b", LONG_UID))
    assert machine.list_one()[:2] == "01"
    assert machine.ask(f"4a 01 00 {LONG_UID.hex()}")[-14:] == LONG_UID.hex()
    assert machine.ask(f"4a 01 00 88{LONG_UID.hex()}")[-14:] == LONG_UID.hex()
    assert machine.ask(f"4a 01 00 {UID.hex()}")[-8:] == UID.hex()


def test_a_card_that_leaves_is_gone_at_the_next_command(machine: Machine) -> None:
    machine.select_and_auth(4)
    machine.field.clear()
    assert machine.read(4) == "01"
    assert machine.list_one() == "00"


def test_one_file_and_one_uid_lie_in_the_field_once(tmp_path: Path) -> None:
    card = blank_card(tmp_path / "a")
    machine = Machine(card)
    with pytest.raises(FieldError, match="already lies"):
        machine.field.place(card)
    with pytest.raises(FieldError, match="UID d610b626"):
        machine.field.place(blank_card(tmp_path / "clone"))


def test_auto_poll_finds_a_classic_as_type_10(machine: Machine) -> None:
    assert machine.ask("60 01 01 10") == "01" + "10" + "09" + "01" + "00040804" + UID.hex()
    assert machine.ask("60 01 01 20 11 03") == "00"


@pytest.mark.parametrize("type_code", ["01", "02", "03", "04"])
def test_cards_of_other_standards_are_not_found(type_code: str, machine: Machine) -> None:
    assert machine.ask(f"4a 01 {type_code}") == "00"


class TestRawFrames:
    """InCommunicateThru with checksum and bit count under the host's control, as nfc-anticol uses it."""

    @pytest.fixture
    def raw(self, tmp_path: Path) -> Machine:
        machine = Machine(blank_card(tmp_path / "card", LONG_UID))
        machine.ask("08 63 02 00 63 03 00")
        return machine

    def test_anticollision_and_selection_by_hand(self, raw: Machine) -> None:
        raw.ask("08 63 3d 07")
        assert raw.ask("42 26") == "00" + "4400"
        raw.ask("08 63 3d 00")
        assert raw.ask("42 93 20") == "00" + "8804782eda"
        assert raw.ask("42 93 70 88 04 78 2e da eb fd") == "00" + "04da17"
        assert raw.ask("42 95 20") == "00" + "21801d803c"
        assert raw.ask("42 95 70 21 80 1d 80 3c 23 ca") == "00" + "08b6dd"

    def test_a_selection_with_a_wrong_checksum_fails(self, raw: Machine) -> None:
        raw.ask("08 63 3d 07")
        raw.ask("42 26")
        raw.ask("08 63 3d 00")
        raw.ask("42 93 20")
        assert raw.ask("42 93 70 88 04 78 2e da eb fc") == "01"
        assert raw.ask("42 95 20") == "01"

    def test_request_and_halt(self, raw: Machine) -> None:
        raw.ask("08 63 3d 07")
        assert raw.ask("42 26") == "00" + "4400"
        assert raw.ask("42 26") == "01", "READY hears no REQA"
        assert raw.ask("42 26") == "00" + "4400"

    def test_an_unknown_frame_is_silence(self, machine: Machine) -> None:
        """libnfc issue 684: RATS to a Classic."""
        machine.list_one()
        assert machine.ask("42 e0 50") == "01"

    def test_a_refusal_is_four_bits_and_the_control_register_says_so(self, machine: Machine) -> None:
        machine.select_and_auth(4)
        machine.ask("08 63 03 00")
        assert machine.ask("42 30 08") == "00" + "04"
        assert machine.ask("06 63 3c") == "14"
        machine.ask("08 63 3c 10")
        assert machine.ask("06 63 3c") == "14", "RxLastBits is read-only"

    def test_a_checksum_that_is_missing_is_told(self, machine: Machine) -> None:
        machine.ask("08 63 3d 07 63 02 00")
        assert machine.ask("42 26") == "02"


class TestModelledTime:
    """The figures of the NXP data sheet, figure 4, within the model's bounds."""

    def _ms(self, machine: Machine, command: str) -> float:
        machine.chip.read_meter()
        assert machine.ask(command) != "error"
        meter = machine.chip.read_meter()
        uart_us = (meter.bytes_in + meter.bytes_out) * 10e6 / machine.chip.speed
        return (meter.modelled_us - uart_us) / 1000

    def test_the_commands_of_a_debit(self, machine: Machine) -> None:
        assert self._ms(machine, "4a 01 00") == pytest.approx(2.52, abs=0.02)
        assert self._ms(machine, "40 01 60 04" + "a0" * 6 + UID.hex()) == pytest.approx(2.15, abs=0.02)
        assert self._ms(machine, "40 01 30 04") == pytest.approx(2.09, abs=0.02)
        assert self._ms(machine, "40 01 a0 04" + "00" * 16) == pytest.approx(5.5, abs=0.02)

    def test_a_debit_at_both_speeds(self, machine: Machine) -> None:
        """List, authenticate, read three blocks, write one: 38.2 ms at 115200 and 19.2 at 921600."""
        for speed, expected in ((115200, 38.2), (921600, 19.2)):
            machine.chip.speed = speed
            machine.chip.read_meter()
            machine.select_and_auth(4)
            for block in (4, 5, 6):
                machine.read(block)
            machine.write(4, bytes(16))
            meter = machine.chip.read_meter()
            assert meter.host_commands == 6
            assert (meter.bytes_in, meter.bytes_out) == (97, 153)
            assert meter.modelled_us / 1000 == pytest.approx(expected, abs=0.1)

"""A DESFire behind the PN532: RATS by the chip or the host, exchanges, deselection, two families, stalls."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware.virtual import card_file, frame
from hardware.virtual.air import crc_a
from hardware.virtual.desfire.contents import DataFile, DesfireImage, Generation, blank_image
from hardware.virtual.schedule import AtCommand, StallPoint
from hardware.virtual.tear import Cut, TearMode
from tests.hardware.virtual.desfire.host import UID
from tests.hardware.virtual.machine import KEY_A, Machine, blank_card
from tests.hardware.virtual.machine import UID as CLASSIC_UID

_ATS = "067577810280"
_TARGET = "010344" + "2007" + UID.hex()
_APPLICATION = "90ca000005010000" + "0f00" + "00"


def _blank(folder: Path) -> Path:
    card_file.save(folder / "desfire", blank_image(UID, Generation.EV1))
    return folder / "desfire"


def _image(path: Path) -> DesfireImage:
    image = card_file.load(path)
    assert isinstance(image, DesfireImage)
    return image


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return _blank(tmp_path)


@pytest.fixture
def machine(path: Path) -> Machine:
    return Machine(path)


def _with_file(machine: Machine) -> None:
    """An application with a free standard file 1 of 512 bytes, selected."""
    assert machine.list_one() == "01" + _TARGET + _ATS
    assert machine.ask("40 01" + _APPLICATION) == "009100"
    assert machine.ask("40 01 905a000003 010000 00") == "009100"
    assert machine.ask("40 01 90cd000009 01 03e1 00 eeee 000200 00") == "009100"


def test_the_chip_sends_rats_on_its_own_and_tells_the_ats(machine: Machine) -> None:
    assert machine.list_one() == "01" + _TARGET + _ATS
    assert machine.ask("40 01 60") == "00af04010101001805"
    assert machine.ask("60 01 01 20") == "0120" + "12" + _TARGET + _ATS
    assert machine.ask("60 01 01 10") == "00"


def test_without_automatic_rats_the_host_speaks_the_blocks(machine: Machine) -> None:
    """As nfcpy does."""
    machine.ask("12 00")
    assert machine.list_one() == "01" + _TARGET
    assert machine.ask("42 e080") == "00" + _ATS
    assert machine.ask("42 0260") == "0002af04010101001805"
    assert machine.ask("42 b2") == "0002af04010101001805"
    assert machine.ask("42 03af") == "0003af04010101041805"
    assert machine.ask("42 26") == "01", "a card in this protocol hears no request"
    assert machine.ask("42 5000") == "01", "and no halt"
    assert machine.ask("42 02af") == "000200" + UID.hex() + "ba4519e3204913"
    assert machine.ask("42 c2") == "00c2"
    assert machine.ask("42 b2") == "01"
    assert machine.list_one() == "00", "deselected: only a wake-up reaches it"
    assert machine.ask("4a 01 00" + UID.hex()) == "01" + _TARGET


def test_a_raw_frame_with_a_wrong_checksum_is_not_heard(machine: Machine) -> None:
    machine.ask("12 00")
    machine.list_one()
    machine.ask("42 e050")
    machine.ask("08 6302 00")
    assert machine.ask("42 0260 0000") == "01"
    assert machine.ask("42 0260" + crc_a(b"\x02\x60").hex()).startswith("0002af")


def test_a_message_comes_in_parts_and_an_answer_goes_in_parts(machine: Machine) -> None:
    _with_file(machine)
    data = bytes(n & 0xFF for n in range(250))
    assert machine.ask("40 01 00a4000002e103") == "009000"
    message = "00d60000fa" + data.hex()
    assert machine.ask("40 41" + message[:100]) == "00"
    assert machine.ask("40 41" + message[100:300]) == "00"
    assert machine.ask("40 01" + message[300:]) == "009000"
    assert machine.ask("40 01 00b00000fa") == "00" + data.hex() + "9000"
    assert machine.ask("40 01 00b0000000") == "00" + (data + bytes(6)).hex() + "9000"
    for _ in range(20):
        assert machine.ask("40 41" + "00" * 200) == "00"
    assert machine.ask("40 41" + "00" * 200) == "0e"


def test_a_card_is_deselected_selected_and_released(machine: Machine) -> None:
    machine.list_one()
    assert machine.ask("40 01 5a000000") == "0000"
    assert machine.ask("44 01") == "00"
    assert machine.ask("40 01 60") == "01"
    assert machine.ask("54 01") == "00"
    assert machine.ask("40 01 60").startswith("00af")
    assert machine.ask("52 01") == "00"
    assert machine.ask("40 01 60") == "27"


def test_the_rate_is_set_and_shortens_the_model(machine: Machine) -> None:
    def modelled() -> float:
        machine.chip.read_meter()
        assert machine.ask("40 01 6a") == "0000"
        return machine.chip.read_meter().modelled_us

    machine.list_one()
    slow = modelled()
    machine.list_one()
    assert machine.ask("4e 01 02 02") == "00"
    assert modelled() < slow
    assert machine.ask("4e 01 02 02") == "01", "only right after the selection"
    assert machine.ask("4e 01 03 03") == "27"
    assert machine.ask("4e 02 02 02") == "27"


def test_the_attention_request_finds_a_card_and_misses_one_that_left(machine: Machine, path: Path) -> None:
    assert machine.ask("00 06") == "27"
    machine.list_one()
    assert machine.ask("00 06") == "00"
    machine.field.remove(path)
    assert machine.ask("00 06") == "01"
    assert machine.ask("40 01 60") == "01"


def test_two_families_lie_in_one_field(path: Path, tmp_path: Path) -> None:
    machine = Machine(path, blank_card(tmp_path / "classic"))
    listed = machine.ask("4a 02 00")
    assert listed.startswith("02")
    assert _TARGET[2:] + _ATS in listed
    numbers = {"0004": listed.index("0004"), "0344": listed.index("0344")}
    desfire = 1 if numbers["0344"] < numbers["0004"] else 2
    for _ in range(2):
        assert machine.ask(f"40 {desfire:02x} 60").startswith("00af")
        assert machine.ask(f"40 {3 - desfire:02x} 60 04 {KEY_A.hex()} {CLASSIC_UID.hex()}") == "00"


def test_losing_the_field_loses_the_transaction(machine: Machine) -> None:
    _with_file(machine)
    machine.ask("32 01 00")
    assert machine.ask("40 01 6f") == "27"
    machine.ask("32 01 01")
    machine.list_one()
    assert machine.ask("40 01 6f") == "009d", "the card's level is selected again"


@pytest.mark.parametrize("point", list(StallPoint))
@pytest.mark.parametrize("raw", [False, True])
def test_a_stalled_command_is_answered_as_if_nothing_had_been(point: StallPoint, raw: bool, path: Path) -> None:
    """In front of a write the command runs again: what the card had taken in of it is taken back."""
    machine = Machine(path)
    if raw:
        machine.ask("12 00")
        machine.list_one()
        machine.ask("42 e050")
    else:
        machine.list_one()
    create = "42 02 ca0100000f00" if raw else "40 01 ca0100000f00"
    machine.schedule.order_stall(point, 0)
    assert machine.ask(create) == ""
    assert machine.chip.stalled
    assert (len(_image(path).contents.applications) == 1) is (point is StallPoint.AFTER)
    (sent,) = machine.chip.resume(host_present=True)
    (answer,) = frame.FrameReader().feed(sent.data)
    assert isinstance(answer, frame.Information)
    assert answer.payload[1:].hex() == ("000200" if raw else "0000")
    assert machine.ask("42 03 6a" if raw else "40 01 6a") == ("000300010000" if raw else "0000010000")
    assert _image(path).writes == 1


@pytest.mark.parametrize("mode", list(TearMode))
@pytest.mark.parametrize("raw", [False, True])
def test_a_card_torn_at_a_command_leaves_and_answers_nothing(mode: TearMode, raw: bool, path: Path) -> None:
    machine = Machine(path)
    machine.ask("12 00" if raw else "12 14")
    machine.list_one()
    if raw:
        machine.ask("42 e050")
    machine.schedule.order_tear(Cut(mode), AtCommand(1))
    assert machine.ask("42 02 ca0100000f00" if raw else "40 01 ca0100000f00") == "01"
    assert machine.list_one() == "00"
    assert (len(_image(path).contents.applications) == 1) is (mode is TearMode.AFTER)


@pytest.mark.parametrize("kept", [0, 1, 17, 40])
def test_a_standard_file_is_cut_at_any_byte(kept: int, path: Path) -> None:
    machine = Machine(path)
    _with_file(machine)
    machine.schedule.order_tear(Cut(TearMode.BEFORE, kept), AtCommand(1))
    assert machine.ask("40 01 3d 01 000000 280000" + "5a" * 40) == "01"
    file = _image(path).contents.applications[b"\x01\0\0"].files[1]
    assert isinstance(file, DataFile)
    assert file.data[:41] == b"\x5a" * kept + bytes(41 - kept)


def test_a_stall_in_a_long_message_takes_both_ends_of_the_chain_back(machine: Machine) -> None:
    """Two blocks were spoken before the write that waits."""
    _with_file(machine)
    assert machine.ask("40 01 00a4000002e103") == "009000"
    machine.schedule.order_stall(StallPoint.BEFORE, 0)
    assert machine.ask("40 01 00d6000064" + "5a" * 100) == ""
    (sent,) = machine.chip.resume(host_present=True)
    (answer,) = frame.FrameReader().feed(sent.data)
    assert isinstance(answer, frame.Information)
    assert answer.payload[1:].hex() == "009000"
    assert machine.ask("40 01 00b0006302") == "005a00" + "9000"

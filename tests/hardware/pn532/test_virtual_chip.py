"""The shipped reader on the virtual PN532: opening whatever the last host left, two cards, closing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.pn532.chip import GET_FIRMWARE_VERSION, Chip
from hardware.pn532.opening import open_reader
from hardware.pn532.transport import SerialTransport
from hardware.reader import CardGone, Reader
from hardware.virtual import card_file
from hardware.virtual.classic_card import blank_image
from hardware.virtual.process import VirtualReader

POWER_DOWN = 0x16

HOST = """
import sys, time
from hardware.pn532.opening import open_reader
reader = open_reader(sys.argv[1], int(sys.argv[2]))
print("open", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualReader]:
    with VirtualReader(tmp_path_factory.mktemp("reader") / "tty") as made:
        yield made


@pytest.fixture
def process(one_process: VirtualReader) -> VirtualReader:
    """Nothing lies in its field."""
    one_process.command("remove")
    return one_process


def _card(folder: Path, uid: str) -> Path:
    card_file.save(folder / uid, blank_image(bytes.fromhex(uid), [(b"\xff" * 6, b"\xff" * 6)] * 16))
    return folder / uid


def _answers_at(process: VirtualReader, baudrate: int) -> bool:
    """Whether the chip answers the first question put to it at this speed."""
    transport = SerialTransport(str(process.link), baudrate)
    try:
        return Chip(transport).command(GET_FIRMWARE_VERSION, b"", 0.1)[0] == 0x32
    finally:
        transport.close()


@pytest.mark.parametrize("session_baud", [115200, 921600])
def test_a_chip_left_by_a_killed_host_is_recovered(session_baud: int, process: VirtualReader) -> None:
    """nfcpy issues 63, 147, 191: a SIGKILL leaves the chip at the session's speed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOST, str(process.link), str(session_baud)], stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "open\n"
        host.send_signal(signal.SIGKILL)
    for again in (session_baud, 921600, 115200):
        with open_reader(str(process.link), again) as reader:
            assert reader.poll() == ()


@pytest.mark.parametrize("left", [230400, 460800, 921600])
def test_a_chip_left_at_any_probed_speed_is_found(left: int, process: VirtualReader) -> None:
    transport = SerialTransport(str(process.link), 115200)
    Chip(transport).set_serial_baud_rate(left)
    transport.close()
    with open_reader(str(process.link)) as reader:
        assert reader.poll() == ()


def test_a_chip_left_in_mid_frame_is_found(process: VirtualReader) -> None:
    transport = SerialTransport(str(process.link), 115200)
    transport.write(bytes.fromhex("0000ff20e0d440"))
    transport.close()
    with open_reader(str(process.link)) as reader:
        assert reader.poll() == ()


def test_a_sleeping_chip_is_woken_by_the_first_question(process: VirtualReader) -> None:
    """nfcpy leaves a chip in PowerDown; the wake-up spares it a lost probe."""
    with open_reader(str(process.link)) as reader:
        awake_commands = reader.commands
    transport = SerialTransport(str(process.link), 115200)
    Chip(transport).command(POWER_DOWN, bytes([0xB0, 0x00]), 0.1)
    transport.close()
    with open_reader(str(process.link)) as reader:
        assert reader.commands == awake_commands


@pytest.mark.parametrize("session_baud", [115200, 921600])
def test_closing_leaves_the_chip_at_115200_and_awake(session_baud: int, process: VirtualReader) -> None:
    for _ in range(3):
        with open_reader(str(process.link), session_baud) as reader:
            reader.poll()
        assert _answers_at(process, 115200)


@pytest.mark.parametrize("stays", ["d610b626", "04782e21801d80"])
def test_no_card_one_card_two_cards_and_the_one_that_stays(stays: str, process: VirtualReader, tmp_path: Path) -> None:
    """Whichever of the two the chip halted, the one left alone is found."""
    first, second = _card(tmp_path, "d610b626"), _card(tmp_path, "04782e21801d80")
    with open_reader(str(process.link)) as reader:
        assert _uids(reader) == set()
        process.command(f"place {first}")
        assert _uids(reader) == {"d610b626"}
        reader.release()
        process.command(f"place {second}")
        assert _uids(reader) == {"d610b626", "04782e21801d80"}
        with pytest.raises(AssertionError):
            reader.exchange(bytes([0x30, 0x00]), 1.0)
        process.command(f"remove {second if stays == 'd610b626' else first}")
        assert _uids(reader) == {stays}


def test_a_released_card_is_listed_again(process: VirtualReader, tmp_path: Path) -> None:
    process.command(f"place {_card(tmp_path, 'd610b626')}")
    with open_reader(str(process.link)) as reader:
        for _ in range(5):
            assert _uids(reader) == {"d610b626"}
            reader.release()


def test_a_card_taken_away_is_gone_at_the_next_exchange(process: VirtualReader, tmp_path: Path) -> None:
    process.command(f"place {_card(tmp_path, 'd610b626')}")
    with open_reader(str(process.link)) as reader:
        assert len(reader.poll()) == 1
        process.command("remove")
        with pytest.raises(CardGone, match="is gone"):
            reader.exchange(bytes([0x60, 0x04]) + b"\xff" * 6 + bytes.fromhex("d610b626"), 1.0)


def _uids(reader: Reader) -> set[str]:
    return {target.uid.hex() for target in reader.poll()}

"""The virtual reader as a process: orders, stalls, kills, noise, pace."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardware.virtual import card_file, frame
from hardware.virtual.process import VirtualReader, VirtualReaderError
from tests.hardware.virtual.machine import KEY_A, UID, blank_card

NEW = b"\x5a" * 16
VERSION_ANSWER = bytes.fromhex("0000ff06fad50332010607e800")


class Host:
    """A host of nothing but system calls."""

    def __init__(self, link: Path, speed: int = termios.B115200) -> None:
        self.fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd, termios.TCSANOW)
        settings = termios.tcgetattr(self.fd)
        settings[4] = settings[5] = speed
        settings[6][termios.VMIN], settings[6][termios.VTIME] = 0, 2
        termios.tcsetattr(self.fd, termios.TCSANOW, settings)

    def send(self, command: str) -> None:
        os.write(self.fd, frame.information(bytes.fromhex(command), frame.FROM_HOST))

    def hear(self, size: int = 4096, quiet_tries: int = 1) -> bytes:
        """What comes until `size` bytes are there or the line is quiet for 0.2 s times `quiet_tries`."""
        out = b""
        while len(out) < size:
            more = os.read(self.fd, size - len(out))
            quiet_tries -= not more
            out += more
            if not more and quiet_tries <= 0:
                break
        return out

    def ask(self, command: str) -> str:
        """The answer behind its response code, in hex; waits up to five seconds for it."""
        self.send(command)
        reader, deadline = frame.FrameReader(), time.monotonic() + 5
        while time.monotonic() < deadline:
            for event in reader.feed(os.read(self.fd, 4096)):
                if isinstance(event, frame.Information):
                    return event.payload[1:].hex()
        raise AssertionError(f"no answer to {command}")

    def select_and_auth(self, block: int) -> None:
        assert self.ask("4a 01 00").startswith("01")
        assert self.ask(f"40 01 60 {block:02x} {KEY_A.hex()} {UID.hex()}") == "00"

    def close(self) -> None:
        os.close(self.fd)


@contextmanager
def hosting(link: Path, speed: int = termios.B115200) -> Iterator[Host]:
    host = Host(link, speed)
    try:
        yield host
    finally:
        host.close()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return blank_card(tmp_path / "card")


@pytest.fixture
def reader(tmp_path: Path, card: Path) -> Iterator[VirtualReader]:
    with VirtualReader(tmp_path / "reader", cards=[card]) as made:
        yield made


def test_the_link_is_there_while_it_serves_and_gone_after(tmp_path: Path) -> None:
    with VirtualReader(tmp_path / "reader") as reader:
        assert reader.link.is_symlink()
        assert reader.link.exists()
    assert not reader.link.is_symlink()


def test_a_link_left_by_a_killed_reader_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    with VirtualReader(tmp_path / "reader") as killed:
        os.kill(killed.pid, signal.SIGKILL)
    assert killed.link.is_symlink()
    with VirtualReader(tmp_path / "reader") as reader, hosting(reader.link) as host:
        assert host.ask("02") == "32010607"
    (tmp_path / "reader").write_text("mine")
    with pytest.raises(VirtualReaderError, match="another path"), VirtualReader(tmp_path / "reader"):
        pass
    assert (tmp_path / "reader").read_text() == "mine"


def test_a_wrong_card_at_the_start_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(VirtualReaderError, match="onecard card blank"),
        VirtualReader(tmp_path / "reader", cards=[tmp_path / "none"]),
    ):
        pass


@pytest.mark.parametrize("line", ["place /none", "remove /none", "tear soft 0", "eject", "x" * 5000, "place \udcff"])
def test_a_wrong_order_gets_one_line_and_the_reader_goes_on(line: str, reader: VirtualReader) -> None:
    with pytest.raises(VirtualReaderError):
        reader.command(line.encode("utf-8", "replace").decode())
    assert reader.command("stats")["stalled"] is False


def test_every_line_on_standard_output_is_ready_or_json(tmp_path: Path, card: Path) -> None:
    """Also when orders come in one piece, and when the input ends the reader serves on."""
    command = [sys.executable, "-c", "from tools.cli import main; main()", "reader", "serve"]
    with subprocess.Popen(
        [*command, "--link", str(tmp_path / "r")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"stats\nnonsense\nplace {card}\n\nremove\n")
        process.stdin.close()
        lines = [process.stdout.readline() for _ in range(6)]
        assert lines[0] == "ready\n"
        assert all(line.startswith("{") for line in lines[1:])
        with hosting(tmp_path / "r") as host:
            assert host.ask("02") == "32010607"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""


def test_stats_count_from_the_last_stats(reader: VirtualReader, card: Path) -> None:
    with hosting(reader.link) as host:
        reader.command("stats")
        host.select_and_auth(4)
        assert host.ask("40 01 a0 04" + NEW.hex()) == "00"
    stats = reader.command("stats")
    assert stats == {
        "host_commands": 3,
        "bytes_in": 11 + 22 + 28,
        "bytes_out": 25 + 16 + 16,
        "modelled_ms": stats["modelled_ms"],
        "writes": 1,
        "stalled": False,
        "baud": 115200,
        "cards": [str(card)],
    }
    assert stats["modelled_ms"] == pytest.approx(118 * 10 / 115.2 + 2.52 + 2.15 + 5.5, abs=0.1)
    assert reader.command("stats")["host_commands"] == 0


def test_an_acknowledged_write_is_in_the_file_of_a_killed_reader(reader: VirtualReader, card: Path) -> None:
    with hosting(reader.link) as host:
        host.select_and_auth(4)
        for n in range(20):
            data = bytes([n]) * 16
            assert host.ask("40 01 a0 04" + data.hex()) == "00"
            assert card_file.load(card).blocks[4] == data
        host.send("40 01 a0 05" + NEW.hex())
        os.kill(reader.pid, signal.SIGKILL)
    assert card_file.load(card).blocks[5] in (bytes(16), NEW)


@pytest.mark.parametrize(("point", "on_card"), [("before", bytes(16)), ("after", NEW)])
def test_a_stall_holds_the_answer_of_a_write_back(
    point: str, on_card: bytes, reader: VirtualReader, card: Path
) -> None:
    reader.command(f"stall {point} 1")
    with hosting(reader.link) as host:
        host.select_and_auth(4)
        assert host.ask("40 01 a0 05" + NEW.hex()) == "00"
        host.send("40 01 a0 04" + NEW.hex())
        assert host.hear(quiet_tries=2) == frame.ACK
        assert reader.command("stats")["stalled"] is True
        assert card_file.load(card).blocks[4] == on_card
        host.send("02")
        assert host.hear() == b"", "a stalled chip hears nothing"
        assert reader.command("resume") == {"resumed": True, "host_present": True}
        assert host.hear(10) == bytes.fromhex("0000ff03fdd54100ea00")
    assert card_file.load(card).blocks[4] == NEW


@pytest.mark.parametrize(("point", "on_card"), [("before", bytes(16)), ("after", NEW)])
def test_a_withheld_answer_never_meets_the_next_host(
    point: str, on_card: bytes, reader: VirtualReader, card: Path
) -> None:
    reader.command(f"stall {point} 0")
    with hosting(reader.link) as host:
        host.select_and_auth(4)
        host.send("40 01 a0 04" + NEW.hex())
        assert host.hear(6) == frame.ACK
    assert reader.command("resume") == {"resumed": True, "host_present": False}
    _speaks_to_a_host_that_sets_nothing(reader)
    with hosting(reader.link) as host:
        assert host.hear() == b""
        assert host.ask("02") == "32010607"
        host.select_and_auth(4)
    assert card_file.load(card).blocks[4] == on_card


def _speaks_to_a_host_that_sets_nothing(reader: VirtualReader) -> None:
    """No terminal settings at all: raw, no echo, 115200, also after the reader let go of its end for an instant."""
    fd = os.open(reader.link, os.O_RDWR | os.O_NOCTTY)
    os.write(fd, bytes.fromhex("0000ff02fed4022a00"))
    heard = b""
    while len(heard) < 19 and select.select([fd], [], [], 2.0)[0]:
        heard += os.read(fd, 64)
    os.close(fd)
    assert heard == frame.ACK + VERSION_ANSWER


def test_a_host_that_sets_nothing_is_heard(reader: VirtualReader) -> None:
    _speaks_to_a_host_that_sets_nothing(reader)


def test_bytes_at_another_speed_are_not_heard(reader: VirtualReader) -> None:
    with hosting(reader.link, termios.B230400) as host:
        host.send("02")
        assert host.hear() == b""
    with hosting(reader.link) as host:
        assert host.ask("02") == "32010607"


def test_a_chip_left_at_921600_stays_there(reader: VirtualReader) -> None:
    with hosting(reader.link) as host:
        assert host.ask("10 07") == ""
        os.write(host.fd, frame.ACK)
        time.sleep(0.05)
    assert reader.command("stats")["baud"] == 921600
    with hosting(reader.link) as host:
        host.send("02")
        assert host.hear() == b""
    with hosting(reader.link, termios.B921600) as host:
        assert host.ask("02") == "32010607"


def test_half_a_frame_of_a_dead_host_is_given_up(reader: VirtualReader) -> None:
    with hosting(reader.link) as host:
        os.write(host.fd, bytes.fromhex("0000ff20e0d440"))
    time.sleep(0.7)
    with hosting(reader.link) as host:
        assert host.ask("02") == "32010607"


def test_a_host_that_sends_noise_and_reads_nothing_stops_nothing(reader: VirtualReader, card: Path) -> None:
    noise = random.Random(20)
    pieces = [frame.NACK, frame.ACK, b"\x00\x00\xff", b"\x00\xff\x10\xf0", b"\xd4\x16"]
    with hosting(reader.link) as host:
        os.set_blocking(host.fd, False)
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            try:
                os.write(host.fd, noise.choice(pieces) + noise.randbytes(noise.randrange(200)))
            except BlockingIOError:
                time.sleep(0.001)
    time.sleep(0.6)
    with hosting(reader.link) as host:
        os.write(host.fd, bytes(16) + frame.ACK)
        host.hear()
        assert host.ask("02") == "32010607"
        assert host.ask("4a 01 00")[-8:] == UID.hex()
    assert reader.command("stats")["cards"] == [str(card)]


def test_an_infinite_search_ends_when_a_card_is_laid_down(tmp_path: Path, card: Path) -> None:
    with VirtualReader(tmp_path / "reader") as reader, hosting(reader.link) as host:
        host.send("4a 01 00")
        assert host.hear() == frame.ACK
        reader.command(f"place {card}")
        assert host.hear(19)[-7:-2] == b"\x04" + UID
        reader.command("remove")
        host.send("4a 01 00")
        assert host.hear() == frame.ACK
        os.write(host.fd, frame.ACK)
        assert host.ask("02") == "32010607"


def test_the_model_pace_is_waited_out(tmp_path: Path, card: Path) -> None:
    with VirtualReader(tmp_path / "reader", cards=[card], pace="model") as reader, hosting(reader.link) as host:
        host.select_and_auth(4)
        reader.command("stats")
        start = time.monotonic()
        for _ in range(20):
            assert host.ask("40 01 30 04")[:2] == "00"
        taken_ms = (time.monotonic() - start) * 1000
        modelled_ms = reader.command("stats")["modelled_ms"]
        assert isinstance(modelled_ms, float)
        assert modelled_ms <= taken_ms < 3 * modelled_ms


def test_the_model_pace_finds_a_card_laid_down_during_a_finite_search(tmp_path: Path, card: Path) -> None:
    with VirtualReader(tmp_path / "reader", pace="model") as reader, hosting(reader.link) as host:
        host.send("60 02 02 10")  # 600 ms
        assert host.hear() == frame.ACK
        reader.command(f"place {card}")
        assert host.hear(21)[-6:-2] == UID
        reader.command("remove")
        host.send("60 01 01 10")
        assert host.hear(16, quiet_tries=3) == frame.ACK + bytes.fromhex("0000ff03fdd56100ca00")

"""What a bad line or an odd chip does, byte by byte, and what the reader makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardware.pn532.chip import GET_FIRMWARE_VERSION, IN_DATA_EXCHANGE, IN_LIST_PASSIVE_TARGET, Chip
from hardware.pn532.frames import ACK
from hardware.pn532.opening import open_reader
from hardware.pn532.reader import Pn532Reader
from hardware.pn532.transport import MAX_NACKS, SerialTransport
from hardware.reader import AccessDenied, CardGone, ReaderFault, ReaderNotFound, ReaderSilent, WrongKey
from tests.hardware.pn532.chip_script import Answers, ChipScript, chip_script, response

VERSION = response(GET_FIRMWARE_VERSION, bytes.fromhex("32010607"))
TARGET = response(IN_LIST_PASSIVE_TARGET, bytes.fromhex("01 01 0004 08 04 d610b626"))
READ = bytes([0x30, 0x04])
IMAGE = bytes(range(16))
READ_ANSWER = response(IN_DATA_EXCHANGE, b"\x00" + IMAGE)
DAMAGED = READ_ANSWER[:12] + b"\x5a" + READ_ANSWER[13:]


def _answering(exchange: list[bytes]) -> Answers:
    """A chip that lists one card and answers every exchange with these bytes."""

    def answers(code: int, _data: bytes) -> list[bytes]:
        match code:
            case 0x02:
                return [ACK, VERSION]
            case 0x4A:
                return [ACK, TARGET]
            case 0x40:
                return exchange
            case _:
                return [ACK, response(code, b"")]

    return answers


@contextmanager
def _selected(
    exchange: list[bytes], nack_answers: list[bytes] | None = None
) -> Iterator[tuple[Pn532Reader, ChipScript]]:
    with chip_script(_answering(exchange), nack_answers) as script:
        reader = Pn532Reader(Chip(SerialTransport(script.path, 115200)))
        reader.poll()
        try:
            yield reader, script
        finally:
            reader.close()


def _exchange_error(status: int) -> Exception:
    with (
        _selected([ACK, response(IN_DATA_EXCHANGE, bytes([status]))]) as (reader, _),
        pytest.raises((CardGone, AccessDenied, WrongKey, ReaderFault)) as caught,
    ):
        reader.exchange(READ, 0.3)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [(0x01, CardGone), (0x02, CardGone), (0x27, CardGone), (0x13, AccessDenied), (0x14, WrongKey), (0x0D, ReaderFault)],
)
def test_each_status_has_its_named_error(status: int, kind: type[Exception]) -> None:
    assert type(_exchange_error(status)) is kind


def test_no_status_but_zero_is_success() -> None:
    """Authentication errors reported as success were caught by no independent host."""
    for status in (0x03, 0x10, 0x14, 0x2D, 0x3F):
        assert _exchange_error(status)


def test_an_answer_without_status_is_a_fault() -> None:
    with (
        _selected([ACK, response(IN_DATA_EXCHANGE, b"")]) as (reader, _),
        pytest.raises(ReaderFault, match="without a status"),
    ):
        reader.exchange(READ, 0.3)


def test_after_an_error_nothing_is_selected() -> None:
    with _selected([ACK, response(IN_DATA_EXCHANGE, b"\x01")]) as (reader, _):
        with pytest.raises(CardGone):
            reader.exchange(READ, 0.3)
        with pytest.raises(AssertionError):
            reader.exchange(READ, 0.3)


def test_a_silent_chip_is_silent_and_never_asked_twice() -> None:
    with _selected([]) as (reader, script):
        with pytest.raises(ReaderSilent, match="did not acknowledge") as caught:
            reader.exchange(READ, 0.2)
        assert script.path in str(caught.value)
        assert script.commands.count(IN_DATA_EXCHANGE) == 1


def test_a_chip_that_acknowledges_and_never_answers_is_silent() -> None:
    with _selected([ACK]) as (reader, script):
        with pytest.raises(ReaderSilent, match="in time"):
            reader.exchange(READ, 0.2)
        assert (script.commands.count(IN_DATA_EXCHANGE), script.nacks) == (1, 0)


@pytest.mark.parametrize("late_count", [1, 2])
def test_the_late_answer_to_an_older_command_is_not_taken_for_this_one(late_count: int) -> None:
    stale = response(IN_DATA_EXCHANGE, b"\x00")
    with _selected([stale] * late_count + [ACK, READ_ANSWER]) as (reader, _):
        assert reader.exchange(READ, 0.3) == IMAGE


def test_an_answer_without_acknowledgement_is_refused() -> None:
    with _selected([READ_ANSWER]) as (reader, _), pytest.raises(ReaderSilent):
        reader.exchange(READ, 0.3)


def test_a_damaged_answer_is_asked_for_again_and_the_command_is_not_repeated() -> None:
    with _selected([ACK, DAMAGED], [READ_ANSWER]) as (reader, script):
        assert reader.exchange(READ, 1.0) == IMAGE
        assert (script.nacks, script.commands.count(IN_DATA_EXCHANGE)) == (1, 1)


@pytest.mark.parametrize("position", [*range(8), 12, 16, len(READ_ANSWER) - 2])
def test_an_answer_damaged_or_cut_anywhere_is_recovered(position: int) -> None:
    damaged = READ_ANSWER[:position] + bytes([READ_ANSWER[position] ^ 0x21]) + READ_ANSWER[position + 1 :]
    with _selected([ACK, damaged], [READ_ANSWER]) as (reader, _):
        assert reader.exchange(READ, 1.0) == IMAGE


def test_an_answer_cut_short_is_asked_for_again() -> None:
    with _selected([ACK, READ_ANSWER[:9]], [READ_ANSWER[:15], READ_ANSWER]) as (reader, script):
        assert reader.exchange(READ, 1.5) == IMAGE
        assert script.nacks == 2


def test_an_answer_damaged_for_ever_is_a_fault_within_bounds() -> None:
    with _selected([ACK, DAMAGED], [DAMAGED] * 9) as (reader, script):
        with pytest.raises(ReaderFault, match="damaged"):
            reader.exchange(READ, 5.0)
        assert script.nacks == MAX_NACKS


def test_damage_does_not_outlast_the_deadline() -> None:
    with _selected([ACK, DAMAGED], [DAMAGED] * 9) as (reader, script):
        with pytest.raises(ReaderFault, match="damaged"):
            reader.exchange(READ, 0.15)
        assert script.nacks <= 2


def test_an_answer_sent_again_that_equals_the_one_before_is_not_believed() -> None:
    """A chip answers a NACK with what it sent last: that may still be the answer to the previous command."""
    answers = iter([[ACK, READ_ANSWER], [ACK, DAMAGED]])
    table = _answering([])

    def twice(code: int, data: bytes) -> list[bytes]:
        return next(answers) if code == IN_DATA_EXCHANGE else table(code, data)

    with chip_script(twice, [READ_ANSWER]) as script:
        reader = Pn532Reader(Chip(SerialTransport(script.path, 115200)))
        reader.poll()
        assert reader.exchange(READ, 1.0) == IMAGE
        with pytest.raises(ReaderFault, match="cannot be told"):
            reader.exchange(READ, 1.0)
        reader.close()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"\x01" + ACK, b"\x01" + READ_ANSWER], id="leading 01"),
        pytest.param([bytes(12) + ACK + bytes(9) + READ_ANSWER], id="longer preambles"),
        pytest.param([ACK + READ_ANSWER + b"\xaa\xaa\xaa"], id="trailing AA"),
        pytest.param([ACK, *(READ_ANSWER[i : i + 1] for i in range(len(READ_ANSWER)))], id="byte by byte"),
        pytest.param([b"\x00\xff" + ACK, b"\x00\xff" + READ_ANSWER], id="false starts"),
    ],
)
def test_an_odd_line_costs_no_nack(pieces: list[bytes]) -> None:
    with _selected(pieces) as (reader, script):
        assert reader.exchange(READ, 0.5) == IMAGE
        assert script.nacks == 0


def test_after_silence_the_chip_is_stopped_before_the_next_command() -> None:
    with _selected([]) as (reader, script):
        with pytest.raises(ReaderSilent):
            reader.exchange(READ, 0.1)
        before = script.aborts
        assert len(reader.poll()) == 1
        assert script.aborts == before + 1


def test_an_error_frame_is_a_fault() -> None:
    with (
        _selected([ACK, bytes.fromhex("0000ff01ff7f8100")]) as (reader, _),
        pytest.raises(ReaderFault, match="does not know"),
    ):
        reader.exchange(READ, 0.3)


def test_an_answer_to_another_command_is_a_fault() -> None:
    with _selected([ACK, VERSION]) as (reader, _), pytest.raises(ReaderFault, match="makes no sense"):
        reader.exchange(READ, 0.3)


def test_host_commands_are_counted() -> None:
    with _selected([ACK, READ_ANSWER]) as (reader, script):
        reader.exchange(READ, 0.3)
        assert reader.commands == len(script.commands) == 2


def test_a_port_that_is_not_there_is_named_with_its_cure() -> None:
    with pytest.raises(ReaderNotFound, match=r"/dev/ttyNOWHERE.*no such port"):
        open_reader("/dev/ttyNOWHERE")


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "tty").write_bytes(b"")
    with pytest.raises(ReaderNotFound, match="not a usable serial port"):
        open_reader(str(tmp_path / "tty"))


def test_a_silent_port_is_no_reader_and_the_error_names_the_cure() -> None:
    with (
        chip_script(lambda _code, _data: []) as script,
        pytest.raises(ReaderNotFound, match=r"no PN532 answers .*power-cycle"),
    ):
        open_reader(script.path)


def test_another_chip_is_no_reader() -> None:
    with (
        chip_script(lambda code, _data: [ACK, response(code, bytes.fromhex("33010607"))]) as script,
        pytest.raises(ReaderNotFound, match="no PN532"),
    ):
        open_reader(script.path)


def test_a_port_in_use_is_refused() -> None:
    with (
        chip_script(_answering([])) as script,
        open_reader(script.path),
        pytest.raises(ReaderNotFound, match="another program"),
    ):
        open_reader(script.path)

"""Opening a PN532 on a serial line, whatever state the last host left it in.

Steps:

1. *Find.* At each speed a host may have left (115200 first; a killed host leaves the session's), wake up with 16 x 00
   and ask GetFirmwareVersion. Several times over, because a chip killed in mid-frame swallows the first question.
2. *Bring back* to 115200, so that every session starts from the speed of power-up.
3. *Session speed*, if it is another.
4. *Configure*: SAM off, field off, no retry of a card command (P-R28: a repeat is ours to decide), a bounded search for
   cards, automatic RATS (a DESFire card is ready for ISO 14443-4 exchanges when it is listed).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hardware.pn532.chip import (
    GET_FIRMWARE_VERSION,
    RF_CONFIGURATION,
    SAM_CONFIGURATION,
    SET_PARAMETERS,
    Chip,
)
from hardware.pn532.reader import WIRE_BAUD, Pn532Reader
from hardware.pn532.transport import ACK_SECONDS, SerialTransport
from hardware.reader import ReaderError, ReaderFault, ReaderNotFound

PROBED_BAUDS = (115200, 230400, 460800, 921600)
SESSION_BAUDS = (115200, 921600)
PROBE_ROUNDS = 3
IC_PN532 = 0x32

_ANSWER_SECONDS = 0.1
_PROBE_ACK_SECONDS = 0.1
_FIRST_USB_ACK_SECONDS = 1.5
"""On a Raspberry Pi the first bytes through a ttyUSB can come a second late (nfcpy 1.0.4, nfc/clf/pn532.py)."""

_SAM_NORMAL = bytes([0x01, 0x00, 0x00])  # normal mode, no time-out, no IRQ
_PARAMETERS = bytes([0x14])  # automatic ATR_RES and RATS; pre- and postambles kept
_RF_SETTINGS = (
    bytes([0x01, 0x00]),  # field off until the first poll
    bytes([0x02, 0x00, 0x0B, 0x0A]),  # times: ATR_RES 102.4 ms, answer of a card 51.2 ms
    bytes([0x04, 0x00]),  # MaxRtyCOM: never repeat a card command
    bytes([0x05, 0x01, 0x00, 0x01]),  # retries: ATR 1, PSL 0, passive activation 1 (the chip's own default is forever)
)


def open_reader(tty: str, session_baud: int = WIRE_BAUD) -> Pn532Reader:
    """A configured reader on the serial port `tty`, speaking `session_baud` (115200 or 921600).

    Raises `ReaderNotFound` when the port or the chip is not there, other `ReaderError`s when it fails on the way.
    """
    assert session_baud in SESSION_BAUDS
    chip = Chip(SerialTransport(tty, WIRE_BAUD))
    try:
        _find(chip)
        if chip.transport.baudrate != WIRE_BAUD:
            _change_speed(chip, WIRE_BAUD)
        if session_baud != WIRE_BAUD:
            _change_speed(chip, session_baud)
        _configure(chip)
    except ReaderError:
        chip.transport.close()
        raise
    return Pn532Reader(chip)


def _find(chip: Chip) -> None:
    """Set the transport to the speed at which the chip answers."""
    transport = chip.transport
    for baudrate, ack_seconds in _probes(transport.port):
        transport.baudrate = baudrate
        transport.ack_seconds = ack_seconds
        try:
            transport.wake_up()
            _check_firmware_version(chip)
        except ReaderNotFound:
            raise
        except ReaderError:
            continue
        transport.ack_seconds = ACK_SECONDS
        return
    speeds = ", ".join(str(baudrate) for baudrate in PROBED_BAUDS)
    raise ReaderNotFound(
        transport.port,
        f"no PN532 answers (tried {speeds})",
        "check the wiring (TX to RX, both interface switches on HSU), that no console uses the port,"
        " then power-cycle the reader",
    )


def _probes(tty: str) -> Iterator[tuple[int, float]]:
    first_seconds = _FIRST_USB_ACK_SECONDS if "ttyUSB" in Path(tty).resolve().name else _PROBE_ACK_SECONDS
    for probe_round in range(PROBE_ROUNDS):
        for baudrate in PROBED_BAUDS:
            is_first = probe_round == 0 and baudrate == PROBED_BAUDS[0]
            yield baudrate, first_seconds if is_first else _PROBE_ACK_SECONDS


def _check_firmware_version(chip: Chip) -> None:
    version = chip.command(GET_FIRMWARE_VERSION, b"", _ANSWER_SECONDS)
    if len(version) != 4 or version[0] != IC_PN532:
        raise ReaderNotFound(
            chip.transport.port,
            f"a chip answers, but no PN532 (firmware version {version.hex()})",
            "connect a PN532 to this port",
        )


def _change_speed(chip: Chip, baudrate: int) -> None:
    chip.set_serial_baud_rate(baudrate)
    try:
        _check_firmware_version(chip)
    except ReaderError as error:
        raise ReaderFault(
            chip.transport.port,
            f"the reader does not answer after the change to {baudrate} baud",
            f"power-cycle the reader; if it happens again set the session speed to {WIRE_BAUD}",
        ) from error


def _configure(chip: Chip) -> None:
    chip.command(SAM_CONFIGURATION, _SAM_NORMAL, _ANSWER_SECONDS)
    chip.command(SET_PARAMETERS, _PARAMETERS, _ANSWER_SECONDS)
    for setting in _RF_SETTINGS:
        chip.command(RF_CONFIGURATION, setting, _ANSWER_SECONDS)

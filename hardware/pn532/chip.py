"""The PN532's host commands, through nfcpy's `Chipset`: the one file that touches the untyped library.

nfcpy builds the command frames and takes the answers apart; the line is ours (`SerialTransport`), and so is the
judgement of a status byte (`Pn532Reader`). nfcpy's `init`, `Device` and `ContactlessFrontend` are not used: they ask
for one target only, spend four host commands on an exchange, cannot recover a chip left at another speed, and power the
chip down at close, which silences some chips for good (nfcpy issues 186, 191).
"""

from __future__ import annotations

import logging
from typing import Any

from nfc.clf import pn532

from hardware.pn532.frames import ACK
from hardware.pn532.transport import SerialTransport
from hardware.reader import ReaderFault

GET_FIRMWARE_VERSION = 0x02
SET_SERIAL_BAUD_RATE = 0x10
SET_PARAMETERS = 0x12
SAM_CONFIGURATION = 0x14
RF_CONFIGURATION = 0x32
IN_DATA_EXCHANGE = 0x40
IN_LIST_PASSIVE_TARGET = 0x4A

RECOVERY_QUIET_SECONDS = 0.02
RECOVERY_MOST_SECONDS = 0.5
CHANGE_SECONDS = 0.002
"""What the chip is given to change its speed; nfcpy gives 1 ms."""

_log = logging.getLogger(__name__)


class Chip:
    """One PN532 behind one transport; counts its host commands."""

    def __init__(self, transport: SerialTransport) -> None:
        self.transport = transport
        self.commands = 0
        """Host commands sent."""
        self._chipset: Any = pn532.Chipset(transport, _log)
        self._upset = False

    def command(self, code: int, data: bytes, timeout: float) -> bytes:
        """Send one host command; the answer's bytes behind its response code. Raises `ReaderSilent`, `ReaderFault`.

        After a failure the chip is told to stop and the line is drained before the next command, so that a late answer
        cannot meet it.
        """
        if self._upset:
            self.abort()
        self.commands += 1
        self._upset = True
        try:
            answer = self._chipset.command(code, bytearray(data), timeout)
        except pn532.Chipset.Error as error:
            raise self._fault(f"the reader does not know command {code:02X} ({error})") from error
        except (OSError, IndexError) as error:
            raise self._fault(f"the reader's answer to command {code:02X} makes no sense ({error})") from error
        self._upset = False
        assert answer is not None, "nfcpy answers None only to a timeout of zero"
        return bytes(answer)

    def set_serial_baud_rate(self, baudrate: int) -> None:
        """Change the speed of the chip, then of the host. Raises `ReaderSilent`, `ReaderFault`.

        UM0701-02 §7.2.7: the chip changes once the host has acknowledged its answer.
        """
        rates = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
        self.command(SET_SERIAL_BAUD_RATE, bytes([rates.index(baudrate)]), 0.1)
        self.transport.write(ACK)
        self.transport.baudrate = baudrate
        self.transport.drain(CHANGE_SECONDS, CHANGE_SECONDS)

    def abort(self) -> None:
        """Stop the command under way and forget its answer. Raises `ReaderFault`."""
        self.transport.write(ACK)
        self.transport.drain(RECOVERY_QUIET_SECONDS, RECOVERY_MOST_SECONDS)
        self._upset = False

    def _fault(self, what: str) -> ReaderFault:
        return ReaderFault(self.transport.port, what, "present the card again; if it stays, power-cycle the reader")

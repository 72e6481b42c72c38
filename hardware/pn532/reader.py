"""The reader port on a PN532: InListPassiveTarget for two, InDataExchange with one (P-R28)."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from hardware.pn532.chip import IN_DATA_EXCHANGE, IN_LIST_PASSIVE_TARGET, RF_CONFIGURATION, Chip
from hardware.pn532.targets import SAK_ISO_DEP, MalformedTargets, parse_targets
from hardware.reader import AccessDenied, CardError, CardGone, ReaderError, ReaderFault, Target, WrongKey

WIRE_BAUD = 115200
"""What a PN532 speaks after power-up, and what we leave it at."""

_TWO_TARGETS_106_A = bytes([2, 0x00])
_POLL_SECONDS = 1.0
_FIELD_OFF = bytes([0x01, 0x00])
_SETTING_SECONDS = 0.1
_STATUS_MASK = 0x3F
_MORE = 0x40

# UM0701-02 §7.1. What a card's leaving can look like: no answer, or one that is not intelligible.
_GONE = {
    0x01: "no answer",
    0x02: "CRC error",
    0x03: "parity error",
    0x04: "wrong bit count in anticollision",
    0x05: "framing error",
    0x06: "bit collision",
    0x09: "RF buffer overflow",
    0x0B: "RF protocol error",
    0x23: "wrong UID check byte",
    0x27: "no such target",
    0x2B: "disappeared",
}
_ACCESS_DENIED = 0x13
_WRONG_KEY = 0x14
_FAULTS = {
    0x0D: ("the antenna driver is too hot and off", "let the reader cool down, keep metal away from it"),
    0x2D: ("the antenna driver draws too much current", "check the antenna and the reader's supply"),
}
_ANY_FAULT_CURE = "present the card again; if it stays, power-cycle the reader"


class Pn532Reader:
    """One configured PN532; made by `hardware.pn532.opening.open_reader`. Used by one thread."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._selected: Target | None = None
        self._deaf = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """Path of the tty."""
        return self._chip.transport.port

    @property
    def commands(self) -> int:
        """Host commands sent since the reader was opened, its opening included."""
        return self._chip.commands

    def poll(self) -> tuple[Target, ...]:
        """List at most two ISO 14443-A cards; exactly one is then selected. Raises `ReaderSilent`, `ReaderFault`.

        Of two cards the chip leaves one halted, deaf to the next search: the field is switched off to wake it. A card
        that speaks ISO 14443-4 is as deaf once it was listed (ISO 14443-3 §6.3): a search that misses it where it was
        last is made once more, after the field was off.
        """
        targets = self._list()
        if not targets and self._deaf:
            self.release()
            targets = self._list()
        self._deaf = any(target.sak & SAK_ISO_DEP for target in targets)
        if len(targets) == 1:
            (self._selected,) = targets
        elif targets:
            self.release()
        return targets

    def exchange(self, data: bytes, timeout: float) -> bytes:
        """One card command to the selected card, at most `timeout` seconds. Errors: see the port."""
        assert self._selected is not None, "exchange without exactly one selected card"
        target, self._selected = self._selected, None
        answer = self._chip.command(IN_DATA_EXCHANGE, bytes([target.number]) + data, timeout)
        if not answer:
            raise ReaderFault(self.name, "an exchange was answered without a status", _ANY_FAULT_CURE)
        if answer[0] & _STATUS_MASK:
            raise self._error(answer[0] & _STATUS_MASK)
        if answer[0] & _MORE:
            raise ReaderFault(self.name, "the card's answer does not fit in one frame", _ANY_FAULT_CURE)
        self._selected = target
        return answer[1:]

    def release(self) -> None:
        """Switch the field off until the next `poll`: the card forgets everything. Raises `ReaderError`s."""
        self._selected, self._deaf = None, False
        self._chip.command(RF_CONFIGURATION, _FIELD_OFF, _SETTING_SECONDS)

    def close(self) -> None:
        """Stop the chip, leave it at 115200 with its field off, give the tty back.

        No PowerDown: it silences some chips on a serial line until their power is cut (nfcpy issue 186). A reader that
        does not answer any more cannot be restored; the next opening recovers it.
        """
        transport = self._chip.transport
        try:
            self._chip.abort()
            self.release()
            if transport.baudrate != WIRE_BAUD:
                self._chip.set_serial_baud_rate(WIRE_BAUD)
        except ReaderError:
            pass  # closing is also what one does with a broken reader
        finally:
            transport.close()

    def _list(self) -> tuple[Target, ...]:
        self._selected = None
        answer = self._chip.command(IN_LIST_PASSIVE_TARGET, _TWO_TARGETS_106_A, _POLL_SECONDS)
        try:
            return parse_targets(answer)
        except MalformedTargets as error:
            raise ReaderFault(self.name, str(error), _ANY_FAULT_CURE) from error

    def _error(self, status: int) -> CardError | ReaderError:
        if status in _GONE:
            return CardGone(self.name, _GONE[status])
        if status == _ACCESS_DENIED:
            return AccessDenied(self.name)
        if status == _WRONG_KEY:
            return WrongKey(self.name)
        what, cure = _FAULTS.get(status, (f"an exchange failed with status {status:02X}", _ANY_FAULT_CURE))
        return ReaderFault(self.name, what, cure)

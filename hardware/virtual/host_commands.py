"""The PN532's host commands: parameters in, an outcome out. UM0701-02 §7.

`COMMANDS` is the table of all of them; what is not in it, and parameters of a wrong size or range, get the error frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware.virtual import timing
from hardware.virtual.activated import NO_ANSWER
from hardware.virtual.field import Field
from hardware.virtual.initiator import NO_TARGET, Done, Initiator, Search
from hardware.virtual.registers import Registers

FIRMWARE = bytes.fromhex("32010607")
"""PN532 1.6, ISO/IEC 14443 A and B and ISO/IEC 18092."""
SPEEDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
_WAKE_BY_UART = 0x10
_AUTOMATIC_RATS = 0x10
_WRONG_STATE = 0x25


@dataclass(frozen=True, slots=True)
class Forever:
    """The command waits for something this model never brings; the host aborts it."""


@dataclass(frozen=True, slots=True)
class SpeedChange:
    """Done; the line goes to `speed` bits per second once the host has acknowledged that."""

    speed: int


@dataclass(frozen=True, slots=True)
class Sleep:
    """Done with status 00; then the chip sleeps."""

    wakes_by_uart: bool


Outcome = Done | Search | Forever | SpeedChange | Sleep | None
"""None: the chip refuses the parameters."""


class HostCommands:
    """What the commands work on."""

    def __init__(self, field: Field) -> None:
        self.registers = Registers()
        self.initiator = Initiator(field, self.registers)
        self._field = field

    def execute(self, code: int, parameters: bytes) -> Outcome:
        """Run one command. Raises CardTornError, ChipStalledError out of a card's write."""
        self.initiator.engaged = None
        command = COMMANDS.get(code)
        return None if command is None else command(self, parameters)

    def card_left(self) -> Done:
        """The card spoke to last has torn itself away: what the host hears of it."""
        if self.initiator.engaged is not None:
            self._field.take(self.initiator.engaged)
        self.registers.crypto1_on = False
        return Done(bytes((NO_ANSWER,)), timing.WRITE_TIMEOUT_US)

    def _diagnose(self, p: bytes) -> Outcome:
        match p[:1]:
            case b"\x00":
                return Done(p)
            case b"\x01" | b"\x02" if len(p) == 1:
                return Done(b"\x00")
            case b"\x04" if len(p) == 2:
                return Done(b"\x80")  # 128 FeliCa polls, all without an answer
            case b"\x05":
                return Forever()
            case b"\x06" if len(p) == 1:
                return self.initiator.attention()
            case b"\x07" if len(p) == 2:
                return Done(b"\x00")
        return None

    def _firmware_version(self, p: bytes) -> Outcome:
        return None if p else Done(FIRMWARE)

    def _general_status(self, p: bytes) -> Outcome:
        if p:
            return None
        targets = self.initiator.targets
        listed = b"".join(bytes((n, 0, 0, 0x10)) for n in targets)
        return Done(bytes((0, 0, len(targets))) + listed + b"\x80")

    def _read_register(self, p: bytes) -> Outcome:
        if not p or len(p) % 2:
            return None
        addresses = [int.from_bytes(p[n : n + 2], "big") for n in range(0, len(p), 2)]
        return Done(bytes(self.registers.read(address) for address in addresses))

    def _write_register(self, p: bytes) -> Outcome:
        if not p or len(p) % 3:
            return None
        for n in range(0, len(p), 3):
            self.registers.write(int.from_bytes(p[n : n + 2], "big"), p[n + 2])
        return Done(b"")

    def _read_gpio(self, p: bytes) -> Outcome:
        return None if p else Done(b"\x3f\x06\x03")

    def _write_gpio(self, p: bytes) -> Outcome:
        return Done(b"") if len(p) == 2 else None

    def _set_speed(self, p: bytes) -> Outcome:
        if len(p) != 1 or p[0] >= len(SPEEDS):
            return None
        return SpeedChange(SPEEDS[p[0]])

    def _set_parameters(self, p: bytes) -> Outcome:
        if len(p) != 1:
            return None
        self.initiator.automatic_rats = bool(p[0] & _AUTOMATIC_RATS)
        return Done(b"")

    def _sam_configuration(self, p: bytes) -> Outcome:
        return Done(b"") if 1 <= len(p) <= 3 and p[0] in (1, 2, 3, 4) else None

    def _power_down(self, p: bytes) -> Outcome:
        if not 1 <= len(p) <= 2:
            return None
        self._field.power(False)
        self._field.power(True)
        self.initiator.release_all()
        return Sleep(wakes_by_uart=bool(p[0] & _WAKE_BY_UART))

    def _rf_configuration(self, p: bytes) -> Outcome:
        item, values = p[:1], p[1:]
        sizes = {b"\x01": 1, b"\x02": 3, b"\x04": 1, b"\x05": 3, b"\x0a": 11, b"\x0b": 8, b"\x0c": 3, b"\x0d": 9}
        if len(values) != sizes.get(item):
            return None
        if item == b"\x01":
            self._field.power(bool(values[0] & 1))
            if not self._field.on:
                self.initiator.release_all()
        elif item == b"\x02":
            self.initiator.reply_timeout_us = 100.0 * 2 ** (min(values[2], 16) - 1) if values[2] else 0.0
        elif item == b"\x05":
            self.initiator.activation_retries = values[2]
        return Done(b"")

    def _list_passive(self, p: bytes) -> Outcome:
        if len(p) < 2:
            return None
        self._field.on = True
        return self.initiator.list_passive(p[0], p[1], p[2:])

    def _auto_poll(self, p: bytes) -> Outcome:
        if len(p) < 3:
            return None
        self._field.on = True
        return self.initiator.auto_poll(p[0], p[1], p[2:])

    def _data_exchange(self, p: bytes) -> Outcome:
        return self.initiator.data_exchange(p[0], p[1:]) if p else None

    def _communicate_thru(self, p: bytes) -> Outcome:
        return self.initiator.communicate_thru(p)

    def _deselect(self, p: bytes) -> Outcome:
        return self.initiator.deselect(p[0], forget=False) if len(p) == 1 else None

    def _release(self, p: bytes) -> Outcome:
        return self.initiator.deselect(p[0], forget=True) if len(p) == 1 else None

    def _select(self, p: bytes) -> Outcome:
        return self.initiator.select(p[0]) if len(p) == 1 else None

    def _set_rate(self, p: bytes) -> Outcome:
        return self.initiator.set_rate(p[0], p[1], p[2]) if len(p) == 3 else None

    def _needs_other_card(self, p: bytes) -> Outcome:
        """Attributes of NFC-DEP targets: no such target is here."""
        return Done(bytes((NO_TARGET,))) if p else None

    def _nfc_dep(self, p: bytes) -> Outcome:
        return Done(bytes((NO_ANSWER,))) if p else None

    def _as_target(self, p: bytes) -> Outcome:
        return Forever()

    def _not_a_target(self, p: bytes) -> Outcome:
        return Done(bytes((_WRONG_STATE,)))


COMMANDS: dict[int, Callable[[HostCommands, bytes], Outcome]] = {
    0x00: HostCommands._diagnose,
    0x02: HostCommands._firmware_version,
    0x04: HostCommands._general_status,
    0x06: HostCommands._read_register,
    0x08: HostCommands._write_register,
    0x0C: HostCommands._read_gpio,
    0x0E: HostCommands._write_gpio,
    0x10: HostCommands._set_speed,
    0x12: HostCommands._set_parameters,
    0x14: HostCommands._sam_configuration,
    0x16: HostCommands._power_down,
    0x32: HostCommands._rf_configuration,
    0x40: HostCommands._data_exchange,
    0x42: HostCommands._communicate_thru,
    0x44: HostCommands._deselect,
    0x46: HostCommands._nfc_dep,
    0x4A: HostCommands._list_passive,
    0x4E: HostCommands._set_rate,
    0x50: HostCommands._needs_other_card,
    0x52: HostCommands._release,
    0x54: HostCommands._select,
    0x56: HostCommands._nfc_dep,
    0x58: HostCommands._as_target,
    0x60: HostCommands._auto_poll,
    0x86: HostCommands._not_a_target,
    0x88: HostCommands._not_a_target,
    0x8A: HostCommands._not_a_target,
    0x8C: HostCommands._as_target,
    0x8E: HostCommands._not_a_target,
    0x90: HostCommands._not_a_target,
    0x92: HostCommands._not_a_target,
    0x94: HostCommands._not_a_target,
}
"""Command code to what runs it: None for parameters the chip refuses (error frame)."""

"""The PN532 behind its serial line: bytes in, bytes and modelled time out. No I/O, no clock.

    host frame ──▶ ACK ──▶ command ──▶ response          UM0701-02 §6.2.1
    ACK from the host aborts the command under way and confirms a change of speed; NACK asks for the last answer again
    a damaged frame is answered NACK; an unknown command or wrong parameters by the error frame

A chip in power-down wakes at the fifth rising edge on its line (UM0701-02 §7.2.11: HSU wake-up condition); the bytes
that woke it are lost, which is why hosts send 55 55 00 00 … or ten zeros first.

Not modelled: the firmware's own time (see `timing`), the chip as a target (TgInitAsTarget waits until aborted), FeliCa,
type B and Jewel cards (never found), NFC-DEP, raw frames without parity, the CIU's FIFO, timer and analogue side, GPIO,
the S2C/SAM interface, the card-loss time-outs of RFConfiguration beyond item 2, and power consumption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import assert_never

from hardware.virtual import frame, timing
from hardware.virtual.field import Field
from hardware.virtual.initiator import NO_ANSWER, NO_TARGET, Done, Initiator, Search
from hardware.virtual.registers import Registers
from hardware.virtual.schedule import CardTornError, ChipStalledError, Schedule, StallPoint

FIRMWARE = bytes.fromhex("32010607")
"""PN532 1.6, ISO/IEC 14443 A and B and ISO/IEC 18092."""
SPEEDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
START_SPEED = 115200
_WAKE_EDGES = 5
_WAKE_BY_UART = 0x10
_WRONG_STATE = 0x25


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes from the chip, `after_us` after the bytes before them. `aborts`: what is still unsent is void."""

    data: bytes
    after_us: float
    aborts: bool = False


@dataclass(slots=True)
class Meter:
    """What went over the line since the last reading."""

    host_commands: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    modelled_us: float = 0.0


@dataclass(frozen=True, slots=True)
class _Forever:
    """A command that waits for something this model never brings; the host aborts it."""


_Outcome = Done | Search | _Forever | None


class Chip:
    """One PN532. `receive` takes what the host sent at the chip's speed and gives what the chip sends."""

    def __init__(self, field: Field, schedule: Schedule) -> None:
        self.speed = START_SPEED
        self.next_speed: int | None = None
        self.meter = Meter()
        self.search: Search | None = None
        """A search under way: the owner calls `field_changed`, and `give_up` after its time."""
        self._reader = frame.FrameReader()
        self._registers = Registers()
        self._initiator = Initiator(field, self._registers)
        self._field = field
        self._schedule = schedule
        self._command = b""
        self._last_response = b""
        self._asleep_edges: int | None = None
        self._wakes_by_uart = True
        self._falls_asleep = False
        self._withheld: Callable[[], list[Sent]] | None = None
        self._out_us = 0.0

    @property
    def stalled(self) -> bool:
        """Silent until `resume`; what arrives meanwhile is lost."""
        return self._withheld is not None

    @property
    def mid_frame(self) -> bool:
        """Part of a frame has arrived."""
        return self._reader.partial

    def forget_partial(self) -> None:
        """The line was quiet too long in the middle of a frame."""
        self._reader.reset()

    def host_speed(self, speed: int) -> None:
        """The host's end is at `speed`: a change it asked for takes effect even if its ACK was lost in a flush."""
        if self.next_speed == speed:
            self._take_speed()

    def receive(self, data: bytes) -> Iterator[Sent]:
        """Everything the chip sends because of `data`, in order: the ACK of a command comes before its execution."""
        self.meter.bytes_in += len(data)
        us = timing.uart_us(len(data), self.speed)
        self.meter.modelled_us += us
        if self.stalled:
            return
        self._out_us += us
        data = self._awake(data)
        for event in self._reader.feed(data):
            match event:
                case frame.Signal.ACK:
                    self.search = None
                    self._take_speed()
                    yield Sent(b"", 0.0, aborts=True)
                case frame.Signal.NACK:
                    yield from self._send(self._last_response)
                case frame.Signal.DAMAGED:
                    yield from self._send(frame.NACK)
                case frame.Information():
                    if self.search is not None:
                        yield Sent(b"", 0.0, aborts=True)
                    yield from self._execute(event)
                case _:
                    assert_never(event)
            if self.stalled:
                break

    def field_changed(self) -> list[Sent]:
        """A card came or went: a search under way may find it."""
        if self.search is None:
            return []
        done = self.search.attempt()
        return [] if done is None else self._respond(done)

    def give_up(self) -> list[Sent]:
        """The time of a finite search is over."""
        assert self.search is not None
        return self._respond(self.search.nothing)

    def resume(self, host_present: bool) -> list[Sent]:
        """End a stall. What was withheld goes out only to the host that asked for it."""
        self._schedule.drop_stall()
        withheld, self._withheld = self._withheld, None
        self._reader.reset()
        return withheld() if withheld is not None and host_present else []

    def read_meter(self) -> Meter:
        """The meter since the last reading."""
        meter, self.meter = self.meter, Meter()
        return meter

    def _awake(self, data: bytes) -> bytes:
        """`data` without the bytes that a sleeping chip lost while waking."""
        if self._asleep_edges is None:
            return data
        for position, byte in enumerate(data):
            # The line idles high; a byte is a low start bit, eight bits from the lowest, a high stop bit.
            levels = byte << 1 | 0x200
            self._asleep_edges += (levels & ~(levels << 1) & 0x3FE).bit_count()
            if self._wakes_by_uart and self._asleep_edges >= _WAKE_EDGES:
                self._asleep_edges = None
                return data[position + 1 :]
        return b""

    def _take_speed(self) -> None:
        if self.next_speed is not None:
            self.speed, self.next_speed = self.next_speed, None

    def _execute(self, host: frame.Information) -> Iterator[Sent]:
        self.search = None
        self.next_speed = None
        self._command = host.payload
        self.meter.host_commands += 1
        yield from self._send(frame.ACK)
        if self._schedule.command_begins():
            self._field.clear()
        if host.tfi == frame.FROM_HOST:
            yield from self._run()
        else:
            yield from self._send(frame.ERROR)

    def _run(self) -> list[Sent]:
        code, parameters = self._command[0], self._command[1:]
        self._initiator.engaged = None
        try:
            outcome = COMMANDS[code](self, parameters) if code in COMMANDS else None
        except CardTornError:
            outcome = self._card_left()
        except ChipStalledError as stall:
            self._withheld = self._run if stall.point is StallPoint.BEFORE else self._acknowledge_write
            return []
        if self._schedule.command_ends():
            outcome = self._card_left() if self._initiator.engaged and code in (0x40, 0x42) else outcome
            self._field.clear()
        match outcome:
            case None:
                self._last_response = frame.ERROR
                return self._send(frame.ERROR)
            case Done():
                return self._respond(outcome)
            case Search():
                self.search = outcome
            case _Forever():
                pass
            case _:
                assert_never(outcome)
        return []

    def _acknowledge_write(self) -> list[Sent]:
        return self._respond(Done(b"\x00"))

    def _card_left(self) -> Done:
        if self._initiator.engaged is not None:
            self._field.take(self._initiator.engaged)
        self._registers.crypto1_on = False
        return Done(bytes((NO_ANSWER,)), timing.WRITE_TIMEOUT_US)

    def _respond(self, done: Done) -> list[Sent]:
        self.search = None
        self.meter.modelled_us += done.us
        self._out_us += done.us
        self._last_response = frame.information(bytes((self._command[0] + 1,)) + done.payload)
        sent = self._send(self._last_response)
        if self._falls_asleep:
            self._falls_asleep, self._asleep_edges = False, 0
            self._reader.reset()
        return sent

    def _send(self, data: bytes) -> list[Sent]:
        us = timing.uart_us(len(data), self.speed)
        self.meter.bytes_out += len(data)
        self.meter.modelled_us += us
        after_us, self._out_us = self._out_us + us, 0.0
        return [Sent(data, after_us)] if data else []

    def _diagnose(self, p: bytes) -> _Outcome:
        match p[:1]:
            case b"\x00":
                return Done(p)
            case b"\x01" | b"\x02" if len(p) == 1:
                return Done(b"\x00")
            case b"\x04" if len(p) == 2:
                return Done(b"\x80")  # 128 FeliCa polls, all without an answer
            case b"\x05":
                return _Forever()
            case b"\x06" if len(p) == 1:
                return Done(bytes((NO_TARGET,)))  # attention request: needs an ISO/IEC 14443-4 card
            case b"\x07" if len(p) == 2:
                return Done(b"\x00")
        return None

    def _firmware_version(self, p: bytes) -> _Outcome:
        return None if p else Done(FIRMWARE)

    def _general_status(self, p: bytes) -> _Outcome:
        if p:
            return None
        targets = self._initiator.targets
        listed = b"".join(bytes((n, 0, 0, 0x10)) for n in targets)
        return Done(bytes((0, 0, len(targets))) + listed + b"\x80")

    def _read_register(self, p: bytes) -> _Outcome:
        if not p or len(p) % 2:
            return None
        addresses = [int.from_bytes(p[n : n + 2], "big") for n in range(0, len(p), 2)]
        return Done(bytes(self._registers.read(address) for address in addresses))

    def _write_register(self, p: bytes) -> _Outcome:
        if not p or len(p) % 3:
            return None
        for n in range(0, len(p), 3):
            self._registers.write(int.from_bytes(p[n : n + 2], "big"), p[n + 2])
        return Done(b"")

    def _read_gpio(self, p: bytes) -> _Outcome:
        return None if p else Done(b"\x3f\x06\x03")

    def _write_gpio(self, p: bytes) -> _Outcome:
        return Done(b"") if len(p) == 2 else None

    def _set_speed(self, p: bytes) -> _Outcome:
        if len(p) != 1 or p[0] >= len(SPEEDS):
            return None
        self.next_speed = SPEEDS[p[0]]
        return Done(b"")

    def _set_parameters(self, p: bytes) -> _Outcome:
        return Done(b"") if len(p) == 1 else None

    def _sam_configuration(self, p: bytes) -> _Outcome:
        return Done(b"") if 1 <= len(p) <= 3 and p[0] in (1, 2, 3, 4) else None

    def _power_down(self, p: bytes) -> _Outcome:
        if not 1 <= len(p) <= 2:
            return None
        self._wakes_by_uart = bool(p[0] & _WAKE_BY_UART)
        self._falls_asleep = True
        self._field.power(False)
        self._field.power(True)
        self._initiator.release_all()
        return Done(b"\x00")

    def _rf_configuration(self, p: bytes) -> _Outcome:
        item, values = p[:1], p[1:]
        sizes = {b"\x01": 1, b"\x02": 3, b"\x04": 1, b"\x05": 3, b"\x0a": 11, b"\x0b": 8, b"\x0c": 3, b"\x0d": 9}
        if len(values) != sizes.get(item):
            return None
        if item == b"\x01":
            self._field.power(bool(values[0] & 1))
            if not self._field.on:
                self._initiator.release_all()
        elif item == b"\x02":
            self._initiator.reply_timeout_us = 100.0 * 2 ** (min(values[2], 16) - 1) if values[2] else 0.0
        elif item == b"\x05":
            self._initiator.activation_retries = values[2]
        return Done(b"")

    def _list_passive(self, p: bytes) -> _Outcome:
        if len(p) < 2:
            return None
        self._field.on = True
        return self._initiator.list_passive(p[0], p[1], p[2:])

    def _auto_poll(self, p: bytes) -> _Outcome:
        if len(p) < 3:
            return None
        self._field.on = True
        return self._initiator.auto_poll(p[0], p[1], p[2:])

    def _data_exchange(self, p: bytes) -> _Outcome:
        return self._initiator.data_exchange(p[0], p[1:]) if p else None

    def _communicate_thru(self, p: bytes) -> _Outcome:
        return self._initiator.communicate_thru(p)

    def _deselect(self, p: bytes) -> _Outcome:
        return self._initiator.deselect(p[0], forget=False) if len(p) == 1 else None

    def _release(self, p: bytes) -> _Outcome:
        return self._initiator.deselect(p[0], forget=True) if len(p) == 1 else None

    def _select(self, p: bytes) -> _Outcome:
        return self._initiator.select(p[0]) if len(p) == 1 else None

    def _needs_other_card(self, p: bytes) -> _Outcome:
        """Speed change and attributes of ISO/IEC 14443-4 and NFC-DEP targets: no such target is here."""
        return Done(bytes((NO_TARGET,))) if p else None

    def _nfc_dep(self, p: bytes) -> _Outcome:
        return Done(bytes((NO_ANSWER,))) if p else None

    def _as_target(self, p: bytes) -> _Outcome:
        return _Forever()

    def _not_a_target(self, p: bytes) -> _Outcome:
        return Done(bytes((_WRONG_STATE,)))


COMMANDS: dict[int, Callable[[Chip, bytes], _Outcome]] = {
    0x00: Chip._diagnose,
    0x02: Chip._firmware_version,
    0x04: Chip._general_status,
    0x06: Chip._read_register,
    0x08: Chip._write_register,
    0x0C: Chip._read_gpio,
    0x0E: Chip._write_gpio,
    0x10: Chip._set_speed,
    0x12: Chip._set_parameters,
    0x14: Chip._sam_configuration,
    0x16: Chip._power_down,
    0x32: Chip._rf_configuration,
    0x40: Chip._data_exchange,
    0x42: Chip._communicate_thru,
    0x44: Chip._deselect,
    0x46: Chip._nfc_dep,
    0x4A: Chip._list_passive,
    0x4E: Chip._needs_other_card,
    0x50: Chip._needs_other_card,
    0x52: Chip._release,
    0x54: Chip._select,
    0x56: Chip._nfc_dep,
    0x58: Chip._as_target,
    0x60: Chip._auto_poll,
    0x86: Chip._not_a_target,
    0x88: Chip._not_a_target,
    0x8A: Chip._not_a_target,
    0x8C: Chip._as_target,
    0x8E: Chip._not_a_target,
    0x90: Chip._not_a_target,
    0x92: Chip._not_a_target,
    0x94: Chip._not_a_target,
}
"""Command code to what runs it: None for parameters the chip refuses (error frame)."""

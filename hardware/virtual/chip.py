"""The PN532 behind its serial line: bytes in, bytes and modelled time out. No I/O, no clock.

    host frame ──▶ ACK ──▶ command ──▶ response          UM0701-02 §6.2.1
    ACK from the host aborts the command under way and confirms a change of speed; NACK asks for the last answer again
    a damaged frame is answered NACK; an unknown command or wrong parameters by the error frame

A chip in power-down wakes at the fifth rising edge on its line (UM0701-02 §7.2.11: HSU wake-up condition); the bytes
that woke it are lost, which is why hosts send 55 55 00 00 … or ten zeros first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import assert_never

from hardware.virtual import frame, timing
from hardware.virtual.field import Field
from hardware.virtual.host_commands import Forever, HostCommands, Outcome, Sleep, SpeedChange
from hardware.virtual.initiator import Done, Search
from hardware.virtual.schedule import CardTornError, ChipStalledError, Schedule

START_SPEED = 115200
_WAKE_EDGES = 5
_TO_CARD = (0x40, 0x42)


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


class Chip:
    """One PN532. `receive` takes what the host sent at the chip's speed and gives what the chip sends."""

    def __init__(self, field: Field, schedule: Schedule) -> None:
        self.speed = START_SPEED
        self.next_speed: int | None = None
        self.meter = Meter()
        self.search: Search | None = None
        """A search under way: the owner calls `field_changed`, and `give_up` after its time."""
        self._reader = frame.FrameReader()
        self._commands = HostCommands(field)
        self._field = field
        self._schedule = schedule
        self._command = b""
        self._last_response = b""
        self._asleep_edges: int | None = None
        self._wakes_by_uart = True
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
        code = self._command[0]
        try:
            outcome = self._commands.execute(code, self._command[1:])
        except CardTornError:
            outcome = self._commands.card_left()
        except ChipStalledError:
            self._withheld = self._run
            return []
        if self._schedule.silent_after_write:
            self._withheld = lambda: self._conclude(outcome)
            return []
        if self._schedule.command_ends():
            if code in _TO_CARD and self._commands.initiator.engaged is not None:
                outcome = self._commands.card_left()
            self._field.clear()
        return self._conclude(outcome)

    def _conclude(self, outcome: Outcome) -> list[Sent]:
        match outcome:
            case None:
                self._last_response = frame.ERROR
                return self._send(frame.ERROR)
            case Done():
                return self._respond(outcome)
            case SpeedChange(speed):
                self.next_speed = speed
                return self._respond(Done(b""))
            case Sleep(wakes_by_uart):
                self._wakes_by_uart, self._asleep_edges = wakes_by_uart, 0
                self._reader.reset()
                return self._respond(Done(b"\x00"))
            case Search():
                self.search = outcome
                return []
            case Forever():
                return []
            case _:
                assert_never(outcome)

    def _respond(self, done: Done) -> list[Sent]:
        self.search = None
        self.meter.modelled_us += done.us
        self._out_us += done.us
        self._last_response = frame.information(bytes((self._command[0] + 1,)) + done.payload)
        return self._send(self._last_response)

    def _send(self, data: bytes) -> list[Sent]:
        us = timing.uart_us(len(data), self.speed)
        self.meter.bytes_out += len(data)
        self.meter.modelled_us += us
        after_us, self._out_us = self._out_us + us, 0.0
        return [Sent(data, after_us)] if data else []

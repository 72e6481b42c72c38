"""The shipped reader driver on a virtual PN532 without a line between them: host commands, no frames.

`Pn532Reader` judges lists and statuses as it does on a tty, the virtual chip's `HostCommands` answer; what is left out
is nfcpy's frames and the serial line, which `tests/hardware` proves.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware.pn532.chip import IN_DATA_EXCHANGE, Chip
from hardware.pn532.reader import Pn532Reader
from hardware.reader import ReaderFault
from hardware.virtual.activated import NO_ANSWER
from hardware.virtual.field import Field
from hardware.virtual.host_commands import HostCommands
from hardware.virtual.initiator import Done, Search
from hardware.virtual.schedule import AtCommand, CardTornError, Schedule
from tests.tears.choices import Choices
from tests.tears.cuts import PowerCutError, PowerFails, StepCut


@dataclass(frozen=True, slots=True)
class _NoLine:
    port: str = "bench"


class VirtualChip(Chip):
    """`hardware.pn532.chip.Chip` whose commands are executed in this process, at most one of them cut."""

    def __init__(self, field: Field, schedule: Schedule, choices: Choices, cut: StepCut | None) -> None:
        self.transport = _NoLine()  # type: ignore[assignment]
        self.commands = 0
        self.sent: dict[int, bytes] = {}
        """Every command by its moment: what went to the card, or b"" for a command to the chip alone."""
        self._field = field
        self._schedule = schedule
        self._choices = choices
        self._cut = cut
        self._host = HostCommands(field)
        self._host.initiator.activation_retries = 1

    def command(self, code: int, data: bytes, timeout: float) -> bytes:
        self.commands += 1
        self._choices.moment += 1
        self.sent[self._choices.moment] = data[1:] if code == IN_DATA_EXCHANGE else b""
        is_cut = self._cut is not None and self._cut.moment == self._choices.moment
        if is_cut and self._cut is not None:
            self._schedule.order_tear(self._cut.tear.cut, AtCommand(1))
        if self._schedule.command_begins():
            self._field.clear()
        answer = self._executed(code, data)
        if is_cut and isinstance(self._cut, PowerFails):
            raise PowerCutError
        return answer

    def _executed(self, code: int, data: bytes) -> bytes:
        try:
            outcome = self._host.execute(code, data)
        except CardTornError:
            outcome = self._interrupted()
        if self._schedule.command_ends():
            outcome = self._interrupted() if code == IN_DATA_EXCHANGE else Done(b"\0")
        match outcome:
            case Done(payload=payload) | Search(nothing=Done(payload=payload)):
                return payload
        raise ReaderFault(self.transport.port, f"command {code:02X} has no answer", "mend the bench")

    def _interrupted(self) -> Done:
        """The card left, or its answer did; the next command finds it gone, or deaf until it is selected anew."""
        if self._cut is not None and self._cut.tear.stays:
            self._field.power(False)
            self._field.power(True)
            self._host.registers.crypto1_on = False
            return Done(bytes((NO_ANSWER,)))
        gone = self._host.card_left()
        self._field.clear()
        return gone

    def abort(self) -> None:
        pass


def reader_on(chip: VirtualChip) -> Pn532Reader:
    """The shipped reader on that chip."""
    return Pn532Reader(chip)

"""A DESFire card above its block layer: one message of the reader in, one answer out.

A message is native (`code | parameters`, answered `status | data`), wrapped (`90 code 00 00 [Lc parameters] 00`,
answered `data | 91 status`) or ISO 7816 (`00 …`, answered `data | SW1 SW2`); each message is taken as it comes. A
command or an answer that needs more than one message goes on with code AF; anything else in between aborts it.
"""

from __future__ import annotations

from hardware.cards.desfire.authentication import Method
from hardware.cards.desfire.status import Status
from hardware.virtual.desfire import authentication, iso7816
from hardware.virtual.desfire.command import Answer, Guarded, Simple
from hardware.virtual.desfire.commands import ADDITIONAL_FRAME, AUTHENTICATIONS, COMMANDS
from hardware.virtual.desfire.memory import Memory
from hardware.virtual.desfire.refusal import Refused, need
from hardware.virtual.desfire.state import State, Volatile

MAX_FRAME_DATA = 59
"""Data bytes of one answer; with the status 60."""

_WRAPPED_STATUS = 0x91
_WRONG_LENGTH, _WRONG_P1P2 = b"\x67\x00", b"\x6a\x86"


class DesfireCard:
    """One card in a field. Raises CardTornError, ChipStalledError out of its memory's writes."""

    def __init__(self, memory: Memory) -> None:
        self.state = State(memory)

    def end_session(self) -> None:
        """The field is gone: so is everything volatile."""
        self.state.volatile = Volatile()

    def message(self, message: bytes) -> bytes:
        """Answer one message. An empty one gets the status of a wrong length."""
        match message[:1]:
            case b"\x90":
                return self._wrapped(message)
            case b"\x00" if len(message) >= 4:
                return self._iso(message)
            case b"\x00":
                return _WRONG_LENGTH
        status, data = self._native(message)
        return bytes((status,)) + data

    def _wrapped(self, message: bytes) -> bytes:
        if len(message) == 4 or (len(message) == 5 and message[4] == 0):
            parameters = b""
        elif len(message) > 5 and len(message) - 5 - message[4] in (0, 1):
            parameters = message[5 : 5 + message[4]]
        else:
            self._fail()
            return _WRONG_LENGTH
        if message[2:4] != b"\x00\x00":
            self._fail()
            return _WRONG_P1P2
        status, data = self._native(message[1:2] + parameters)
        return data + bytes((_WRAPPED_STATUS, status))

    def _iso(self, message: bytes) -> bytes:
        self.state.volatile.forget_command()
        answer = iso7816.answer(self.state, message)
        if answer[-2:] != iso7816.OK:
            self._fail()
        return answer

    def _native(self, command: bytes) -> tuple[Status, bytes]:
        try:
            return self._respond(command)
        except Refused as refused:
            self._fail()
            return refused.status, b""

    def _fail(self) -> None:
        """Any error: the transaction is aborted, the authentication lost; a D40 session lives on."""
        volatile = self.state.volatile
        volatile.forget_command()
        volatile.staged.clear()
        if not volatile.session.outlives_errors:
            self.state.end_session()

    def _respond(self, command: bytes) -> tuple[Status, bytes]:
        need(bool(command), Status.LENGTH_ERROR)
        volatile = self.state.volatile
        if command[0] == ADDITIONAL_FRAME:
            return self._go_on(command[1:])
        need(not volatile.mid_command, Status.COMMAND_ABORTED)
        if command[0] in AUTHENTICATIONS[self.state.generation]:
            return Status.ADDITIONAL_FRAME, authentication.begin(self.state, Method(command[0]), command[1:])
        return self._run(command)

    def _go_on(self, more: bytes) -> tuple[Status, bytes]:
        volatile = self.state.volatile
        if volatile.authenticating is not None:
            step, volatile.authenticating = volatile.authenticating, None
            return Status.OK, authentication.finish(self.state, step, more)
        if volatile.heard:
            command, volatile.heard = volatile.heard + more, b""
            return self._run(command)
        need(bool(volatile.unsent), Status.ILLEGAL_COMMAND)
        need(not more, Status.LENGTH_ERROR)
        return self._next_frame()

    def _run(self, command: bytes) -> tuple[Status, bytes]:
        entry = COMMANDS[self.state.generation].get(command[0])
        if entry is None:
            raise Refused(Status.ILLEGAL_COMMAND)
        answer = self._simple(entry, command) if isinstance(entry, Simple) else self._guarded(entry, command)
        if answer is None:
            self.state.volatile.heard = command
            return Status.ADDITIONAL_FRAME, b""
        if isinstance(entry, Simple) and entry.bare:
            return Status.OK, answer.data
        sealed = self.state.session.sealed(answer.data, answer.mode)
        self.state.volatile.unsent = _frames(sealed, answer.frames)
        return self._next_frame()

    def _simple(self, entry: Simple, command: bytes) -> Answer:
        session = self.state.session
        clear = len(command) - (0 if entry.bare else session.wire_size(0, None))
        need(clear - 1 in entry.sizes, Status.LENGTH_ERROR)
        if not entry.bare:
            session.opened(command, clear, 0, None)
        return entry.run(self.state, command[1:clear])

    def _guarded(self, entry: Guarded, command: bytes) -> Answer | None:
        """None: more frames of this command must come."""
        clear = 1 + entry.clear
        need(len(command) >= clear, Status.LENGTH_ERROR)
        plan = entry.plan(self.state, command[1:clear])
        size = clear + plan.wire_size
        if entry.chains and len(command) < size:
            return None
        need(len(command) == size, Status.LENGTH_ERROR)
        return plan.run(command)

    def _next_frame(self) -> tuple[Status, bytes]:
        volatile = self.state.volatile
        frame, *rest = volatile.unsent
        volatile.unsent = tuple(rest)
        return (Status.ADDITIONAL_FRAME if rest else Status.OK), frame


def _frames(data: bytes, sizes: tuple[int, ...]) -> tuple[bytes, ...]:
    """`data` cut into answers: the first ones of `sizes`, the others as large as they can be. At least one."""
    frames = []
    for size in sizes:
        frames.append(data[:size])
        data = data[size:]
    while data or not frames:
        frames.append(data[:MAX_FRAME_DATA])
        data = data[MAX_FRAME_DATA:]
    return tuple(frames)

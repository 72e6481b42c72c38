"""The cards the chip has activated by RATS, and the messages it carries for the host. UM0701-02 §7.3.8.

A message may come from the host in parts (MI, bit 6 of the target number) and an answer may go to it in parts (bit 6 of
the status): a host frame holds 262 bytes of either.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardware.virtual.air import crc_a
from hardware.virtual.iso_dep_reader import Exchanged, IsoDepReader
from hardware.virtual.picc import Picc, State
from hardware.virtual.schedule import ChipStalledError

MORE_INFORMATION = 0x40
OK, NO_ANSWER, PROTOCOL_ERROR, OVERFLOW = 0x00, 0x01, 0x0B, 0x0E
_MAX_ANSWER_SIZE = 262
_MAX_MESSAGE_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Carried:
    """What the chip tells the host: a status, data behind it, and the time on air."""

    status: int
    data: bytes = b""
    us: float = 0.0


class ActivatedCards:
    """A reader of ISO/IEC 14443-4 for each activated card, and the message under way."""

    def __init__(self) -> None:
        self._readers: dict[Picc, IsoDepReader] = {}
        self._outgoing = b""
        self._incoming = b""

    def __contains__(self, picc: Picc) -> bool:
        return picc in self._readers

    def __bool__(self) -> bool:
        return bool(self._readers)

    def activate(self, picc: Picc) -> float:
        """RATS to a selected card. Time on air."""
        self._readers[picc] = IsoDepReader(lambda frame: picc.hear(frame + crc_a(frame), 0))
        return self._readers[picc].activate().us

    def ats(self, picc: Picc) -> bytes:
        """With its length byte; empty for a card that is not activated."""
        return self._readers[picc].ats if picc in self._readers else b""

    def forget(self, picc: Picc) -> None:
        """It is deselected; nothing happens if it is not activated."""
        self._readers.pop(picc, None)

    def clear(self) -> None:
        """No target is left."""
        self._readers.clear()
        self._outgoing = self._incoming = b""

    def exchange(self, picc: Picc, part: bytes, *, more: bool) -> Carried:
        """One part of a message; the answer's first part once the last is there. An empty part fetches the next one."""
        if self._incoming and not part:
            return self._next_part(0.0)
        self._incoming = b""
        if len(self._outgoing) + len(part) > _MAX_MESSAGE_SIZE:
            self._outgoing = b""
            return Carried(OVERFLOW)
        if more:
            self._outgoing += part
            return Carried(OK)
        answered = self._exchange(picc, self._outgoing + part)
        self._outgoing = b""
        if answered.data is None:
            return _told(answered)
        self._incoming = answered.data
        return self._next_part(answered.us)

    def set_rate(self, picc: Picc, to_card: int, to_reader: int) -> Carried:
        """PPS; 0 is 106 kbit/s, 1 is 212, 2 is 424."""
        return _told(self._readers[picc].set_rate(to_card, to_reader))

    def attention(self) -> Carried:
        """Whether the card spoken to last is still there."""
        *_, last = self._readers
        asked = next((picc for picc in self._readers if picc.state is State.ACTIVE), last)
        return _told(self._readers[asked].is_there())

    def _exchange(self, picc: Picc, message: bytes) -> Exchanged:
        """A whole message. A stall takes both ends back to before it, for the host's command runs again."""
        reader, volatile = self._readers[picc], picc.card.volatile()
        number = reader.number
        try:
            return reader.exchange(message)
        except ChipStalledError:
            picc.card.restore(volatile)
            reader.number = number
            raise

    def _next_part(self, us: float) -> Carried:
        part, self._incoming = self._incoming[:_MAX_ANSWER_SIZE], self._incoming[_MAX_ANSWER_SIZE:]
        return Carried(OK | (MORE_INFORMATION if self._incoming else 0), part, us)


def _told(answered: Exchanged) -> Carried:
    if answered.data is not None:
        return Carried(OK, us=answered.us)
    return Carried(NO_ANSWER if answered.silent else PROTOCOL_ERROR, us=answered.us)

"""What a card lets the reader hear, and the checksum of ISO/IEC 14443-3 type A."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Heard(Enum):
    """The kinds of answer. Anything but DATA and ACK is an error after which the card must be selected again."""

    DATA = "data"
    ACK = "ack"
    NAK = "nak"
    SILENCE = "silence"
    AUTHENTICATION_FAILED = "authentication failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a card. `data` is without CRC; `us` is the modelled time on air, both ways."""

    heard: Heard
    data: bytes = b""
    us: float = 0.0
    checked: bool = True
    """A CRC follows `data` on air (false for ATQA and anticollision)."""

    @property
    def good(self) -> bool:
        return self.heard in (Heard.DATA, Heard.ACK)


NAK_NOT_ALLOWED = 0x04
"""MF1S50yyX_V1 §9.3: invalid operation, transfer buffer valid."""


class Card(Protocol):
    """A contactless chip above ISO/IEC 14443-3: what differs between card families.

    The activation states (idle, ready, active, halt) are the same for all and live in `picc`. A family keeps its own
    session (who is authenticated) and forgets it at `end_session`, which is called whenever the card leaves ACTIVE.
    """

    @property
    def uid(self) -> bytes:
        """4 or 7 bytes, in the order of the air."""
        ...

    @property
    def atqa(self) -> bytes:
        """SENS_RES, 2 bytes, big-endian as the PN532 reports it."""
        ...

    @property
    def sak(self) -> int:
        """SEL_RES of the last cascade level. Bit 5 set: ISO/IEC 14443-4."""
        ...

    @property
    def in_protocol(self) -> bool:
        """RATS was answered: until DESELECT the card understands blocks of ISO/IEC 14443-4 and nothing else."""
        ...

    @property
    def writes(self) -> int:
        """EEPROM writes begun in this field."""
        ...

    def presented(self) -> None:
        """The card came into the field."""
        ...

    def end_session(self) -> None:
        """Forget authentication and everything volatile."""
        ...

    def data_exchange(self, payload: bytes) -> Answer:
        """What InDataExchange makes of `payload` with this family (for Classic, PN532 itself does Crypto1)."""
        ...

    def hear(self, command: bytes) -> Answer:
        """One raw frame in state ACTIVE, its CRC checked and removed."""
        ...

    def volatile(self) -> object:
        """What `restore` takes: all that is gone with the field, as it is now."""
        ...

    def restore(self, volatile: object) -> None:
        """Go back to an earlier `volatile`: the chip fell silent before the command was done and will run it again."""
        ...


def crc_a(data: bytes) -> bytes:
    """CRC_A, 2 bytes in the order of the air (low byte first). Source: ISO/IEC 14443-3 annex B."""
    crc = 0x6363
    for byte in data:
        mixed = byte ^ (crc & 0xFF)
        mixed = (mixed ^ (mixed << 4)) & 0xFF
        crc = (crc >> 8) ^ (mixed << 8) ^ (mixed << 3) ^ (mixed >> 4)
    return crc.to_bytes(2, "little")

"""Status bytes of a DESFire card.

Source: libfreefare's mifare_desfire_error.c and proxmark3's protocols.h, which agree. A card that answers anything but
OK or ADDITIONAL_FRAME has dropped its authentication and whatever was not committed.
"""

from __future__ import annotations

from enum import IntEnum, unique

from hardware.reader import CardError


@unique
class Status(IntEnum):
    """What a card says of a command. Wire numbers."""

    OK = 0x00
    NO_CHANGES = 0x0C
    OUT_OF_MEMORY = 0x0E
    ILLEGAL_COMMAND = 0x1C
    INTEGRITY_ERROR = 0x1E
    NO_SUCH_KEY = 0x40
    LENGTH_ERROR = 0x7E
    PERMISSION_DENIED = 0x9D
    PARAMETER_ERROR = 0x9E
    APPLICATION_NOT_FOUND = 0xA0
    APPLICATION_INTEGRITY_ERROR = 0xA1
    AUTHENTICATION_ERROR = 0xAE
    ADDITIONAL_FRAME = 0xAF
    BOUNDARY_ERROR = 0xBE
    CARD_INTEGRITY_ERROR = 0xC1
    COMMAND_ABORTED = 0xCA
    CARD_DISABLED = 0xCD
    COUNT_ERROR = 0xCE
    DUPLICATE = 0xDE
    MEMORY_ERROR = 0xEE
    FILE_NOT_FOUND = 0xF0
    FILE_INTEGRITY_ERROR = 0xF1


def name_of(status: int) -> str:
    """A status byte in words, for messages."""
    try:
        return f"{Status(status).name.lower().replace('_', ' ')} ({status:02X})"
    except ValueError:
        return f"status {status:02X}"


class DesfireRefused(CardError):
    """The card refused a command; what was not committed is lost, and so is the session."""

    def __init__(self, where: str, command: int, status: int) -> None:
        self.where = where
        self.command = command
        self.status = status
        super().__init__(f"{where}: the card refuses command {command:02X} ({name_of(status)}): take it to the desk")

"""The card port: one purse of one selected card, during one presentation.

What the terminal's tap sees of any card family. Reads tell what the card says now; they are never evidence that a write
took place (P-R3). Writes tell how much is known of them, as a value: a card that leaves is no exception here.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, unique
from typing import Protocol

CERTIFICATE_COPIES = 2
PURSES = 3
"""Purses a card has room for, numbered from 0."""


@unique
class CardFamily(Enum):
    """Which profile of the card layout a card has. Wire numbers never change."""

    CLASSIC = 1
    DESFIRE = 2


@unique
class Written(Enum):
    """What is known of a write."""

    ACKED = "acked"
    """Acknowledged by the card, and read back equal, in this presentation."""
    UNSENT = "unsent"
    """No write command left the host."""
    UNKNOWN = "unknown"
    """Anything else: it may have been written, wholly, partly or not at all."""


class PurseKeys(Protocol):
    """The keys that open purses; a terminal's SAM (`hardware.sam.port`) has them."""

    def classic_keys(self, uid: bytes, sector: int) -> Sequence[bytes]:
        """The 6-byte keys A that a MIFARE Classic sector may have, the likeliest first; at least one."""
        ...


class PurseCard(Protocol):
    """One purse of one selected card during one presentation. Made by `hardware.cards.selection.select_purse`.

    Reads select the card again where an earlier failure lost it, and compare its UID (P-R25). Writes never do: what a
    caller decided on was read under a selection, and is written under it or not at all.
    """

    @property
    def uid(self) -> bytes:
        """4, 7 or 10 bytes."""
        ...

    @property
    def family(self) -> CardFamily:
        """The card's profile."""
        ...

    @property
    def atomic(self) -> bool:
        """Certificate and record written in one presentation land in one commit or not at all."""
        ...

    def read_ring(self) -> tuple[bytes, bytes, bytes]:
        """The three 16-byte images of the debit ring in slot order; 16 zero bytes where a slot cannot be read.

        Raises `CardGone`, `WrongKey`, `ReaderSilent`, `ReaderFault`.
        """
        ...

    def read_certificate(self, copy: int) -> bytes:
        """Copy 0 or 1 of the load certificate: 96 bytes as read, 16 zero bytes for a block that cannot be read.

        Raises as `read_ring`.
        """
        ...

    def blank_slot(self, slot: int) -> Written:
        """Overwrite ring slot 0 … 2 with 16 zero bytes (P-R4)."""
        ...

    def write_certificate(self, copy: int, image: bytes) -> Written:
        """Write the 96 bytes of copy 0 or 1, which must not be the copy in force (P-R16)."""
        ...

    def commit_record(self, slot: int, image: bytes, debit_fen: int) -> Written:
        """Write the 16-byte record into ring slot 0 … 2; `debit_fen`, 0 or more, is what it adds to the debited sum."""
        ...

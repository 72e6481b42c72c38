"""The card port: one purse of one selected card, during one presentation.

What the terminal's tap sees of any card family. Reads tell what the card says now; they are never evidence that a write
took place (P-R3). Writes tell how much is known of them, as a value: a card that leaves is no exception here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Protocol

from hardware.reader import CardError


@dataclass(frozen=True, slots=True)
class FamilyLimits:
    """What a card of a family has room for.

    `purses` a card, numbered from 0; `certificate_copies` a purse, numbered from 0; `debited`, the most that N can
    state (P-R24).
    """

    purses: int
    certificate_copies: int
    debited: int


@unique
class CardFamily(Enum):
    """Which profile of the card layout a card has. Wire numbers never change."""

    CLASSIC = 1
    DESFIRE = 2

    @property
    def limits(self) -> FamilyLimits:
        """What its cards have room for."""
        return _LIMITS[self]


_LIMITS = {
    CardFamily.CLASSIC: FamilyLimits(purses=3, certificate_copies=2, debited=(1 << 32) - 1),
    CardFamily.DESFIRE: FamilyLimits(purses=16, certificate_copies=1, debited=(1 << 31) - 1),
}


class TamperedCard(CardError):
    """What a card of ours says contradicts itself, or was not said by it."""

    def __init__(self, where: str, what: str) -> None:
        self.where = where
        self.what = what
        super().__init__(f"{where}: the card was tampered with, or something stands between it and the reader ({what})")


@unique
class Written(Enum):
    """What is known of a write."""

    ACKED = "acked"
    """Acknowledged by the card, and read back equal, in this presentation; on an atomic card: acknowledged under the
    session's key, or found standing there under it. A certificate of an atomic card: staged, see `PurseCard.atomic`."""
    UNSENT = "unsent"
    """No command that brings a write into force left the host."""
    UNKNOWN = "unknown"
    """Anything else: it may have been written, wholly, partly or not at all."""


class PurseKeys(Protocol):
    """The keys that open purses; a terminal's SAM (`hardware.sam.port`) has them."""

    def classic_keys(self, uid: bytes, sector: int) -> Sequence[bytes]:
        """The 6-byte keys A that a MIFARE Classic sector may have, the likeliest first; at least one."""
        ...

    def desfire_keys(self, uid: bytes, application: bytes) -> Sequence[bytes]:
        """The 16-byte debit keys that an application of a DESFire may have, the likeliest first; at least one."""
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
        """Certificate and record land together: what `write_certificate` wrote is only staged, and comes into force
        with the `commit_record` that follows in the same presentation, or not at all."""
        ...

    @property
    def debited(self) -> int | None:
        """N as the card itself counts it beside the ring, once that was read; None on a family that does not. Where it
        differs from the newest record's, the card was tampered with."""
        ...

    def read_ring(self) -> tuple[bytes, bytes, bytes]:
        """The three 16-byte images of the debit ring in slot order; 16 zero bytes where a slot cannot be read.

        Raises `CardGone`, `WrongKey`, `TamperedCard`, `ReaderSilent`, `ReaderFault`.
        """
        ...

    def read_certificate(self, copy: int) -> bytes:
        """A copy of the load certificate: 96 bytes as read, zeros for what cannot be read.

        Raises as `read_ring`.
        """
        ...

    def blank_slot(self, slot: int) -> Written:
        """Make sure that what cannot be read in ring slot 0 … 2 does not come back (P-R4)."""
        ...

    def write_certificate(self, copy: int, image: bytes) -> Written:
        """Write the 96 bytes of a copy, which must not be the one in force unless the card is atomic (P-R16)."""
        ...

    def commit_record(self, slot: int, image: bytes, debit_fen: int) -> Written:
        """Write the 16-byte record into ring slot 0 … 2; `debit_fen`, 0 or more, is what it adds to the debited sum."""
        ...

"""The reader port: cards in the field, and one exchange at a time with the one that is selected.

Rules a caller relies on:

- A reader never repeats an exchange with other bytes, and never repeats one at all that may have reached a card
  (P-R28). What a reader may ask again is the *answer*, on the line between host and chip.
- No answer is never "not done": after any error an exchange that writes may have written.
- After any error nothing is selected: `release`, `poll` again and compare the UID (P-R25).
- A card one has finished with is released: until its field goes it stays in a state in which a search may miss it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from onecard.errors import OnecardError


@dataclass(frozen=True, slots=True)
class Target:
    """One ISO 14443-A card as the reader listed it.

    `atqa` 2 bytes in the order the PN532 gives them (MIFARE Classic 1K: 00 04), `sak` 0 … 255, `uid` 4, 7 or 10 bytes,
    `ats` empty unless the card speaks ISO 14443-4.
    """

    number: int
    atqa: bytes
    sak: int
    uid: bytes
    ats: bytes


class CardError(OnecardError):
    """The card, or the field between card and reader."""


class CardGone(CardError):
    """The card did not answer, or not intelligibly: gone, torn, or another one in its place."""

    def __init__(self, where: str, what: str) -> None:
        self.where = where
        self.what = what
        super().__init__(f"{where}: the card is gone ({what}): present it again and keep it still")


class AccessDenied(CardError):
    """The card refused the command: access bits, or a sector that was not authenticated (PN532 status 13)."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(f"{where}: the card refused the command: its access bits do not allow it")


class WrongKey(CardError):
    """Authentication failed (PN532 status 14)."""

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"{where}: the card does not accept this key: not one of ours, or keys too old on this terminal"
        )


class ReaderError(OnecardError):
    """The reader, or the line to it. `where` names the tty."""

    def __init__(self, where: str, what: str, cure: str) -> None:
        self.where = where
        self.what = what
        self.cure = cure
        super().__init__(f"{where}: {what}: {cure}")


class ReaderSilent(ReaderError):
    """The reader did not answer within the time. What it was asked to do may have been done."""


class ReaderFault(ReaderError):
    """The reader answered something unusable, or the line failed. What it was asked to do may have been done."""


class ReaderNotFound(ReaderError):
    """No reader could be opened."""


class Reader(Protocol):
    """One contactless reader, used by one thread."""

    @property
    def name(self) -> str:
        """Where the reader is, for messages: the tty's path."""
        ...

    @property
    def commands(self) -> int:
        """Host commands sent since the reader was opened."""
        ...

    def poll(self) -> tuple[Target, ...]:
        """List at most two cards in the field; exactly one is then selected, otherwise none is.

        Raises `ReaderSilent`, `ReaderFault`.
        """
        ...

    def exchange(self, data: bytes, timeout: float) -> bytes:
        """Send one card command to the selected card and return its answer, waiting at most `timeout` seconds.

        Raises `CardGone`, `AccessDenied`, `WrongKey`, `ReaderSilent`, `ReaderFault`; after each of them nothing is
        selected any more.
        """
        ...

    def release(self) -> None:
        """Let the card go: the field is switched off until the next `poll`. Raises `ReaderSilent`, `ReaderFault`."""
        ...


def only_card(reader: Reader) -> Target:
    """The one card on the reader, now selected. Raises `CardGone` when there is none or another beside it,
    `ReaderError`s."""
    targets = reader.poll()
    if len(targets) != 1:
        raise CardGone(reader.name, f"{len(targets) or 'no'} cards lie there, one alone is expected")
    return targets[0]

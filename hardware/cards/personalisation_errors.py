"""What can go wrong when a desk writes a card, of any family, and what the clerk does then."""

from __future__ import annotations

from hardware.reader import CardError, ReaderError


class WrongCard(CardError):
    """Another card than the one the script is for."""

    def __init__(self, expected: bytes, found: bytes) -> None:
        self.expected = expected
        self.found = found
        super().__init__(f"the job is for card {expected.hex()}, on the reader lies {found.hex()}: swap them")


class ForeignCard(CardError):
    """Something of somebody else is on the card; `part` names it."""

    def __init__(self, uid: bytes, part: str) -> None:
        self.uid = uid
        self.part = part
        super().__init__(f"card {uid.hex()} is somebody else's ({part}): take a blank card")


class TornTrailer(CardError):
    """An earlier run was cut in the middle of writing this sector's keys."""

    def __init__(self, uid: bytes, sector: int) -> None:
        self.uid = uid
        self.sector = sector
        super().__init__(
            f"card {uid.hex()} was torn while the keys of sector {sector} were written, and that sector is closed for"
            " ever: destroy the card, take a blank one"
        )


class CardInUse(CardError):
    """A finished `part` holds something else than the script says."""

    def __init__(self, uid: bytes, part: str) -> None:
        self.uid = uid
        self.part = part
        super().__init__(f"card {uid.hex()} was issued before ({part} has other contents): it cannot be issued again")


class PersonalisationCut(CardError):
    """The card or the reader failed on the way; `done` says what is whole at least."""

    def __init__(self, uid: bytes, done: str, cause: CardError | ReaderError) -> None:
        self.uid = uid
        self.done = done
        self.cause = cause
        super().__init__(
            f"card {uid.hex()} was interrupted with {done} done ({cause}): put the same card back and run the job again"
        )


class NotAsWritten(CardError):
    """A `part` does not read as the script says."""

    def __init__(self, uid: bytes, part: str) -> None:
        self.uid = uid
        self.part = part
        super().__init__(f"card {uid.hex()} did not keep {part}: destroy the card, take a blank one")

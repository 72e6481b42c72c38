"""Why a terminal must not start, each with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from onecard.errors import OnecardError

_CURE = "enrol this terminal with `onecard terminal enrol`"


class Unfit(OnecardError):
    """This terminal must not start as it is."""


class NotEnrolled(Unfit):
    """A file that enrolment makes is missing or belongs to another terminal."""

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        super().__init__(f"{file}: {why}: {_CURE}")


class JournalLost(Unfit):
    """The journal this terminal had is gone; its number must not be used again (P-R7)."""

    def __init__(self, directory: Path, number: int) -> None:
        self.directory = directory
        self.number = number
        super().__init__(
            f"{directory}: the journal of terminal {number} is gone, and its number must never number records again:"
            f" put the directory back, or {_CURE} under a new number"
        )


class JournalRolledBack(Unfit):
    """Something trusted tells of a record that this journal does not hold: it is an older copy, and would number
    others like it."""

    def __init__(self, directory: Path, sequence: int, witness: str) -> None:
        self.directory = directory
        self.sequence = sequence
        super().__init__(
            f"{directory}: {witness} record {sequence}, which is not in this journal: an older copy was put back; put"
            f" the newest one back, or keep this one and {_CURE} under a new number"
        )


class BooksLost(Unfit):
    """The journal's first records were recycled and no checkpoint tells of them: what intents left on cards is not
    known any more, so the number must not go on (P-R7)."""

    def __init__(self, directory: Path, first: int, refused: Mapping[str, str]) -> None:
        self.directory = directory
        self.first = first
        told = "".join(f"; {name}: {why}" for name, why in refused.items())
        super().__init__(
            f"{directory}: the journal begins at record {first} and no checkpoint there tells of those before{told}:"
            f" put the checkpoints back, or collect the journal, move it away and {_CURE} under a new number"
        )


class ForeignJournal(Unfit):
    """The journal was made under another terminal number."""

    def __init__(self, directory: Path, found: int, number: int) -> None:
        self.directory = directory
        super().__init__(
            f"{directory} is the journal of terminal {found}, this is terminal {number}: collect it, then move it away"
        )

"""Why a bundle is not taken in."""

from __future__ import annotations

from onecard.errors import OnecardError


class UnknownTerminal(OnecardError):
    """Signed by nobody we know."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"terminal {number} is not known here: enrol it")


class RevokedTerminal(OnecardError):
    """Signed by a terminal that is no longer believed."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"terminal {number} was revoked: bring it to the centre, its records are reviewed there")

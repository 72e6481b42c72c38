"""How a command of a DESFire card ends with an error status."""

from __future__ import annotations

from hardware.cards.desfire.status import Status


class Refused(Exception):
    """Inside the virtual card only: this command ends with an error status."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


def need(condition: bool, status: Status) -> None:
    """Go on only if `condition` holds. Raises Refused."""
    if not condition:
        raise Refused(status)

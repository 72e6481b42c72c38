"""What a laptop without any secret can say of a bundle.

Always: that it came whole (its SHA-256, as the terminal told it), that it has the one shape of an envelope, and that it
says it is of the terminal that gave it. With a roster of the server, also that this terminal signed it. Never: what is
in it. A bundle of a terminal that the roster does not name, which was enrolled since, is carried and said to be
unverified; the server decides.
"""

from __future__ import annotations

from enum import Enum, unique
from pathlib import Path

from onecard.durable_file import read_file
from onecard.envelope import TERMINAL, BadEnvelope, Domain, open_envelope, verify
from onecard.errors import OnecardError
from onecard.roster import Roster, open_roster


@unique
class Proof(Enum):
    """How far a bundle was proved."""

    SIGNED = "signed by the terminal"
    SHAPED = "whole, its signature not checked"


class WrongTerminal(OnecardError):
    """A terminal gave a bundle of another."""

    def __init__(self, given_by: int, named: int) -> None:
        self.given_by = given_by
        super().__init__(f"terminal {given_by} gave a bundle that says it is of terminal {named}: tell the centre")


def prove(bundle: bytes, terminal: int, roster: Roster | None) -> Proof:
    """Raises `BadEnvelope`, `WrongTerminal`, `BadSignature`."""
    envelope = open_envelope(bundle)
    if envelope.key_id.sender != TERMINAL:
        raise BadEnvelope("it is not signed by a terminal")
    if envelope.key_id.number != terminal:
        raise WrongTerminal(terminal, envelope.key_id.number)
    public = roster.terminals.get(terminal) if roster else None
    if public is None:
        return Proof.SHAPED
    verify(envelope, Domain.BUNDLE, public)
    return Proof.SIGNED


def kept_roster(file: Path) -> Roster | None:
    """The roster that `onecard deliver` fetched last; None when there is none. Raises what `open_roster` raises."""
    return open_roster(read_file(file, "check the disk")) if file.exists() else None

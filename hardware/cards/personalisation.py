"""The desk's work on a blank MIFARE Classic 1K: contents, then keys, interruptible at any command.

Rules:

- A sector's data blocks are written and read back first, its trailer last: a sector that opens with our key B is a
  finished one. Sectors go in `SECTOR_ORDER`, the identification last: a card that says it is ours is whole.
- Every sector is looked at before anything is written: a card that cannot be finished is never begun.
- Nothing is written to the data of a finished sector. If it differs from the script the card is in use, and writing
  would lower what was debited.
- What a cut leaves is continued by running the same script again. The acknowledgement of the last finished trailer may
  be what was lost, and a read is no evidence for a write (P-R3), so that trailer is written once more.
- A trailer torn in mid-write has access bits that contradict each other, and its sector is closed for ever (NXP
  MF1S50yyX_V1 §8.7): told by name, and the card is waste.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from hardware.cards.classic_layout import (
    ACCESS_BYTES,
    OUR_ACCESS,
    SECTORS,
    TRANSPORT_ACCESS,
    TRANSPORT_KEY,
    trailer_block,
)
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.personalisation_errors import (
    CardInUse,
    ForeignCard,
    NotAsWritten,
    PersonalisationCut,
    TornTrailer,
    WrongCard,
)
from hardware.cards.personalisation_script import PersonalisationScript
from hardware.reader import AccessDenied, CardGone, Reader, ReaderError, Target, WrongKey

SECTOR_ORDER = (*range(1, SECTORS), 0)

_FAILURES = (CardGone, WrongKey, AccessDenied, ReaderError)


@dataclass(frozen=True, slots=True)
class PersonalisationReport:
    """What one run did: sectors `written` by it, and sectors `found` finished by an earlier one, in order."""

    uid: bytes
    found: tuple[int, ...]
    written: tuple[int, ...]


class _Sector(Enum):
    BLANK = auto()
    FINISHED = auto()
    CLOSED = auto()


def personalise(reader: Reader, target: Target, script: PersonalisationScript) -> PersonalisationReport:
    """Bring the selected card to what `script` says, from blank or from wherever an earlier run was cut.

    Raises `WrongCard`, `ForeignCard`, `TornTrailer`, `CardInUse`, `NotAsWritten`, `PersonalisationCut`.
    """
    if target.uid != script.uid:
        raise WrongCard(script.uid, target.uid)
    session = ClassicSession(reader, target)
    found: list[int] = []
    written: list[int] = []
    try:
        found += _survey(session, script)
        if found:
            session.authenticate(found[-1], Key.B, script.keys[found[-1]].key_b)
            session.write(trailer_block(found[-1]), script.trailer(found[-1]))
        for sector in SECTOR_ORDER:
            if sector not in found:
                _write_sector(session, script, sector)
                written.append(sector)
    except _FAILURES as cause:
        raise PersonalisationCut(script.uid, progress(found + written), cause) from cause
    return PersonalisationReport(script.uid, tuple(found), tuple(written))


def verify(reader: Reader, target: Target, script: PersonalisationScript) -> None:
    """Read everything back with the script's own keys, both of every sector. Raises `WrongCard`, `NotAsWritten`, and
    `CardGone`, `ReaderSilent`, `ReaderFault` when the reading itself fails.
    """
    if target.uid != script.uid:
        raise WrongCard(script.uid, target.uid)
    session = ClassicSession(reader, target)
    for sector in range(SECTORS):
        keys = script.keys[sector]
        for kind, key in ((Key.A, keys.key_a), (Key.B, keys.key_b)):
            if not opens(session, sector, kind, key) or access_of(session, sector) != OUR_ACCESS:
                raise NotAsWritten(script.uid, f"block {trailer_block(sector)}")
        for block, image in script.sector_data(sector).items():
            if session.read(block) != image:
                raise NotAsWritten(script.uid, f"block {block}")


def _survey(session: ClassicSession, script: PersonalisationScript) -> list[int]:
    """The finished sectors, in order; errors for a card that cannot be finished."""
    states = {sector: _look_at(session, script, sector) for sector in SECTOR_ORDER}
    closed = [sector for sector in SECTOR_ORDER if states[sector] is _Sector.CLOSED]
    unfinished = [sector for sector in SECTOR_ORDER if states[sector] is not _Sector.FINISHED]
    if closed:
        # A cut leaves sectors before it finished, after it blank, and at most the one it hit closed.
        if closed == unfinished[:1]:
            raise TornTrailer(session.uid, closed[0])
        raise ForeignCard(session.uid, f"sectors {', '.join(map(str, closed))}")
    return [sector for sector in SECTOR_ORDER if states[sector] is _Sector.FINISHED]


def _look_at(session: ClassicSession, script: PersonalisationScript, sector: int) -> _Sector:
    if opens(session, sector, Key.B, script.keys[sector].key_b):
        if access_of(session, sector) != OUR_ACCESS:
            return _Sector.CLOSED
        if any(session.read(block) != image for block, image in script.sector_data(sector).items()):
            raise CardInUse(session.uid, f"sector {sector}")
        return _Sector.FINISHED
    if opens(session, sector, Key.A, TRANSPORT_KEY) and access_of(session, sector) == TRANSPORT_ACCESS:
        return _Sector.BLANK
    return _Sector.CLOSED


def _write_sector(session: ClassicSession, script: PersonalisationScript, sector: int) -> None:
    session.select()
    session.authenticate(sector, Key.A, TRANSPORT_KEY)
    images = script.sector_data(sector)
    for block, image in images.items():
        session.write(block, image)
    for block, image in images.items():
        if session.read(block) != image:
            raise NotAsWritten(session.uid, f"block {block}")
    session.write(trailer_block(sector), script.trailer(sector))


def progress(sectors: list[int]) -> str:
    """How far a run came, for people."""
    return f"at least {len(sectors)} of {SECTORS} sectors"


def opens(session: ClassicSession, sector: int, kind: Key, key: bytes) -> bool:
    """Whether the key opens the sector; a card that said no is selected again at the next question."""
    session.select()
    try:
        session.authenticate(sector, kind, key)
    except WrongKey:
        return False
    return True


def access_of(session: ClassicSession, sector: int) -> bytes:
    """The three access bytes of the opened sector."""
    return session.read(trailer_block(sector))[ACCESS_BYTES]

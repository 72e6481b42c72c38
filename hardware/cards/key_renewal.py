"""Renewing the keys of a MIFARE Classic 1K that is in use: its trailers only, interruptible at any command.

Rules:

- No data block is written: what was debited stands, whatever happens here.
- Every sector is looked at before anything is written: a card that cannot be finished is never begun.
- Sectors go in `SECTOR_ORDER`, each from whichever earlier version it bears to the newest. What a cut leaves is
  continued by running the same script again, at any desk; until then terminals open each sector with the key it has.
- The acknowledgement of the last renewed trailer may be what was lost, and a read is no evidence for a write (P-R3), so
  that trailer is written once more.
- A trailer torn in mid-write closes its sector for ever (NXP MF1S50yyX_V1 §8.7), which is why this is a desk's work and
  never a terminal's: told by name; the card is waste, its money is in the books and goes onto another card.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hardware.cards.classic_layout import OUR_ACCESS, SECTORS, trailer, trailer_block
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.personalisation import SECTOR_ORDER, access_of, opens, progress
from hardware.cards.personalisation_errors import (
    ForeignCard,
    NotAsWritten,
    PersonalisationCut,
    TornTrailer,
    WrongCard,
)
from hardware.cards.personalisation_script import PUBLIC_KEYS, SectorKeys
from hardware.reader import AccessDenied, CardGone, Reader, ReaderError, Target, WrongKey

_NEWEST = 0


@dataclass(frozen=True, slots=True)
class RenewalScript:
    """The keys of the card `uid` by version, newest first: at least one version, 16 sectors each."""

    uid: bytes
    versions: tuple[tuple[SectorKeys, ...], ...] = field(repr=False)

    def __post_init__(self) -> None:
        assert self.versions
        assert all(len(sectors) == SECTORS for sectors in self.versions)
        for key in (key for pair in self.versions[_NEWEST] for key in pair):
            assert key not in PUBLIC_KEYS, "a sector would be left with a public key"


@dataclass(frozen=True, slots=True)
class RenewalReport:
    """What one run did: sectors `renewed` by it, and sectors `found` with the newest keys, in order."""

    uid: bytes
    found: tuple[int, ...]
    renewed: tuple[int, ...]


def renew(reader: Reader, target: Target, script: RenewalScript) -> RenewalReport:
    """Bring every sector of the selected card to the newest keys, from wherever an earlier run was cut.

    Raises `WrongCard`, `ForeignCard`, `TornTrailer`, `NotAsWritten`, `PersonalisationCut`.
    """
    if target.uid != script.uid:
        raise WrongCard(script.uid, target.uid)
    session = ClassicSession(reader, target)
    found: list[int] = []
    renewed: list[int] = []
    try:
        borne = _survey(session, script)
        found += [sector for sector in SECTOR_ORDER if borne[sector] == _NEWEST]
        if found:
            _write(session, script, found[-1], _NEWEST)
        for sector in SECTOR_ORDER:
            if sector not in found:
                _write(session, script, sector, borne[sector])
                renewed.append(sector)
    except (CardGone, WrongKey, AccessDenied, ReaderError) as cause:
        raise PersonalisationCut(script.uid, progress(found + renewed), cause) from cause
    return RenewalReport(script.uid, tuple(found), tuple(renewed))


def _survey(session: ClassicSession, script: RenewalScript) -> dict[int, int]:
    """The version that each sector bears; errors for a card that cannot be finished."""
    borne = {sector: _version(session, script, sector) for sector in SECTOR_ORDER}
    closed = [sector for sector in SECTOR_ORDER if borne[sector] is None]
    behind = [sector for sector in SECTOR_ORDER if borne[sector] != _NEWEST]
    if closed:
        # A cut leaves sectors before it renewed, after it as they were, and at most the one it hit closed.
        if closed == behind[:1]:
            raise TornTrailer(session.uid, closed[0])
        raise ForeignCard(session.uid, f"sectors {', '.join(map(str, closed))}")
    return {sector: version for sector, version in borne.items() if version is not None}


def _version(session: ClassicSession, script: RenewalScript, sector: int) -> int | None:
    for version, sectors in enumerate(script.versions):
        keys = sectors[sector]
        if opens(session, sector, Key.B, keys.key_b) and opens(session, sector, Key.A, keys.key_a):
            return version if access_of(session, sector) == OUR_ACCESS else None
    return None


def _write(session: ClassicSession, script: RenewalScript, sector: int, borne: int) -> None:
    """A sector's newest trailer, written under the keys it bears, and proved by both new keys."""
    newest = script.versions[_NEWEST][sector]
    session.select()
    session.authenticate(sector, Key.B, script.versions[borne][sector].key_b)
    session.write(trailer_block(sector), trailer(*newest))
    session.forget()  # the card goes on under the old keys until it is authenticated anew
    for kind, key in ((Key.A, newest.key_a), (Key.B, newest.key_b)):
        if not opens(session, sector, kind, key) or access_of(session, sector) != OUR_ACCESS:
            raise NotAsWritten(session.uid, f"block {trailer_block(sector)}")

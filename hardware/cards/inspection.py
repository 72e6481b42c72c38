"""Whether a card of ours is closed as it left the desk: looked at with a terminal's own keys, nothing written.

A MIFARE Classic 1K is sound when every sector opens with our key A, has the access bits that keep both keys unreadable
and key A from writing them, and no key that everybody knows opens it as key B.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware.cards.classic_layout import (
    IDENTIFICATION_BLOCK,
    OUR_ACCESS,
    SECTORS,
    Identification,
    decode_identification,
)
from hardware.cards.classic_session import ClassicSession, Key
from hardware.cards.personalisation import access_of, opens
from hardware.cards.personalisation_script import PUBLIC_KEYS
from hardware.cards.port import PurseKeys
from hardware.reader import Reader, Target


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found. `purses`: those the identification names, none where it is not ours; `earlier`: sectors whose
    keys are of an earlier version; `faults`: what is not as a desk leaves it, for people."""

    uid: bytes
    purses: tuple[int, ...]
    earlier: tuple[int, ...]
    faults: tuple[str, ...]


def inspect_classic(
    reader: Reader, target: Target, keys: PurseKeys, seen: Callable[[int], None] = lambda sector: None
) -> Inspection:
    """Look at every sector of the card `reader.poll` just selected; `seen` is told each one done, 0 … 15.

    Raises `CardGone`, `ReaderSilent`, `ReaderFault`.
    """
    session = ClassicSession(reader, target)
    identification: Identification | None = None
    earlier: list[int] = []
    faults: list[str] = []
    for sector in range(SECTORS):
        ours = enumerate(keys.classic_keys(target.uid, sector))
        version = next((version for version, key in ours if opens(session, sector, Key.A, key)), None)
        if version is None:
            faults.append(f"sector {sector} does not open with our key")
        else:
            if version > 0:
                earlier.append(sector)
            if access_of(session, sector) != OUR_ACCESS:
                faults.append(f"sector {sector} has other access bits than ours: its keys can be read or changed")
            if sector == 0:
                identification = decode_identification(session.read(IDENTIFICATION_BLOCK))
        faults += [
            f"sector {sector} opens with the public key {kind.name} {key.hex()}"
            for kind in ((Key.A, Key.B) if version is None else (Key.B,))
            for key in sorted(PUBLIC_KEYS)
            if opens(session, sector, kind, key)
        ]
        seen(sector)
    if identification is None:
        faults.append("block 1 does not say that this is a card of ours")
    purses = identification.purses if identification else ()
    return Inspection(target.uid, purses, tuple(earlier), tuple(faults))

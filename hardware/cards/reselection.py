"""Selecting a card again that a failure lost, and no other (P-R25)."""

from __future__ import annotations

from hardware.reader import CardGone, Reader, Target


def reselected(reader: Reader, uid: bytes) -> Target:
    """The card with this UID, selected. Raises `CardGone` unless it alone is there, and what `Reader` raises.

    The field is switched off first: a lost card may have fallen into HALT, where a search does not find it, and a
    DESFire forgets with its power what was not committed.
    """
    reader.release()
    targets = reader.poll()
    if len(targets) != 1 or targets[0].uid != uid:
        found = " and ".join(target.uid.hex() for target in targets) or "no card"
        raise CardGone(reader.name, f"expected {uid.hex()}, found {found}")
    return targets[0]

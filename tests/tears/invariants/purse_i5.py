"""docs/purse.md I5: a ring is always a segment of one chain, as read and as journaled."""

from __future__ import annotations

from onecard.purse.intent import ring_images
from tests.tears.history import History, record_of


def violation(history: History) -> str | None:
    """All records of one reading, and all that an intent saw, stand on one another."""
    for sighting in history.sightings:
        newest = sighting.ring.newest
        if newest is not None:
            chain = history.chain(newest.identity)
            strange = [record for record in sighting.ring.readable if record.identity not in chain]
            if strange:
                return f"purse I5: {strange} is not of the chain of {newest}"
    for claim in history.claims.values():
        chain = history.chain(claim.base.identity)
        for image in ring_images(claim.intent):
            record = record_of(image) if any(image) else None
            if record is not None and record.identity not in chain:
                return f"purse I5: {claim.record} was written on a ring that is no chain"
    return None

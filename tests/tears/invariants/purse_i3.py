"""docs/purse.md I2, I3, I4: what is durable is one chain, and no reading of the card is without any of it."""

from __future__ import annotations

from onecard.kinds import Outcome
from tests.tears.history import GENESIS, History


def violation(history: History) -> str | None:
    """The server's conclusion from what is durable now contradicts neither the card nor what the terminals said."""
    resolution = history.resolution
    if resolution.forks:
        return f"purse I7: an honest card looks forked at {resolution.forks}"
    believed = {identity for identity in resolution.durable if identity.counter > GENESIS.counter}
    for sighting in history.sightings:
        newest = sighting.ring.newest
        if newest is None:
            continue
        missing = believed - history.chain(newest.identity)
        if missing:
            return f"purse I3: a reading is without the durable {missing}"
    by_name = {(claim.terminal, claim.sequence): claim for claim in history.claims.values()}
    for name in resolution.refunds:
        claim = by_name[name]
        if claim.word is not Outcome.ABANDONED or claim.record.identity not in resolution.durable:
            return f"purse I4: {name} would be refunded and is {claim.word}"
    return None

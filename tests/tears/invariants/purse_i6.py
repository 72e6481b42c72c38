"""docs/purse.md I6: the certificate in force is readable in every reading, and never older than one acknowledged."""

from __future__ import annotations

from tests.tears.history import ACKNOWLEDGED, History

WEAK_TEARS_MAX = 2
"""Three weak tears in a row may make a ring unreadable: a desk case (docs/purse.md, (e))."""


def violation(history: History) -> str | None:
    """Each reading has a newest record, and the certificate it names."""
    acknowledged = max(
        (claim.intent.load_sequence for claim in history.claims.values() if claim.word in ACKNOWLEDGED), default=1
    )
    for sighting in history.sightings:
        newest = sighting.ring.newest
        if newest is None:
            if history.world.weak_tears > WEAK_TEARS_MAX:
                continue
            return f"purse (e): a ring reads without a record after {history.world.weak_tears} weak tears"
        if sighting.in_force is None:
            return f"purse I6: the certificate that {newest} names cannot be read"
        if sighting.in_force.load_sequence < acknowledged:
            return f"purse I6: L {sighting.in_force.load_sequence} is in force, {acknowledged} was acknowledged"
    return None

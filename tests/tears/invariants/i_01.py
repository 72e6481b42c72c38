"""I-01: no debit without an earlier durable intent."""

from __future__ import annotations

from tests.tears.history import GENESIS, History


def violation(history: History) -> str | None:
    """Every record that the card can be read to hold is the desk's, or exactly what a durable intent announced."""
    for sighting in history.sightings:
        for record in sighting.ring.readable:
            if record.terminal == 0 and record.counter <= GENESIS.counter:
                continue
            claim = history.claims.get(record.identity)
            if claim is None or claim.record != record:
                return f"I-01: the card holds {record}, which no durable intent announced"
    return None

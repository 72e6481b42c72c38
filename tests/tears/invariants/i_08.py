"""I-08, for one card: loaded = debited and paid + debited and given up (refunded) + in doubt + left."""

from __future__ import annotations

from onecard.kinds import Outcome
from tests.tears.history import History


def violation(history: History) -> str | None:
    """In every reading each fen of N is that of one intent of its chain, every paid sale is among them, and none that
    was called unsent; something is left, or nothing."""
    paid = {identity for identity, claim in history.claims.items() if claim.word is Outcome.PAID}
    for sighting in history.sightings:
        newest = sighting.ring.newest
        if newest is None or sighting.in_force is None:
            continue
        chain = history.chain(newest.identity)
        standing = [history.claims[identity] for identity in chain if identity in history.claims]
        if sum(claim.intent.amount for claim in standing) != newest.debited:
            return f"I-08: the intents of a reading do not add up to its N {newest.debited}"
        if paid - chain:
            return f"I-08: goods were given and a reading does not charge for them: {paid - chain}"
        unsent = [claim for claim in standing if claim.word is Outcome.UNSENT]
        if unsent:
            return f"I-08: a debit that was called unsent stands: {unsent[0].record}"
        if newest.debited > sighting.in_force.loaded:
            return f"I-08: N {newest.debited} is above P {sighting.in_force.loaded}"
    return None

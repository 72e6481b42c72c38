"""The server, as far as one card needs it: it concludes from what is durable at the terminals, and gives back."""

from __future__ import annotations

from functools import lru_cache

from onecard.purse.resolution import Resolution
from tests.tears.history import resolved
from tests.tears.world import ISSUER, PRICE, UID, World, stated


def uploaded(world: World) -> World:
    """Everything durable reached the server, and refunds due are on their way to both terminals."""
    return refunded(world, resolved(world.terminals))


def refunded(world: World, resolution: Resolution) -> World:
    """A certificate that gives the abandoned debits back (P-R11), its floor the durable head (P-R15), in every inbox;
    none when they are given back already."""
    last = stated(world.certificates[-1])
    loaded = world.cash + PRICE * len(resolution.refunds)
    if last.loaded == loaded:
        return world
    image = _certificate(last.load_sequence + 1, loaded, *resolution.head)
    terminals = tuple(t._replace(delivered=(*t.delivered, image)) for t in world.terminals)
    return world._replace(certificates=(*world.certificates, image), terminals=terminals)


@lru_cache(maxsize=1 << 10)
def _certificate(load_sequence: int, loaded: int, counter: int, debited: int) -> bytes:
    return ISSUER.certificate(UID, load_sequence, loaded, floor_counter=counter, floor_debited=debited)

"""Which explorer, in which small scope, must catch each switched-off rule."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.onecard.purse.explorers import attack_world, delivery_world, ring_world
from tests.onecard.purse.explorers.attack_explorer import AttackSpace
from tests.onecard.purse.explorers.delivery_explorer import DeliverySpace
from tests.onecard.purse.explorers.physics import Physics
from tests.onecard.purse.explorers.ring_explorer import RingSpace
from tests.onecard.purse.explorers.search import Findings, Space, search
from tests.onecard.purse.explorers.switches import Switch


class Catcher(NamedTuple):
    """An explorer as docs/purse.md names it, and the space it searches."""

    explorer: str
    space: Space[Any, Any]

    def catch(self) -> Findings:
        """The violation, with the way to it."""
        return search(self.space, traced=True)


def catcher(switch: Switch) -> Catcher:
    """The one that must catch `switch`."""
    match switch.name.split("_", 1)[0], switch:
        case _, Switch.R5_RETAP_UNJUDGED | Switch.R5_BRANCHES_MIXED | Switch.R11_REFUNDED_BEYOND:
            return _attack(switch)
        case "R8" | "R15" | "R22", _:
            return _attack(switch)
        case "R16" | "R17", _:
            return _delivery(switch)
        case _, Switch.R5_CERTIFICATE_LEFT:
            return _delivery(switch)
        case _:
            return _ring(switch)


def _ring(off: Switch) -> Catcher:
    if off is Switch.R7_UNSENT_NAMES_FREE:
        return Catcher("M1", RingSpace(ring_world.Scope(intents=2, uploads=True, off=off)))
    # With weak cells a ring may become unreadable anyway.
    physics = Physics.PLAIN if off is Switch.R5_LAST_REWRITTEN else Physics.WEAK
    return Catcher("M1", RingSpace(ring_world.Scope(intents=3, physics=physics, off=off)))


def _delivery(off: Switch) -> Catcher:
    match off:
        case Switch.R16_TWO_COMMITS | Switch.R5_CERTIFICATE_LEFT:
            scope = delivery_world.Scope(records=1, certificates=1, physics=Physics.ATOMIC, off=off)
        case Switch.R17_LAST_HEARD:
            scope = delivery_world.Scope(records=2, certificates=2, physics=Physics.ATOMIC, off=off)
        case Switch.R16_BEFORE_ALL_ACKS:
            scope = delivery_world.Scope(records=2, certificates=1, off=off)
        case Switch.R17_MODULO_ONLY | Switch.R17_KNOWN_BY_READ:
            scope = delivery_world.Scope(records=2, certificates=1, stride=8, off=off)
        case _:
            scope = delivery_world.Scope(records=3, certificates=2, off=off)
    return Catcher("M3", DeliverySpace(scope))


def _attack(off: Switch) -> Catcher:
    switched = frozenset({off})
    match off:
        case Switch.R8_NO_BOUND:
            scope = attack_world.Scope(records=3, terminals=1, loads=0, excess_max=0, off=switched)
        case Switch.R8_COUNTER_ONLY:
            scope = attack_world.Scope(records=4, terminals=1, loads=0, forges=True, loses_answers=False, off=switched)
        case Switch.R11_REFUNDED_BEYOND:
            scope = attack_world.Scope(records=4, terminals=1, loads=0, false_refunds=2, restores=False, off=switched)
        case Switch.R15_NO_FLOOR:
            scope = attack_world.Scope(
                records=4, loaded=1, loads=0, false_refunds=1, restores=False, excess_max=0, off=switched
            )
        case Switch.R22_NO_CAP:
            scope = attack_world.Scope(records=2, loads=0, card_cap=1, off=switched)
        case _:
            scope = attack_world.Scope(records=3, loads=0, off=switched)
    return Catcher("M2", AttackSpace(scope))

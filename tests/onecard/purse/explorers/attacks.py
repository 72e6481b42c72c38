"""The 21 attacks of docs/purse.md: what is tried, under which rules, and what comes of it."""

from __future__ import annotations

from typing import NamedTuple

from tests.onecard.purse.explorers.attack_world import Scope
from tests.onecard.purse.explorers.switches import Switch


class Attack(NamedTuple):
    """`most` bounds what can be taken beyond what was paid in, at the full scope. `small` is the number of records of
    the small scope, and `taken` what is taken there, to the fen. `breaks` says whether a terminal loses more than its
    bound, which only a switched-off rule allows."""

    what: str
    scope: Scope
    most: int
    small: int
    taken: int
    breaks: bool = False


def _off(*switches: Switch) -> frozenset[Switch]:
    return frozenset(switches)


ATTACKS = {
    "A1": Attack("one terminal", Scope(5, terminals=1), 0, 3, 0),
    "A2": Attack("one terminal, no bound", Scope(5, terminals=1, off=_off(Switch.R8_NO_BOUND)), 3, 3, 1),
    "A3": Attack("two terminals that sync when they like", Scope(5, loads=0), 2, 3, 1),
    "A4": Attack("the same with a load", Scope(4), 2, 2, 0),
    "A5": Attack("two terminals, no bound", Scope(4, loads=0, off=_off(Switch.R8_NO_BOUND)), 2, 2, 0),
    "A6": Attack("three terminals, 1 on the card", Scope(4, terminals=3, loaded=1, loads=0), 2, 2, 1),
    "A7": Attack("three terminals, answers come", Scope(6, terminals=3, loads=0, loses_answers=False), 4, 4, 2),
    "A8": Attack("two terminals online", Scope(4, online=True), 0, 2, 0),
    "A9": Attack("online, no bound", Scope(4, online=True, off=_off(Switch.R8_NO_BOUND)), 1, 3, 1),
    "A10": Attack("a cap of 1 between two syncs", Scope(5, loads=0, card_cap=1), 2, 2, 0),
    "A11": Attack("a re-tap is not judged", Scope(4, off=_off(Switch.R5_RETAP_UNJUDGED)), 1, 2, 0, breaks=True),
    "A12": Attack("a stolen MAC key", Scope(5, loads=0, forges=True), 2, 2, 0),
    "A13": Attack(
        "a stolen MAC key, N not compared",
        Scope(4, terminals=1, loads=0, forges=True, loses_answers=False, off=_off(Switch.R8_COUNTER_ONLY)),
        *(1, 4, 1),
        breaks=True,
    ),
    "A14": Attack("DESFire", Scope(5, restores=False), 0, 2, 0),
    "A15": Attack("DESFire, no bound", Scope(5, restores=False, off=_off(Switch.R8_NO_BOUND)), 0, 2, 0),
    "A16": Attack("DESFire, a false refund", Scope(6, restores=False, false_refunds=1, loaded=1, loads=0), 0, 3, 0),
    "A17": Attack(
        "DESFire, a false refund, no floor",
        Scope(6, restores=False, false_refunds=1, loaded=1, loads=0, off=_off(Switch.R15_NO_FLOOR)),
        *(2, 4, 1),
    ),
    "A18": Attack("one terminal, a false refund", Scope(5, terminals=1, false_refunds=1, loaded=1, loads=0), 0, 4, 0),
    "A19": Attack(
        "one terminal, a false refund, no floor, no bound",
        Scope(
            records=5,
            terminals=1,
            false_refunds=1,
            loaded=1,
            loads=0,
            off=_off(Switch.R15_NO_FLOOR, Switch.R8_NO_BOUND),
        ),
        *(4, 4, 3),
    ),
    "A20": Attack(
        "a balance cap of 1, one terminal cut off",
        Scope(6, loaded=1, loads=2, balance_cap=1, cut_off=True, loses_answers=False),
        *(3, 4, 2),
    ),
    "A21": Attack(
        "the same without a floor: it gains nothing more",
        Scope(
            records=6,
            loaded=1,
            loads=2,
            balance_cap=1,
            cut_off=True,
            loses_answers=False,
            off=_off(Switch.R15_NO_FLOOR),
        ),
        *(3, 4, 2),
    ),
}

"""Rules that can be switched off, in the simulation only, and what then happens instead.

The product has no such switch: each one puts something in the place of a name of the product while a run lasts
(`tools.fleet.swap`). docs/simulation.md tells within how many short seeds each is caught; a test keeps that true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from enum import Enum, unique
from typing import Any

from tools.fleet import switches
from tools.fleet.swap import swapped

Swap = tuple[object, str, Any]


@unique
class Rule(Enum):
    """Value: the rule, the hole or failure it closes, what happens instead, and the swaps."""

    R2_INTENT_LAZY = "R2", "H7", "an INTENT is not yet durable when the card is written", switches.intent_lazy
    R3_OUTCOME_LAZY = "R3, R6", "H7", "PAID and ABANDONED are not yet durable when shown", switches.outcome_lazy
    R3_PAID_ON_READ = (
        "R3",
        "H1",
        "paid when the record reads back though no acknowledgement came",
        switches.paid_on_read,
    )
    R3_PAID_UNASKED = "R3", "H1", "paid whether the card acknowledged or not", switches.paid_unasked
    R3_NEVER_IN_DOUBT = "R3", "H1", "what was not acknowledged counts as never sent", switches.never_in_doubt
    R4_NOT_BLANKED = "R4", "H8", "unreadable blocks are left as they are", switches.not_blanked
    R5_PAID_ON_SEEN = "R5", "H2", "a re-tap that sees the own record pays without writing", switches.paid_on_seen
    R6_VOID_ON_READ = "R6, R10", "H3", "a re-tap that sees the base sells again", switches.void_on_read
    R7_NAMES_REUSED = "R7", "H10", "records do not name their intents", switches.names_reused
    R8_BOUND_BY_READ = "R8", "H23", "what is only read raises a bound", switches.bound_by_read
    R9_DURABLE_ON_READ = "R9, R11", "H4", "an abandoned debit that somebody saw is refunded", switches.durable_on_read
    R11_REFUNDED_OPEN = "R11", "H6", "a durable sale still in doubt is refunded", switches.refunded_open
    R16_IN_PLACE = "R16", "H17", "a certificate is written over the copy in force", switches.in_place
    R16_BEFORE_ACKS = "R16", "H18", "a certificate is in force before its blocks are written", switches.in_force_first
    I05_BEYOND_GAPS = "I-05", "—", "records behind a gap are acknowledged", switches.beyond_gaps
    I04_TAKEN_TWICE = "I-04", "—", "a record that comes again counts again", switches.taken_twice
    F19_ANY_TAG = "F19", "F12", "an acknowledgement is believed whatever chain it names", switches.any_tag

    R8_NO_BOUND = "R8", "H12", "a terminal remembers no lower bound", switches.no_bound
    R13_NO_STATE = "R13", "H12", "a terminal does not look at the state table", switches.no_state
    R22_NO_CAP = "R22", "H12", "no cap on what a card may take between two syncs", switches.no_cap

    def __init__(self, rules: str, hole: str, instead: str, swaps: Callable[[], list[Swap]]) -> None:
        self.rules = rules
        self.hole = hole
        self.instead = instead
        self.swaps = swaps


@contextmanager
def off(rules: tuple[Rule, ...]) -> Iterator[None]:
    """Within it these rules do not hold."""
    with ExitStack() as swaps:
        for rule in rules:
            for owner, name, value in rule.swaps():
                swaps.enter_context(swapped(owner, name, value))
        yield


def without(*rules: Rule) -> Callable[[], AbstractContextManager[None]]:
    """As `tools.fleet.world.simulate` wants it."""
    return lambda: off(rules)

"""Shrinking: the smallest run that still breaks the same invariant.

Cards are left out, then terminals, then visits, then single faults, each by delta debugging (Zeller, Hildebrandt, IEEE
TSE 2002): whole parts first, halves of what is left after them. Every event draws from a stream of its own, so leaving
one out shifts no other; a fault decision that is spared is no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tools.fleet.report import Report, Violation
from tools.fleet.world import Plan

_Item = TypeVar("_Item", bound=Hashable)
Run = Callable[[Plan], Report]
RUNS = 300
"""Runs after which what was reached is good enough."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest plan found, what it breaks, and what it did last."""

    plan: Plan
    violation: Violation
    report: Report


class Shrinker:
    """Of one failing plan."""

    def __init__(self, run: Run, runs: int = RUNS) -> None:
        self._run = run
        self._left = runs

    def shrink(self, plan: Plan, found: Report) -> Shrunk:
        """`found` is the report of `plan`, which has a violation."""
        invariant = found.violations[0].invariant
        plan = replace(plan, until=found.ended_at)

        def fails(smaller: Plan) -> bool:
            self._left -= 1
            return any(each.invariant == invariant for each in self._run(smaller).violations)

        def without_cards(left_out: frozenset[int]) -> Plan:
            return replace(plan, without_cards=left_out)

        plan = replace(plan, without_cards=self._left_out(found.cards, lambda out: fails(without_cards(out))))
        terminals = tuple(range(1, found.terminals + 1))
        base = plan
        plan = replace(
            plan,
            without_terminals=self._left_out(terminals, lambda out: fails(replace(base, without_terminals=out))),
        )
        visits = self._run(plan).visits
        base = plan
        plan = replace(
            plan, without_visits=self._left_out(visits, lambda out: fails(replace(base, without_visits=out)))
        )
        tape = tuple((struck.event, struck.place) for struck in self._run(plan).tape)
        base = plan
        plan = replace(plan, spared=self._left_out(tape, lambda out: fails(replace(base, spared=out))))
        report = self._run(replace(plan, traced=True))
        same = [each for each in report.violations if each.invariant == invariant]
        return Shrunk(plan, same[0], report)

    def _left_out(self, items: Sequence[_Item], fails: Callable[[frozenset[_Item]], bool]) -> frozenset[_Item]:
        """As many of `items` as can be left out."""
        kept, everything, parts = list(items), frozenset(items), 2
        while kept and self._left > 0:
            size = max(1, len(kept) // parts)
            for start in range(0, len(kept), size):
                rest = kept[:start] + kept[start + size :]
                if self._left > 0 and fails(everything - frozenset(rest)):
                    kept, parts = rest, max(2, parts - 1)
                    break
            else:
                if size == 1:
                    break
                parts = min(len(kept), parts * 2)
        return everything - frozenset(kept)


def told(shrunk: Shrunk) -> list[str]:
    """For a person: what is left, and the last operations on the card."""
    plan, report = shrunk.plan, shrunk.report
    cards = len(report.cards) - len(plan.without_cards)
    faults = [f"{struck.fault.label} in {struck.event}" for struck in report.tape]
    uid = shrunk.violation.uid.hex()
    of_card = [line for line in report.operations if not uid or uid in line]
    return [
        f"{shrunk.violation.invariant}: {shrunk.violation.about} (card {uid or 'none'})",
        f"seed {plan.seed}: {cards} of {len(report.cards)} cards, {len(report.visits)} visits, faults: "
        + (", ".join(faults) or "none"),
        *of_card[-20:],
    ]

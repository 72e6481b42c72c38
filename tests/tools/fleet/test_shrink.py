"""A failing seed becomes a few visits, and its end is told."""

from __future__ import annotations

from tools.fleet.faults import Fault
from tools.fleet.report import Report
from tools.fleet.rules import Rule, without
from tools.fleet.shrink import Shrinker, told
from tools.fleet.world import Plan, simulate


def _run(plan: Plan) -> Report:
    return simulate(plan, lambda: 0.0, without(Rule.R8_BOUND_BY_READ))


def test_a_failing_seed_is_shrunk_to_its_last_operations() -> None:
    plan = Plan(1, 200, 2, (Fault.TEAR, Fault.WEAK_TEAR, Fault.WALK_OFF, Fault.WALK_ON), harsh=True)
    found = _run(plan)
    shrunk = Shrinker(_run, runs=80).shrink(plan, found)
    assert shrunk.violation.invariant == found.violations[0].invariant == "purse I7"
    assert len(shrunk.report.visits) < len(found.visits) // 4
    assert len(shrunk.report.tape) <= 3
    lines = told(shrunk)
    assert "CARD_BEHIND" in lines[0]
    assert 2 < len(lines) <= 22
    assert all(shrunk.violation.uid.hex() in line for line in lines[2:])


def test_what_was_shrunk_fails_again_by_itself() -> None:
    plan = Plan(1, 200, 2, (Fault.TEAR, Fault.WEAK_TEAR, Fault.WALK_OFF, Fault.WALK_ON), harsh=True)
    shrunk = Shrinker(_run, runs=30).shrink(plan, _run(plan))
    again = _run(shrunk.plan)
    assert [each.invariant for each in again.violations][:1] == [shrunk.violation.invariant]

"""Every fault really strikes, and a fleet survives each one alone, as often as a seed may ever have it."""

from __future__ import annotations

import pytest

from tools.fleet.faults import Fault
from tools.fleet.report import words
from tools.fleet.world import Plan, simulate

_NEEDS = {
    Fault.WALK_OFF: (Fault.TEAR,),
    Fault.WALK_ON: (Fault.TEAR,),
    Fault.CASH: (Fault.TEAR,),
    Fault.WRONG_CARD: (Fault.TEAR,),
}
"""A patron does these only when a till is in doubt."""
_SEEDS = 12


def _stopwatch() -> float:
    return 0.0


@pytest.mark.parametrize("fault", Fault, ids=[fault.label for fault in Fault])
def test_a_fault_strikes_and_costs_nobody_anything(fault: Fault) -> None:
    for seed in range(1, _SEEDS + 1):
        report = simulate(Plan(seed, 250, 2, (fault, *_NEEDS.get(fault, ())), harsh=True), _stopwatch)
        assert words(report.violations) == [], f"seed {seed}, {fault.label}"
        if report.faults[fault]:
            return
    pytest.fail(f"{fault.label} never struck in {_SEEDS} seeds")

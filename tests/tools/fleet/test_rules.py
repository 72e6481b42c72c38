"""Each rule switched off is caught within the stated number of short seeds; with the rule on the same seed is clean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.fleet.faults import Fault
from tools.fleet.report import words
from tools.fleet.rules import Rule, without
from tools.fleet.world import Plan, simulate

_PAGE = Path(__file__).parents[3] / "docs" / "simulation.md"
_TEARS = (Fault.TEAR, Fault.ANSWER_LOST, Fault.WALK_OFF, Fault.WALK_ON)


class Trial(NamedTuple):
    """Within how many seeds, from 1 on, of which plan."""

    within: int
    faults: tuple[Fault, ...] = tuple(Fault)
    taps: int = 200
    sites: int = 2
    cards: int = 0
    harsh: bool = False

    def plan(self, seed: int) -> Plan:
        return Plan(seed, self.taps, self.sites, self.faults, self.cards, self.harsh)


TRIALS = {
    Rule.R2_INTENT_LAZY: Trial(3, (*_TEARS, Fault.POWER_CUT), harsh=True),
    Rule.R3_OUTCOME_LAZY: Trial(6, (Fault.POWER_CUT,), harsh=True),
    Rule.R3_PAID_ON_READ: Trial(6, (Fault.TEAR, Fault.ANSWER_LOST), harsh=True),
    Rule.R3_PAID_UNASKED: Trial(2, _TEARS, harsh=True),
    Rule.R3_NEVER_IN_DOUBT: Trial(2, _TEARS, harsh=True),
    Rule.R4_NOT_BLANKED: Trial(4, (Fault.WEAK_TEAR, Fault.WALK_OFF, Fault.WALK_ON), 600, 2, 6, harsh=True),
    Rule.R5_PAID_ON_SEEN: Trial(3, (Fault.WEAK_TEAR,), harsh=True),
    Rule.R6_VOID_ON_READ: Trial(3, (*_TEARS, Fault.WEAK_TEAR), harsh=True),
    Rule.R7_NAMES_REUSED: Trial(4, _TEARS, harsh=True),
    Rule.R8_BOUND_BY_READ: Trial(3, (*_TEARS, Fault.WEAK_TEAR), harsh=True),
    Rule.R9_DURABLE_ON_READ: Trial(3, (*_TEARS, Fault.WEAK_TEAR), harsh=True),
    Rule.R11_REFUNDED_OPEN: Trial(4, _TEARS, harsh=True),
    Rule.R16_IN_PLACE: Trial(3, (Fault.TEAR,), harsh=True),
    Rule.R16_BEFORE_ACKS: Trial(2, (Fault.TEAR,), harsh=True),
    Rule.I05_BEYOND_GAPS: Trial(5, (Fault.REQUEST_LOST, Fault.HELD), 300, 4, harsh=True),
    Rule.I04_TAKEN_TWICE: Trial(3, (Fault.DOUBLED, Fault.REPLY_LOST), harsh=True),
    Rule.R8_NO_BOUND: Trial(4, (Fault.ROLLED_BACK, Fault.CLONED), harsh=True),
    Rule.R13_NO_STATE: Trial(5, (Fault.ROLLED_BACK, Fault.CLONED), 400, 2, 4, harsh=True),
    Rule.R22_NO_CAP: Trial(4, (Fault.ROLLED_BACK, Fault.CLONED), 400, 2, 4, harsh=True),
    Rule.F19_ANY_TAG: Trial(5, (Fault.OLD_REPLY, Fault.SD_RESTORED), harsh=True),
}


def _stopwatch() -> float:
    return 0.0


@pytest.mark.parametrize("rule", Rule, ids=[rule.name for rule in Rule])
def test_a_rule_switched_off_is_caught(rule: Rule) -> None:
    trial = TRIALS[rule]
    for seed in range(1, trial.within + 1):
        if simulate(trial.plan(seed), _stopwatch, without(rule)).violations:
            break
    else:
        pytest.fail(f"{rule.name} off: nothing found in {trial.within} seeds of {trial}")
    assert words(simulate(trial.plan(seed), _stopwatch).violations) == [], f"seed {seed} with every rule on: {trial}"


def test_the_page_tells_within_how_many_seeds() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", _PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {Rule[name]: int(within) for name, within in rows} == {rule: trial.within for rule, trial in TRIALS.items()}

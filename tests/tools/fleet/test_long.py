"""`make soak`: many long seeds; prints seeds, digests and what struck."""

from __future__ import annotations

import time

import pytest

from tools.fleet.faults import Fault
from tools.fleet.report import words
from tools.fleet.world import Plan, simulate

_SEEDS = 10
_TAPS, _SITES = 40_000, 30


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("place", range(_SEEDS))
def test_a_long_run_loses_nothing(place: int) -> None:
    seed = 1_000 + place
    report = simulate(Plan(seed, _TAPS, _SITES), time.process_time)
    print(f"seed {seed}, {report.taps} taps, {report.faults.total()} faults, digest {report.digest}")
    print(", ".join(f"{kind.label} {report.faults[kind]}" for kind in Fault if report.faults[kind]))
    assert words(report.violations) == [], f"onecard fleet --seed {seed} --taps {_TAPS} --sites {_SITES}"


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_many_short_harsh_seeds_lose_nothing() -> None:
    for seed in range(2_000, 2_300):
        report = simulate(Plan(seed, 400, 3, harsh=seed % 2 == 0), time.process_time)
        assert words(report.violations) == [], f"onecard fleet --seed {seed} --taps 400 --sites 3"

"""The fleet: short seeds hold, a seed is a run, and the command says what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tools.fleet.faults import Fault
from tools.fleet.report import Report, words
from tools.fleet.world import Plan, simulate

_ROOT = Path(__file__).parents[3]


def _stopwatch() -> float:
    return 0.0


def run(plan: Plan) -> Report:
    return simulate(plan, _stopwatch)


@pytest.mark.parametrize("seed", range(1, 9))
def test_no_invariant_breaks(seed: int) -> None:
    report = run(Plan(seed, taps=400, sites=3))
    assert words(report.violations) == [], f"onecard fleet --seed {seed} --taps 400 --sites 3"


def test_without_faults_every_order_is_paid_once() -> None:
    report = run(Plan(7, taps=300, sites=2, faults=()))
    assert (words(report.violations), report.faults.total(), report.excused_fen) == ([], 0, 0)


@pytest.mark.timeout(240)
def test_a_seed_is_one_run_whatever_the_hash_seed() -> None:
    digests: Counter[str] = Counter()
    command = [sys.executable, "-m", "tools.cli", "fleet", "--seed", "5", "--taps", "200", "--sites", "2", "--json"]
    for hash_seed in ("0", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_ROOT)}
        said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        digests[json.loads(said.stdout)["digest"]] += 1
    assert list(digests.values()) == [2]


def test_another_seed_is_another_run() -> None:
    assert run(Plan(5, taps=60, sites=1)).digest != run(Plan(6, taps=60, sites=1)).digest


def test_an_unknown_fault_is_refused_in_words() -> None:
    command = [sys.executable, "-m", "tools.cli", "fleet", "--seed", "1", "--faults", "earthquake"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert "earthquake" in said.stderr
    assert Fault.TEAR.label in said.stderr

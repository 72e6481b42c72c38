"""How many taps a second of one core's time the fleet simulation makes: a fleet without faults and one with all."""

from __future__ import annotations

import time

from tools.fleet.faults import Fault
from tools.fleet.world import Plan, simulate

_TAPS = 6_000
_SITES = 6
_SEED = 1


def measure() -> dict[str, float]:
    """`fleet_taps_per_s`, with every kind of fault allowed; `fleet_calm_taps_per_s`, with none."""
    figures = {}
    for name, faults in (("fleet_taps_per_s", tuple(Fault)), ("fleet_calm_taps_per_s", ())):
        report = simulate(Plan(_SEED, _TAPS, _SITES, faults), time.process_time)
        assert not report.violations, report.violations[0]
        figures[name] = report.taps / report.seconds
    return figures

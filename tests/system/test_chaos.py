"""The whole chain on real processes while everything is killed and cut: no record, no fen, no shown sale is lost."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys

import pytest

from tools.demo.storm import Target

_SHORT = 24
_LONG = 2000
_BLOWS = {target.value for target in Target}
_KILLS = {"at_any_moment", "between_intent_and_card_write", "between_card_write_and_paid"}


def _lived_through(taps: int, patrons: int, seed: int, seconds: float) -> dict[str, object]:
    options = ["--taps", str(taps), "--patrons", str(patrons), "--seed", str(seed), "--json"]
    command = [sys.executable, "-m", "tools.cli", "demo", "--chaos", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-3000:]}{done.stdout}"
    said: dict[str, object] = json.loads(done.stdout)
    assert said["cards"] == said["journals"] == said["server"]
    assert said["in_doubt"] == said["in_doubt_fen"] == said["alarms"] == said["behind"] == 0
    assert said["differences"] == []
    return said


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("demo")
def test_a_short_storm_kills_everything_once_and_loses_nothing() -> None:
    said = _lived_through(_SHORT, 6, 3, 390)
    assert said["blows"].keys() >= _BLOWS
    assert said["kills"].keys() >= _KILLS
    assert said["loads"]


@pytest.mark.soak
@pytest.mark.timeout(10_000)
@pytest.mark.xdist_group("demo")
def test_a_storm_of_thousands_of_taps_loses_nothing() -> None:
    seed = int(os.environ.get("ONECARD_CHAOS_SEED") or secrets.randbits(32))
    print(f"seed {seed} (ONECARD_CHAOS_SEED={seed} draws the same storm of {_LONG} taps)")
    print(json.dumps(_lived_through(_LONG, 12, seed, 9_900), ensure_ascii=False))

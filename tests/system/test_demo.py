"""The whole chain on real processes: one unattended day, told by three witnesses (I-02, I-05, I-08, I-11)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_TAPS = 45
_TEAR_MODES = {"before", "erased", "half", "weak", "after"}
_KILLS = {"between_intent_and_card_write", "between_card_write_and_paid"}


@pytest.mark.timeout(400)
@pytest.mark.xdist_group("demo")
def test_a_day_of_torn_taps_and_killed_terminals_adds_up_to_the_fen() -> None:
    command = [sys.executable, "-m", "tools.cli", "demo", "--unattended", "--taps", str(_TAPS), "--seed", "7", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=390, check=False)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
    said = json.loads(done.stdout)
    assert said["taps"] == _TAPS
    assert said["paid"] + said["declined"] + said["abandoned"] + said["in_doubt"] == _TAPS
    assert said["in_doubt"] == said["in_doubt_fen"] == 0
    assert said["cards"] == said["journals"] == said["server"]
    assert set(said["cards"]) == {"debited_fen", "loaded_fen", "records"}
    assert said["cards"]["debited_fen"] > 0
    assert said["paid"] > _TAPS // 2
    assert set(said["tears"]) == _TEAR_MODES
    assert set(said["kills"]) == _KILLS
    assert said["refunded"] > 0
    assert said["differences"] == []

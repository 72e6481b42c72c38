"""The harness separates what is known to break from what is known to hold: else its silence about us says nothing."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.calls import Call, Say
from tests.crash.medium import Coverage, Effort, Files, Medium, crash_points
from tests.crash.rivals import NOT_KEPT, found
from tests.crash.trace import record

_RECORDS = 6
_SEED = 4


def _outcome(engine: str, directory: Path, files: Files, promised: int, begun: int) -> str:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, content in files.items():
        if not name.endswith(NOT_KEPT):
            (directory / name).write_bytes(content)
    try:
        numbers = found(engine, directory)
    except Exception:
        return "unreadable"
    if numbers != list(range(len(numbers))) or len(numbers) > begun + 1:
        return "wrong"
    lost = promised + 1 - len(numbers)
    return "whole" if lost <= 0 else "lost the last" if lost == 1 else "lost more"


def _outcomes(engine: str, tmp_path: Path) -> Counter[str]:
    """Of all distinct states after the store was made, sectors whole."""
    root = tmp_path / "store"
    root.mkdir()
    run = record(root, ["-m", "tests.crash.rivals", engine, str(root), str(_RECORDS)], trace=tmp_path / "trace")
    assert run.status == 0, run.errors
    start = run.calls.index(Say(("created",)))
    calls: list[Call] = run.calls[start : run.calls.index(Say(("finished",)))]
    medium = Medium()
    for call in run.calls[:start]:
        medium.apply(call)
    medium.settle()
    outcomes: Counter[str] = Counter()
    seen = set()
    coverage = Coverage()
    for made, files in crash_points(medium, calls, Effort(48, tears=0), random.Random(_SEED), coverage):
        promised = sum(call.words[0] == "done" for call in calls[:made] if isinstance(call, Say))
        begun = sum(call.words[0] == "begin" for call in calls[:made] if isinstance(call, Say))
        key = hash((frozenset(files.items()), promised))
        if key not in seen:
            seen.add(key)
            outcomes[_outcome(engine, tmp_path / "state", files, promised, begun)] += 1
    print(f"{engine}: {sum(outcomes.values())} states, seed {_SEED}: {dict(outcomes)}; {coverage}")
    return outcomes


def test_tinydb_json_storage_becomes_unreadable(tmp_path: Path) -> None:
    outcomes = _outcomes("tinydb-json", tmp_path)
    assert outcomes["unreadable"] > 0
    assert outcomes["whole"] > 0


def test_sqlite_delete_full_loses_its_last_transaction_and_no_other(tmp_path: Path) -> None:
    """The rollback journal's unlink is not flushed: it comes back and undoes what was promised."""
    outcomes = _outcomes("sqlite-delete-full", tmp_path)
    assert outcomes["lost the last"] > 0
    assert set(outcomes) == {"whole", "lost the last"}


@pytest.mark.parametrize("engine", ["sqlite-delete-extra", "sqlite-wal-full", "lmdb"])
def test_a_store_that_holds_is_found_to_hold(tmp_path: Path, engine: str) -> None:
    outcomes = _outcomes(engine, tmp_path)
    assert set(outcomes) == {"whole"}
    assert outcomes["whole"] > 50

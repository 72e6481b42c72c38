"""A power cut at any call of a real terminal's taps, under every state model W allows: nothing promised is lost.

docs/journal-proof.md says what is searched, how far, and what is not claimed. The seed of a soak is drawn and printed;
ONECARD_CRASH_SEED repeats it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from onecard.errors import OnecardError
from tests.crash import trace
from tests.crash.calls import Call
from tests.crash.medium import Effort, Medium
from tests.crash.mutants import READERS, WRITERS
from tests.crash.promises import history, promises
from tests.crash.taps import OUT_OF_SERVICE
from tests.crash.verdict import Lost, Search, believes_no_ghost, prove, refuses_decay

Taps = Callable[..., trace.Run]
_QUICK = Search(seed=1, effort=Effort(24, tears=64), nested=80, nested_effort=Effort(16, tears=0))

_COARSE = Search(seed=1, effort=Effort(24, tears=0), nested=0, nested_effort=Effort(1, tears=0))


@pytest.fixture
def taps(tmp_path: Path) -> Taps:
    """Runs `taps` taps in a process of its own, recorded."""

    def run(count: int, shift: str, *mutant: str, inject: tuple[str, ...] = ()) -> trace.Run:
        root = tmp_path / "root"
        root.mkdir()
        arguments = ["-m", "tests.crash.taps", str(root / "journal"), str(count), shift, *mutant]
        return trace.record(root, arguments, inject=inject, trace=tmp_path / "trace")

    return run


def _flushed(calls: list[Call]) -> Medium:
    medium = Medium()
    for call in calls:
        medium.apply(call)
    return medium


def _inside(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name.removeprefix("journal/"): content for name, content in files.items()}


@pytest.mark.parametrize("shift", ["alone", "riding"])
def test_no_power_cut_loses_a_promised_record(taps: Taps, shift: str) -> None:
    run = taps(15, shift)
    assert run.status == 0, run.errors
    assert sum(isinstance(call, trace.Rename) for call in run.calls) >= 2, "the run turns a segment over"
    tally = prove(run.calls, _QUICK)
    print(f"15 taps {shift}: {tally}")
    assert tally.states > 1000
    assert tally.torn > 200
    assert tally.nested > 100


def test_no_power_cut_while_a_segment_is_given_back_loses_a_promised_record(taps: Taps) -> None:
    run = taps(4, "recycling")
    assert run.status == 0, run.errors
    tally = prove(run.calls, Search(1, Effort(24, tears=200), nested=80, nested_effort=Effort(16, tears=0)))
    print(f"4 taps recycling: {tally}")
    assert any(isinstance(c, trace.Rename) and c.target.startswith("journal/retired-") for c in run.calls)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("shift", ["alone", "riding", "recycling"])
@pytest.mark.parametrize(("count", "tears", "nested"), [(15, 1, 200), (200, 24, 100)])
def test_no_power_cut_in_a_long_shift_loses_a_promised_record(
    taps: Taps, shift: str, count: int, tears: int, nested: int
) -> None:
    seed = int(os.environ.get("ONECARD_CRASH_SEED") or secrets.randbits(32))
    print(f"{count} taps {shift}, seed {seed}")
    run = taps(count, shift)
    assert run.status == 0, run.errors
    search = Search(seed, Effort(64, tears), nested, Effort(32, tears=0))
    tally = prove(run.calls, search)
    print(f"{count} taps {shift}, seed {seed}: {tally}")


def test_a_failed_flush_and_then_a_power_cut_loses_no_promised_record(taps: Taps) -> None:
    """The failed segment is left for a fresh one, and what the failed flush covered may or may not be there."""
    run = taps(6, "riding", inject=("fdatasync:error=EIO:when=9",))
    assert run.status == 0, run.errors
    tally = prove(run.calls, Search(1, Effort(12, tears=200), nested=150, nested_effort=Effort(8, tears=0)))
    print(f"one flush failed: {tally}")
    assert tally.states > 500


@pytest.mark.parametrize("mutant", sorted(WRITERS))
def test_a_writer_without_one_of_its_syncs_is_caught(taps: Taps, mutant: str) -> None:
    run = taps(8, "riding", mutant)
    assert run.status == 0, run.errors
    with pytest.raises(Lost) as caught:
        prove(run.calls, _COARSE)
    print(f"{mutant}: {caught.value}")


@pytest.mark.parametrize("mutant", ["crc-ignored", "every-later-record-vouches", "tail-not-zeroed"])
def test_a_recovery_without_one_of_its_rules_is_caught(
    taps: Taps, mutant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = taps(8, "riding")
    for place, replacement in READERS[mutant].items():
        monkeypatch.setattr(place, replacement)
    with pytest.raises(Lost) as caught:
        prove(run.calls, _COARSE)
    print(f"{mutant}: {caught.value}")


def test_decay_of_a_record_that_something_vouches_for_is_told(taps: Taps) -> None:
    run = taps(4, "alone")
    refuses_decay(_inside(_flushed(run.calls).flushed()) | _mark(run), history(run.calls))


@pytest.mark.parametrize("mutant", ["mark-ignored", "no-later-record-vouches"])
def test_a_recovery_that_heeds_no_witness_is_caught(taps: Taps, mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = taps(4, "alone")
    for place, replacement in READERS[mutant].items():
        monkeypatch.setattr(place, replacement)
    with pytest.raises(Lost) as caught:
        refuses_decay(_inside(_flushed(run.calls).flushed()) | _mark(run), history(run.calls))
    print(f"{mutant}: {caught.value}")


def _mark(run: trace.Run) -> dict[str, bytes]:
    """The mark is never synced: as it was last written."""
    inode = next(c.inode for c in run.calls if isinstance(c, trace.Create) and c.name == "journal/DURABLE")
    return {"DURABLE": [c.content for c in run.calls if isinstance(c, trace.Write) and c.inode == inode][-1]}


_DEAD = ("fdatasync:error=EIO:when=14+", "fsync:error=EIO:when=12+")


def test_pages_of_a_failed_flush_are_dropped_before_they_are_believed(taps: Taps) -> None:
    """The disk fails for good, the process ends, the next start reads what the medium has, not what the cache shows."""
    run, medium = _died(taps)
    believes_no_ghost(_inside(medium.flushed()), _inside(medium.ghosts()), promises(run.calls)[-1], history(run.calls))


def test_a_recovery_that_believes_the_page_cache_is_caught(taps: Taps, monkeypatch: pytest.MonkeyPatch) -> None:
    run, medium = _died(taps)
    monkeypatch.setattr("tests.crash.memory_disk.MemoryDisk.drop_cache", lambda *_: None)
    with pytest.raises((Lost, OnecardError)) as caught:
        believes_no_ghost(
            _inside(medium.flushed()), _inside(medium.ghosts()), promises(run.calls)[-1], history(run.calls)
        )
    print(f"page cache not dropped: {caught.value}")


def _died(taps: Taps) -> tuple[trace.Run, Medium]:
    """Of a process whose flush failed in its first segment, and every file sync after it."""
    run = taps(8, "riding", inject=_DEAD)
    assert run.status == OUT_OF_SERVICE, run.errors
    medium = _flushed(run.calls)
    assert [name for name in medium.flushed() if "seg-" in name and name not in medium.ghosts()] == []
    return run, medium

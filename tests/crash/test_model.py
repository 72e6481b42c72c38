"""The harness itself: the model allows what it says, no more; the recorder sees what the process did."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash import trace
from tests.crash.calls import Call, Create, MakeDirectory, Rename, Resize, Sync, SyncDirectory, Unlink, Write
from tests.crash.medium import SECTOR, Coverage, Effort, Files, Medium
from tests.crash.rivals import ENGINES, NOT_KEPT

_OLD = b"o" * SECTOR
_NEW = b"n" * SECTOR


def _states(medium: Medium, *calls: Call, tears: int = 0) -> list[Files]:
    for call in calls:
        medium.apply(call)
    states: list[Files] = []
    for files in medium.crash_states(Effort(1000, tears), random.Random(0), Coverage(), last=True):
        if files not in states:
            states.append(files)
    return states


def test_each_sector_is_old_or_new_whatever_the_others_are() -> None:
    states = _states(Medium({"f": _OLD * 2}), Write(1, 0, _NEW * 2))
    assert sorted(s["f"] for s in states) == sorted([_OLD * 2, _NEW * 2, _OLD + _NEW, _NEW + _OLD])


def test_a_sector_written_twice_may_hold_any_of_its_versions() -> None:
    states = _states(Medium({"f": _OLD}), Write(1, 0, b"a"), Write(1, 0, b"b"))
    assert sorted(s["f"][:1] for s in states) == [b"a", b"b", b"o"]


def test_a_size_changes_whatever_the_sectors_hold() -> None:
    states = _states(Medium({"f": b"ab"}), Write(1, 2, b"cd"))
    assert sorted(s["f"] for s in states) == [b"ab", b"ab\0\0", b"abcd"]
    assert sorted(s["f"] for s in _states(Medium({"f": b"ab"}), Resize(1, 1))) == [b"a", b"a\0", b"ab"]


def test_a_file_emptied_and_filled_with_zeros_may_keep_any_of_its_sectors() -> None:
    states = _states(Medium({"f": _OLD * 2}), Resize(1, 0), Write(1, 0, bytes(1024)))
    zeros = bytes(SECTOR)
    assert {s["f"] for s in states} >= {_OLD * 2, zeros * 2, _OLD + zeros, zeros + _OLD, b""}


def test_a_sync_leaves_one_version() -> None:
    assert _states(Medium({"f": _OLD}), Write(1, 0, _NEW), Sync(1)) == [{"f": _NEW}]


def test_after_a_failed_sync_a_good_one_promises_nothing() -> None:
    states = _states(Medium({"f": _OLD}), Write(1, 0, _NEW), Sync(1, failed=True), Sync(1))
    assert sorted(s["f"] for s in states) == [_NEW, _OLD]


def test_names_take_effect_in_any_subset_and_in_order() -> None:
    states = _states(Medium(), Create("a", 1), Rename("a", "b"))
    assert sorted(sorted(s) for s in states) == [[], ["a"], ["b"]]
    states = _states(Medium({"a": b"1", "b": b"2"}), Unlink("a"), Rename("b", "a"))
    assert sorted(sorted(s.items()) for s in states) == [
        [("a", b"1"), ("b", b"2")],
        [("a", b"2")],
        [("b", b"2")],
    ]


def test_neither_a_files_sync_keeps_its_name_nor_a_directorys_its_content() -> None:
    assert {} in _states(Medium(), Create("a", 1), Write(1, 0, b"x"), Sync(1))
    assert {"a": b""} in _states(Medium(), Create("a", 1), Write(1, 0, b"x"), SyncDirectory("."))


def test_a_file_is_lost_with_its_directory() -> None:
    calls = MakeDirectory("d"), Create("d/a", 1), SyncDirectory("d")
    assert sorted(sorted(s) for s in _states(Medium(), *calls)) == [[], ["d/a"]]


def test_a_torn_sector_changes_no_byte_that_was_not_written() -> None:
    states = _states(Medium({"f": b"o" * 8}), Write(1, 2, b"nnn"), tears=1)
    contents = {s["f"] for s in states}
    assert {b"oonooooo", b"oonnoooo", b"oonnnooo", b"ooonnooo", b"oooonooo", b"oo\xff\xff\xffooo"} <= contents
    assert all((c[:2], c[5:]) == (b"oo", b"ooo") for c in contents)


def _replayed(calls: list[Call]) -> Files:
    medium = Medium()
    for call in calls:
        medium.apply(call)
    return medium.seen()


def _real(root: Path) -> Files:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


_SCRIPT = """
import os, sys
root = sys.argv[1]
a = os.open(root + "/a", os.O_RDWR | os.O_CREAT)
os.write(a, b"hello "); b = os.dup(a); os.write(b, b"world"); os.lseek(a, 2, os.SEEK_SET); os.write(b, b"LL")
os.pwrite(a, b"!", 20); os.pwritev(a, [b"x", b"yz"], 12); os.ftruncate(a, 18); os.close(a); os.fsync(b)
c = os.open(root + "/c", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(c, b"one"); os.lseek(c, 0, os.SEEK_SET); os.writev(c, [b"two", b"three"])
os.rename(root + "/c", root + "/d"); os.truncate(root + "/d", 5); os.posix_fallocate(c, 0, 9)
os.mkdir(root + "/e"); os.close(os.open(root + "/e/f", os.O_CREAT | os.O_WRONLY)); os.unlink(root + "/a")
os.write(os.open(root + "/a", os.O_CREAT | os.O_RDWR | os.O_DSYNC), b"again")
"""


def test_what_was_recorded_replays_into_the_files_that_are_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    run = trace.record(root, ["-c", _SCRIPT, str(root)], trace=tmp_path / "trace")
    assert run.status == 0, run.errors
    assert _replayed(run.calls) == _real(root)
    assert len(_real(root)) == 3
    assert sum(isinstance(call, Sync) for call in run.calls) == 2


@pytest.mark.parametrize("engine", ["journal", *sorted(ENGINES)])
def test_a_recorded_store_replays_into_the_files_that_are_there(tmp_path: Path, engine: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    arguments = ["tests.crash.rivals", engine, str(root), "4"]
    if engine == "journal":
        arguments = ["tests.crash.taps", str(root / "journal"), "12", "riding"]
    run = trace.record(root, ["-m", *arguments], trace=tmp_path / "trace")
    assert run.status == 0, run.errors
    mapped = {name for name in _real(root) if name.endswith(NOT_KEPT)}
    replayed = _replayed(run.calls)
    assert {n: c for n, c in replayed.items() if n not in mapped} == {
        n: c for n, c in _real(root).items() if n not in mapped
    }
    assert replayed


def test_a_missing_recorder_is_an_error_that_names_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(trace.StraceMissing, match="make setup"):
        trace.record(tmp_path, ["-c", ""], trace=tmp_path / "trace")

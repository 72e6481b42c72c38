"""A real process meets real faults: a kill, flushes and writes that fail, space that ends, a disk gone read-only.

What it promised before is in its real directory afterwards, whatever it met. Kills at random moments, a model of failed
flushes, truncation at every byte and every flipped bit: tests/onecard/journal/test_crash.py and test_damage.py.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash import trace
from tests.crash.calls import Say, Sync, SyncDirectory, Write
from tests.crash.promises import history, promises
from tests.crash.taps import OUT_OF_SERVICE
from tests.crash.verdict import judge

_TAPS = 4
_WRITES, _FLUSHES = 30, 13
_FAULTS = {
    "flush-eio": ("fdatasync:error=EIO:when={n}",),
    "flush-eio-for-good": ("fdatasync:error=EIO:when={n}+", "fsync:error=EIO:when={opened}+"),
    "write-enospc": ("pwrite64:error=ENOSPC:when={n}",),
    "write-eio-for-good": ("pwrite64:error=EIO:when={n}+",),
    "write-short": ("pwrite64:retval=20:when={n}",),
    "read-only-underneath": ("pwrite64:error=EROFS:when={n}+", "rename:error=EROFS:when=2+"),
    "killed-at-a-write": ("pwrite64:signal=SIGKILL:when={n}",),
    "killed-at-a-flush": ("fdatasync:signal=SIGKILL:when={n}",),
}


@dataclass(frozen=True, slots=True)
class Making:
    """How many calls make the journal, before its first record: no fault is aimed at those."""

    writes: int
    syncs: int  # of files and directories, by fsync


@pytest.fixture(scope="module")
def making(tmp_path_factory: pytest.TempPathFactory) -> Making:
    place = tmp_path_factory.mktemp("making")
    (place / "root").mkdir()
    arguments = ["-m", "tests.crash.taps", str(place / "root/journal"), str(_TAPS), "riding"]
    calls = trace.record(place / "root", arguments, trace=place / "trace").calls
    made = calls[: calls.index(Say(("created",)))]
    return Making(
        writes=sum(isinstance(call, Write) for call in made),
        syncs=sum(isinstance(call, Sync | SyncDirectory) for call in made),
    )


def _meet(tmp_path: Path, fault: str, at: int, making: Making) -> tuple[trace.Run, int]:
    root = tmp_path / f"{fault}-{at}"
    root.mkdir()
    call = at if "flush" in fault else making.writes + at
    expressions = tuple(part.format(n=call, opened=making.syncs + 2) for part in _FAULTS[fault])
    arguments = ["-m", "tests.crash.taps", str(root / "journal"), str(_TAPS), "riding"]
    run = trace.record(root, arguments, inject=expressions, trace=tmp_path / "trace")
    promise = promises(run.calls)[-1]
    files = {path.name: path.read_bytes() for path in (root / "journal").iterdir()}
    judge(files, promise, history(run.calls))
    return run, promise.durable


def _ended(fault: str, run: trace.Run) -> None:
    if fault.startswith("killed"):
        assert run.status != 0
    elif fault in ("flush-eio", "write-enospc", "write-short"):
        assert run.status == 0, f"one fault is survived: {run.errors}"
    else:
        assert run.status in (0, OUT_OF_SERVICE), run.errors


@pytest.mark.parametrize("fault", sorted(_FAULTS))
def test_a_process_that_meets_a_fault_keeps_what_it_promised(tmp_path: Path, fault: str, making: Making) -> None:
    kept = []
    for at in (6, 11) if "flush" in fault else (7, 20):
        run, durable = _meet(tmp_path, fault, at, making)
        _ended(fault, run)
        kept.append(durable)
    assert all(kept), "records were promised before the fault"


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("fault", sorted(_FAULTS))
def test_a_process_that_meets_a_fault_at_any_call_keeps_what_it_promised(
    tmp_path: Path, fault: str, making: Making
) -> None:
    for at in range(1, 1 + (_FLUSHES if "flush" in fault else _WRITES)):
        run, durable = _meet(tmp_path, fault, at, making)
        print(f"{fault} at call {at}: status {run.status}, {durable} records promised and found")
        _ended(fault, run)


_REMOUNT = """
set -e
mount -t tmpfs tmpfs "$1"
"$2" -m tests.crash.taps "$1/journal" 3 riding > "$3"
mount -o remount,ro "$1"
"$2" -m tests.crash.read_only "$1/journal"
mount -o remount,rw "$1"
"$2" -m tests.crash.read_only "$1/journal"
"""


def test_a_disk_remounted_read_only_is_out_of_service_and_still_read(tmp_path: Path) -> None:
    """A mount namespace of its own; where the kernel forbids those, this fails: run it as root."""
    place = tmp_path / "disk"
    place.mkdir()
    said = tmp_path / "said"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _REMOUNT, "sh"]
    done = subprocess.run(
        [*command, str(place), sys.executable, str(said)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{done.stderr} (needs mount namespaces: run the tests as root)"
    promised = [line.split()[1] for line in said.read_text().splitlines() if line.startswith(("done", "flushed"))][-1]
    assert done.stdout.splitlines() == [
        f"out of service, {promised} records read",
        f"in service, {promised} records read",
    ]

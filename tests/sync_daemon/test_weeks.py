"""Weeks without a server: how often it is tried, and that nothing grows meanwhile. Time is moved, never waited for."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_daemon.daemon import POLL_SECONDS, Daemon
from sync_daemon.pace import Pace
from sync_daemon.uplink import ServerAway
from tests.sync_daemon.till import MADE_AT, Till

_WEEK = 7 * 86_400
_PACE = Pace(idle_seconds=1, heartbeat_seconds=30, retry_first_seconds=0.5, retry_cap_seconds=3600)
_GROWTH = 64 << 10
"""Bytes that a daemon may hold more after weeks than after its first day: less than one per try."""
_OURS = [tracemalloc.Filter(True, f"*/{part}/*") for part in ("sync_daemon", "onecard")]
"""What these modules ask for: another test's threads may run in this process."""


class _Away:
    """A daemon whose server is away, its time moved from one try to the next."""

    def __init__(self, data: Path, seed: int = 8, answer: bytes | None = None) -> None:
        """`answer` is what somebody answers who is no server."""
        self._answer = answer
        self.now = 0.0
        self.tried_at: list[float] = []
        self.lines = 0
        self.daemon = Daemon(
            data,
            self._post,
            _PACE,
            wall=lambda: MADE_AT + int(self.now),
            monotonic=lambda: self.now,
            random=random.Random(seed).random,
            log=self._count,
        )

    def until(self, end: float) -> None:
        """Steps on; a wait is passed over at once, as no record is written meanwhile."""
        while self.now < end:
            pause = self.daemon.step()
            due = self.daemon.due_at
            self.now = max(self.now + pause, min(end, due)) if pause >= POLL_SECONDS else self.now + pause

    def _post(self, path: str, body: bytes) -> bytes:
        self.tried_at.append(self.now)
        if self._answer is not None:
            return self._answer
        raise ServerAway("https://server", f"nobody answers {self.now}")

    def _count(self, line: str) -> None:
        self.lines += 1


@pytest.fixture
def away(till: Till) -> Iterator[_Away]:
    till.write(30)
    away = _Away(till.data)
    yield away
    away.daemon.close()


def test_a_wait_is_never_longer_than_the_cap_and_never_shorter_than_half_of_it(away: _Away) -> None:
    away.until(3 * _WEEK)
    waits = [after - before for before, after in zip(away.tried_at, away.tried_at[1:], strict=False)]
    assert max(waits) <= _PACE.retry_cap_seconds + POLL_SECONDS
    assert min(waits[16:]) >= _PACE.retry_cap_seconds / 2
    assert 3 * _WEEK / 3600 <= len(away.tried_at) <= 3 * _WEEK / 1800 + 16


def test_a_fleet_that_lost_its_server_together_does_not_come_back_together(tmp_path: Path) -> None:
    seconds = set()
    for seed in range(8):
        till = Till(tmp_path / f"till-{seed}", segments=4)
        till.write(1)
        away = _Away(till.data, seed)
        away.until(86_400)
        seconds.add(int(away.tried_at[-1]))
        away.daemon.close()
        till.close()
    assert len(seconds) == 8


def test_weeks_without_a_server_hold_no_more_memory_than_a_day(away: _Away) -> None:
    away.until(86_400)
    away.tried_at.clear()
    tracemalloc.start()
    for week in range(1, 5):
        away.until(week * _WEEK)
        away.tried_at.clear()
    gc.collect()
    held = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(_OURS).traces)
    tracemalloc.stop()
    assert held < _GROWTH


def test_weeks_without_a_server_leave_no_more_on_the_disk_and_few_lines_in_the_log(away: _Away, till: Till) -> None:
    def taken() -> int:
        return sum(file.stat().st_size for file in till.data.rglob("*") if file.is_file())

    away.until(86_400)
    first_day, names = taken(), sorted(till.data.rglob("*"))
    away.until(4 * _WEEK)
    assert sorted(till.data.rglob("*")) == names
    assert abs(taken() - first_day) < 256, "only the numbers in the status differ"
    assert away.lines < 30


def test_a_server_that_answers_nothing_of_use_for_weeks_fills_neither(till: Till) -> None:
    """Answers that cannot be believed are not kept."""
    away = _Away(till.data, answer=bytes(1000))
    away.until(_WEEK)
    assert away.lines < 30
    assert [file for file in (till.data / "inbox").rglob("*") if file.is_file()] == []
    away.daemon.close()

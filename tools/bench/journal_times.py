"""Timing several engines side by side, so that noise hits all alike: in blocks, the order shuffled anew each round.

Where the user may, the process is timed under the real-time scheduler: on a machine with other work a run would
otherwise measure the 4 ms that the scheduler gives to others.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from tools.bench.journal_records import taps
from tools.bench.journal_rivals import Insert

Engine: TypeAlias = Callable[[], AbstractContextManager[Insert]]
Times: TypeAlias = dict[str, list[float]]

_ROUNDS, _BLOCK = 24, 25


def interleave(engines: Mapping[str, Engine], slow: Collection[str]) -> Times:
    """Seconds of each durable insert, engine by engine; those named in `slow` insert one record a round, not 25."""
    records = taps()
    rng = random.Random(0)  # noqa: S311 - an order, not a secret
    times: Times = {name: [] for name in engines}
    with ExitStack() as opened:
        inserts = {name: opened.enter_context(engine()) for name, engine in engines.items()}
        opened.enter_context(real_time())
        for number in range(_ROUNDS):
            for name in rng.sample(list(inserts), len(inserts)):
                block = 1 if name in slow else _BLOCK
                at = number * block % (len(records) - block)
                _time(inserts[name], records[at : at + block], times[name])
    return times


@contextmanager
def real_time() -> Iterator[None]:
    """Runs under SCHED_FIFO where the user may (sched(7)), as before where not."""
    before = os.sched_getscheduler(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))


def p50(times: list[float]) -> float:
    """The median."""
    return statistics.median(times)


def print_times(times: Times, bare: str, place: Path) -> None:
    """A table of all, each also as a ratio to the engine named `bare`."""
    base = p50(times[bare])
    load = os.getloadavg()[0]
    title = f"a durable record on {_file_system(place)}; one write and flush: {base * 1e6:.0f} µs; load {load:.1f}"
    table = Table("engine", "n", "p50 µs", "p90", "p99", "÷ bare", title=title)
    for name, each in sorted(times.items(), key=lambda pair: p50(pair[1])):
        cuts = statistics.quantiles(each, n=100, method="inclusive")
        figures = (f"{cuts[percent - 1] * 1e6:.0f}" for percent in (50, 90, 99))
        table.add_row(name, str(len(each)), *figures, f"{p50(each) / base:.2f}")
    Console().print(table)


def _time(insert: Insert, records: list[tuple[int, bytes]], times: list[float]) -> None:
    for kind, payload in records:
        start = time.perf_counter()
        insert(kind, payload)
        times.append(time.perf_counter() - start)


def _file_system(place: Path) -> str:
    """Kind, device and whether a jbd2 journal runs, of the file system under `place`."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    under = [(len(at), kind, device) for device, at, kind, *_ in mounts if place.resolve().is_relative_to(at)]
    _, kind, device = max(under)
    journals = Path("/proc/fs/jbd2")
    jbd2 = journals.exists() and any(path.name.startswith(Path(device).name + "-") for path in journals.iterdir())
    return f"{kind} ({device}, {'with' if jbd2 else 'without'} a jbd2 journal)"

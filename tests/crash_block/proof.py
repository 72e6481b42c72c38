"""One program on the recording disk, then every crash state of it judged. Runs inside the sandbox.

    python -m tests.crash_block.proof SEED LAST taps COUNT alone|riding [MUTANT]
    python -m tests.crash_block.proof SEED LAST ghost [MUTANT]
    python -m tests.crash_block.proof SEED LAST fault COUNT flushes|writes SKIP
    python -m tests.crash_block.proof SEED LAST rival NAME COUNT

LAST: judge only so many states from the end, 0 for all. Prints one JSON object: how many states there are and were
judged, how many of them out of an exhaustive list, and how many met each fate.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from onecard.errors import OnecardError
from onecard.journal import BootInfo, Journal
from onecard.journal.check import check_journal
from onecard.kinds import ClockQuality
from tests.crash.calls import Call, Say
from tests.crash.promises import history, promises
from tests.crash.rivals import found
from tests.crash.taps import KEY, LONG, OUT_OF_SERVICE, SEGMENT_SIZE, TERMINAL
from tests.crash.verdict import judge
from tools.blockdisk.disk import MIB, RecordingDisk, recording_disk
from tools.blockdisk.replay import replay
from tools.blockdisk.sandbox import scratch
from tools.blockdisk.states import crash_states, epochs_of, marks_of

_SIZE = 12 * MIB
_PLACE = "journal"
_TAPS, _GHOST, _RIVALS = "tests.crash.taps", "tests.crash_block.ghost", "tests.crash.rivals"

Judge: TypeAlias = Callable[[Path, list[str]], str]
"""The directory of one crash state and what was said before it → its fate."""


def main(seed: str, last: str, what: str, *rest: str) -> None:
    """Runs what the command line says."""
    fault, judged = "", _judge_journal
    match what, rest:
        case "taps", arguments:
            command = [_TAPS, "", *arguments]
        case "ghost", arguments:
            command = [_GHOST, "", *arguments]
        case "fault", (count, call, skip):
            command, fault = [_TAPS, "", count, "riding"], f"fail {call} {skip} 1"
        case "rival", (name, count):
            command, judged = [_RIVALS, name, count], partial(_judge_rival, name)
        case _:
            sys.exit(__doc__)
    print(json.dumps(_prove(command, fault, judged, int(seed), int(last))))


def _prove(command: list[str], fault: str, judged: Judge, seed: int, last: int) -> dict[str, object]:
    module, *arguments = command
    with scratch() as folder:
        with recording_disk(folder, _SIZE) as disk:
            if fault:
                disk.command(fault)
            if module == _RIVALS:
                (disk.files / _PLACE).mkdir()
            status = _run(disk, module, *arguments)
            events, image = disk.events(), disk.image()
        epochs, said = epochs_of(events), marks_of(events)
        states = crash_states(image, epochs, seed)
        fates: Counter[str] = Counter()
        first: dict[str, str] = {}
        for state, files in replay(folder, image, epochs, states[-last:]):
            fate, why = "unmountable", ""
            if files is not None:
                fate, _, why = judged(files / _PLACE, said[: epochs[state.epoch].marks]).partition(": ")
            fates[fate] += 1
            first.setdefault(fate, f"after flush {state.epoch}, sectors {sorted(state.changes)[:8]}: {why}")
    return {
        "seed": seed,
        "status": status,
        "promises": len(said),
        "promises_before_fault": next((e.marks for e in epochs if not e.kept), None),
        "flushes": len(epochs) - 1,
        "states": len(states),
        "judged": sum(fates.values()),
        "exhaustive": sum(state.exhaustive for state in states[-last:]),
        "fates": fates,
        "first": first,
    }


def _run(disk: RecordingDisk, module: str, name: str, *arguments: str) -> int:
    """The program under proof, a process of its own; each line it says is a mark on the disk."""
    place = disk.files / _PLACE
    with disk.marks.open("wb", buffering=0) as marks:
        command = [sys.executable, "-m", module, *([name] if name else []), str(place), *arguments]
        ended = subprocess.run(command, stdout=marks, stderr=subprocess.PIPE, text=True, check=False)
    if ended.returncode not in (0, OUT_OF_SERVICE):
        sys.exit(ended.stderr)
    return ended.returncode


def _judge_journal(place: Path, said: list[str]) -> str:
    """The rules of tests/crash/verdict.py on the files as jbd2 left them; then the real ones, opened and added to."""
    calls: list[Call] = [Say(tuple(line.split())) for text in said for line in text.splitlines()]
    records, promise = history(calls), promises(calls)[-1]
    files = {path.name: path.read_bytes() for path in place.iterdir()} if place.exists() else {}
    try:
        survived = judge(files, promise, records)
        if survived is None:
            _make(place)
        found = _append(place)
        if found != (max(survived.records) - 2 if survived else 0):
            return f"lost: the real files end at {found}, the same bytes in memory elsewhere"
        if (again := _append(place)) != found + 2:
            return f"lost: appended to after {found}, the next opening found {again}"
        if damage := check_journal(place, KEY).damage:
            return f"damaged: {damage[0]}"
    except (AssertionError, OnecardError, KeyError) as error:
        return f"lost: {error!r}"
    return "held"


def _judge_rival(engine: str, place: Path, said: list[str]) -> str:
    words = [text.split() for text in said]
    promised = sum(word[0] in ("created", "done") for word in words)
    begun = 1 + sum(word[0] == "begin" for word in words)
    if promised == 0:
        return "held"  # not yet made
    try:
        numbers = found(engine, place)
    except Exception as error:  # whatever the engine raises: that is its fate
        return f"unreadable: {error!r}"
    if numbers != list(range(len(numbers))) or len(numbers) > begun:
        return f"wrong: {numbers}"
    match promised - len(numbers):
        case 1:
            return "lost the last"
        case missing:
            return "held" if missing <= 0 else f"lost: {missing} records"


def _make(place: Path) -> None:
    """A making that was cut short, and of which nothing was said, is made again."""
    Journal.create(place, terminal=TERMINAL, chain_key=KEY, salt=bytes, segment_size=SEGMENT_SIZE, segments=2)


def _append(place: Path) -> int:
    """Opens and adds a record; returns the last sequence found."""
    info = BootInfo(bytes(8), 2_000_000_000, ClockQuality.KEPT, "block")
    with Journal.open(place, chain_key=KEY, boot=info, random=bytes) as journal:
        journal.append(LONG, b"after the cut", durable=True)
        return journal.recovery.last_sequence


if __name__ == "__main__":
    main(*sys.argv[1:])

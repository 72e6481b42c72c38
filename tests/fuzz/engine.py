"""Lies told to a target, and the judgement on what came of them.

A mutant is a valid input with one to three lies. What the target took is lied about in its turn now and then, so that a
long search gets away from where it began.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from types import FrameType, TracebackType
from typing import Any

from tests.fuzz.corpus import corpus
from tests.fuzz.target import Target

_LIES = (1, 1, 1, 1, 2, 3)
_LONGEST = 4096
_TAKEN_MAX = 64
_MEMORY_EVERY, _LINES_EVERY = 8, 256


class _Told:
    """Adds the input to whatever leaves the block, so that it can be kept as a file of the corpus."""

    def __init__(self, target: Target, raw: bytes) -> None:
        self._target = target
        self._raw = raw

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            error.add_note(f"{self._target.name} was given {len(self._raw)} bytes: {self._raw[:8192].hex()}")


_REFUSED = object()


def judge(target: Target, raw: bytes) -> bool:
    """Whether the target takes `raw`. An error that is not documented, or a value that disagrees, is raised."""
    with _Told(target, raw):
        return _agreed(target, raw, _value(target, raw))


def check_memory(target: Target, raw: bytes) -> tuple[bool, int]:
    """As `judge`, and the most bytes that Python allocates while it parses, within the budget."""
    flat, each = target.budget.memory
    with _Told(target, raw):
        tracemalloc.start()
        try:
            value = _value(target, raw)
            _, used = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert used <= flat + each * len(raw), f"{target.name} takes {used} bytes for an input of {len(raw)}"
        return _agreed(target, raw, value), used


def check_lines(target: Target, raw: bytes) -> int:
    """As `judge`, and the lines of Python that parsing runs, within the budget."""
    flat, each = target.budget.lines
    count = 0

    def traced(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return traced

    with _Told(target, raw):
        before = sys.gettrace()
        sys.settrace(traced)
        try:
            value = _value(target, raw)
        finally:
            sys.settrace(before)
        assert count <= flat + each * len(raw), f"{target.name} runs {count} lines for an input of {len(raw)} bytes"
        _agreed(target, raw, value)
    return count


def _value(target: Target, raw: bytes) -> Any:
    try:
        return target.parse(raw)
    except target.refusals:
        return _REFUSED


def _agreed(target: Target, raw: bytes, value: Any) -> bool:
    if value is _REFUSED:
        return False
    assert target.agrees(raw, value), f"{target.name} gives {value!r}, which is not these bytes"
    return True


def mutant(target: Target, source: Random, valid: Sequence[bytes]) -> bytes:
    """One of `valid` with one to three lies, at most 4 KiB, its checksums right or not."""
    raw = source.choice(valid)
    for _ in range(source.choice(_LIES)):
        raw = source.choice(target.lies)(source, raw, valid)[:_LONGEST]
    if target.resealed is not None and source.randrange(2):
        raw = target.resealed(raw)
    return raw


@dataclass(slots=True)
class Tally:
    """What a search saw."""

    inputs: int = 0
    taken: int = 0
    most_memory: int = 0
    most_lines: int = 0


def search(target: Target, source: Random, count: int) -> Tally:
    """`count` mutants judged; the memory of each 8th and the lines of each 256th are within the budget."""
    tally = Tally()
    valid = corpus(target)
    begun = len(valid)
    for number in range(count):
        raw = mutant(target, source, valid)
        if number % _MEMORY_EVERY:
            taken = judge(target, raw)
        else:
            taken, memory = check_memory(target, raw)
            tally.most_memory = max(tally.most_memory, memory)
        if taken:
            if len(valid) < begun + _TAKEN_MAX:
                valid.append(raw)
            else:
                valid[begun + source.randrange(_TAKEN_MAX)] = raw
        if number % _LINES_EVERY == 0:
            tally.most_lines = max(tally.most_lines, check_lines(target, raw))
        tally.inputs += 1
        tally.taken += taken
    return tally

"""A target: one parser of outside bytes, and what may come of feeding it anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from onecard.errors import OnecardError

Lie: TypeAlias = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""Makes one thing false in a valid input; what else is valid may be borrowed from."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one input may cost: a flat amount and an amount for each of its bytes.

    Memory is the peak of what Python allocates while it is parsed (tracemalloc), in bytes. Work is Python lines run: no
    clock, so the same on every machine. What C does in one call (a checksum, a search) is not counted.
    """

    memory: tuple[int, int] = (64 << 10, 16)
    lines: tuple[int, int] = (2_000, 8)


@dataclass(frozen=True, slots=True)
class Target:
    """`parse` gives a value, for which `agrees` with the bytes must hold, or raises one of `refusals`; nothing else.

    `seeds` are valid inputs beside the files of corpus/<name>/. `lies` are drawn from evenly. `resealed` puts right
    what would refuse a lie before it is read (a checksum, a MAC); half of the mutants go through it. `bombs` cost too
    much where no limit holds.
    """

    name: str
    seeds: Callable[[], Iterable[bytes]]
    parse: Callable[[bytes], Any]
    refusals: tuple[type[OnecardError], ...]
    agrees: Callable[[bytes, Any], bool]
    lies: Sequence[Lie]
    bombs: Callable[[], dict[str, bytes]]
    resealed: Callable[[bytes], bytes] | None = None
    budget: Budget = field(default_factory=Budget)


def reads_back(encode: Callable[[Any], bytes]) -> Callable[[bytes, Any], bool]:
    """For a canonical format: a value is accepted only from the bytes that encode it."""
    return lambda raw, value: encode(value) == raw


def is_any(raw: bytes, value: object) -> bool:
    """For a format with more than one form of a value: nothing beyond its type can be asked."""
    return True


class NoValue(OnecardError):
    """A parser that answers None where others raise."""


def or_no_value(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """`parse`, with `NoValue` for None."""

    def parsed(raw: bytes) -> Any:
        value = parse(raw)
        if value is None:
            raise NoValue
        return value

    return parsed

"""Chance: numbers drawn from a seed and a name, so that what one part draws shifts nothing of another.

A stream is splitmix64 (Steele, Lea, Flood, OOPSLA 2014): a counter that is mixed. A child's state is the BLAKE2s of the
seed and the names on the way to it; nothing depends on `hash` or on the order in which children are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2s
from typing import TypeVar

_GAMMA = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_Item = TypeVar("_Item")


class Chance:
    """One stream of draws."""

    __slots__ = ("_state",)

    def __init__(self, state: int) -> None:
        self._state = state & _MASK

    def word(self) -> int:
        """64 bits."""
        self._state = z = (self._state + _GAMMA) & _MASK
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _MASK
        return z ^ z >> 31

    def below(self, bound: int) -> int:
        """0 … bound − 1; `bound` is small against 2^64."""
        return self.word() % bound

    def unit(self) -> float:
        """From 0 to below 1."""
        return self.word() / (1 << 64)

    def happens(self, rate: float) -> bool:
        """True once in 1 / rate draws."""
        return rate > 0 and self.unit() < rate

    def pick(self, items: Sequence[_Item]) -> _Item:
        """One of them."""
        return items[self.word() % len(items)]

    def raw(self, size: int) -> bytes:
        """That many bytes."""
        words = (size + 7) // 8
        return b"".join(self.word().to_bytes(8, "big") for _ in range(words))[:size]


def chance(seed: int, *names: int | str) -> Chance:
    """The stream of that name under a seed."""
    told = "/".join(map(str, (seed, *names))).encode()
    return Chance(int.from_bytes(blake2s(told, digest_size=8).digest(), "big"))

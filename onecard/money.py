"""Money: whole fen, one rounding rule, shares that sum to the whole.

Rules
- An amount is an `int` of fen (1 yuan = 100 fen). No float, no Decimal, anywhere.
- There is one rounding: half a fen goes up (`scale`). It is used for discounts and nothing else needs one.
- A sum is divided by largest remainder (`shares`), so that the parts always add up to the sum.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NewType

from onecard.errors import OnecardError

Fen = NewType("Fen", int)
"""An amount of money in fen."""

_YUAN = re.compile(r"(-?)(\d{1,9})(?:\.(\d{1,2}))?", re.ASCII)


class BadAmount(OnecardError):
    """A text that should be an amount of yuan is not one."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"{text!r} is not an amount: write yuan with at most two decimals, for example 45.50")


def scale(amount: Fen, per_mille: int) -> Fen:
    """`amount` × `per_mille` / 1000, half a fen rounded up. Both arguments are at least 0."""
    assert amount >= 0
    assert per_mille >= 0
    return Fen((amount * per_mille + 500) // 1000)


def shares(total: Fen, weights: Sequence[int]) -> list[Fen]:
    """Divide `total` (at least 0) in proportion to `weights` by largest remainder.

    The parts sum to `total`; where remainders are equal the earlier part gets the fen. At least one weight is
    above 0, none is below.
    """
    whole = sum(weights)
    assert total >= 0
    assert whole > 0
    assert all(weight >= 0 for weight in weights)
    floors = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(floors)]:
        floors[i] += 1
    assert sum(floors) == total
    return [Fen(part) for part in floors]


def yuan(amount: int) -> str:
    """The amount as people read it: `12850` → `"128.50"`, `-5` → `"-0.05"`."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def parse_yuan(text: str) -> Fen:
    """The amount a person typed: `"45"`, `"45.5"`, `"45.50"`. Raises `BadAmount`."""
    match = _YUAN.fullmatch(text.strip())
    if match is None:
        raise BadAmount(text)
    sign, whole, part = match.groups()
    fen = int(whole) * 100 + int((part or "0").ljust(2, "0"))
    return Fen(-fen if sign else fen)

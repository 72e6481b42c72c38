"""What a run found: the figures, and each violation in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, unique

from tools.fleet.faults import Fault, Struck


@unique
class Figure(Enum):
    """The figure that a violation counts in."""

    LOST_FEN = "lost_fen"
    DOUBLE_DEBITS = "double_debits"
    UNPAID_GOODS = "unpaid_goods"
    FALSE_FORKS = "false_forks"
    IN_DOUBT = "in_doubt"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold: its name (`tools.fleet.checkers`), what was seen, and on which card."""

    invariant: str
    about: str
    uid: bytes = b""
    figure: Figure = Figure.OTHER
    amount: int = 1


@dataclass(slots=True)
class Report:
    """One run. `excused_fen` is what assumptions that a fault broke by design explain (docs/simulation.md)."""

    seed: int
    taps: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    excused_fen: int = 0
    unattributed_fen: int = 0
    at_desk: int = 0
    digest: str = ""
    ended_at: int = 0
    terminals: int = 0
    cards: tuple[int, ...] = ()
    visits: tuple[str, ...] = ()
    tape: tuple[Struck, ...] = ()
    operations: tuple[str, ...] = ()
    seconds: float = 0.0

    def figures(self) -> dict[str, int | str | float | dict[str, int]]:
        """As `--json` prints them."""
        sums: Counter[str] = Counter()
        for violation in self.violations:
            sums[violation.figure.value] += violation.amount
        named: dict[str, int | str | float | dict[str, int]] = {
            figure.value: sums[figure.value] for figure in Figure if figure is not Figure.OTHER
        }
        return {
            "seed": self.seed,
            "taps": self.taps,
            "faults": sum(self.faults.values()),
            **named,
            "violations": len(self.violations),
            "excused_fen": self.excused_fen,
            "unattributed_fen": self.unattributed_fen,
            "at_desk": self.at_desk,
            "digest": self.digest,
            "taps_per_s": round(self.taps / self.seconds) if self.seconds else 0,
            "faults_by_kind": {kind.label: self.faults[kind] for kind in Fault if self.faults[kind]},
        }


def words(violations: Sequence[Violation]) -> list[str]:
    """One line each."""
    return [f"{each.invariant}: {each.about}" for each in violations]

"""How far each search goes, in `make test` and in `make soak`."""

from __future__ import annotations

from tests.tears.explorer import Findings, Level, explore
from tests.tears.family import Family, Grain
from tests.tears.operations import EVERYTHING, Operation
from tests.tears.stage import Stage


def bounded(operation: Operation, *, recovery_is_cut: bool) -> list[Level]:
    """Every byte of the operation; of its recovery every command, where that is affordable in `make test`."""
    return [
        Level(operation.steps, Grain.BYTES, Grain.COMMANDS, alike=True),
        Level(EVERYTHING, Grain.COMMANDS if recovery_is_cut else None, alike=True),
    ]


def bytes_of(operation: Operation) -> list[Level]:
    """Every byte of the operation, and from every single state that leaves each recovery, uncut."""
    return [Level(operation.steps, Grain.BYTES, Grain.CLASSES), Level(EVERYTHING)]


def recoveries_of(operation: Operation, recovery: Grain = Grain.BYTES) -> list[Level]:
    """Every kind of tear in the operation, every byte of each recovery or what `recovery` says, the power's failing
    too; then what may come."""
    return [
        Level(operation.steps, Grain.CLASSES, Grain.CLASSES, alike=True),
        Level(EVERYTHING, recovery, Grain.CLASSES, alike=True),
        Level(EVERYTHING, alike=True),
    ]


def hold(family: Family, operation: Operation, levels: list[Level]) -> Findings:
    """The search, its counts printed; fails with the way to the first violation."""
    stage = Stage(family)
    found = explore(stage, operation.begin(stage), levels)
    print(
        f"saw {found.states} states ({found.meanings} by meaning) after {found.cuts} cuts in {found.runs} taps:"
        f" {family.name}, {operation.name}"
    )
    assert found.violation is None, "\n".join([found.violation, *found.trace])
    return found

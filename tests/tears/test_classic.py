"""Tears on MIFARE Classic, exhaustively: every invariant in every state that a cut anywhere can leave."""

from __future__ import annotations

import pytest

from tests.tears.classic import Classic
from tests.tears.family import Grain
from tests.tears.operations import OPERATIONS, Operation
from tests.tears.plans import bounded, bytes_of, hold, recoveries_of

_STATES_AT_LEAST = {
    "debit": 120,
    "first debit": 170,
    "re-tap": 70,
    "seal": 160,
    "seal after a load": 150,
    "delivery": 500,
    "refund": 440,
    "re-tap with a load": 50,
}
"""A little less than a bounded search sees: one that sees less has become smaller than what it proves."""
_LONG = {"delivery", "refund", "re-tap with a load"}

_each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


@_each_operation
def test_every_cut_of_an_operation_and_of_its_recovery_is_survived(operation: Operation) -> None:
    found = hold(Classic(), operation, bounded(operation, recovery_is_cut=operation.name not in _LONG))
    assert found.states >= _STATES_AT_LEAST[operation.name]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@_each_operation
def test_every_byte_of_an_operation_and_what_follows_is_survived(operation: Operation) -> None:
    hold(Classic(), operation, bytes_of(operation))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@_each_operation
def test_every_cut_of_every_recovery_is_survived(operation: Operation) -> None:
    is_longest = operation.name in {"delivery", "refund"}
    hold(Classic(), operation, recoveries_of(operation, Grain.CLASSES if is_longest else Grain.BYTES))

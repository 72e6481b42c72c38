"""The demo's proof fails when any one witness says something else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.demo.day import Kill, Tear, draw_day
from tools.demo.proof import Proof
from tools.demo.witness import Ending, LedgerTestimony, Testimony

_SAID = Testimony(debited_fen=26950, loaded_fen=492000, records=82)
_ENDING = Ending(paid=18, declined=1, abandoned=1, in_doubt=0)
_LEDGER = LedgerTestimony(_SAID, refunded=1, in_doubt_fen=0, waiting=0, differences=())
_PROOF = Proof(asked=20, ending=_ENDING, tears={}, kills={}, cards=_SAID, journals=_SAID, ledger=_LEDGER)


def test_three_equal_witnesses_hold() -> None:
    assert _PROOF.holds


@pytest.mark.parametrize("field", ["debited_fen", "loaded_fen", "records"])
@pytest.mark.parametrize("witness", ["cards", "journals"])
def test_one_fen_of_difference_fails(witness: str, field: str) -> None:
    lying = replace(_SAID, **{field: getattr(_SAID, field) + 1})
    assert not replace(_PROOF, **{witness: lying}).holds


@pytest.mark.parametrize("field", ["debited_fen", "loaded_fen", "records"])
def test_a_ledger_that_differs_fails(field: str) -> None:
    lying = replace(_SAID, **{field: getattr(_SAID, field) - 1})
    assert not replace(_PROOF, ledger=replace(_LEDGER, testimony=lying)).holds


@pytest.mark.parametrize("change", [{"in_doubt_fen": 1}, {"waiting": 1}, {"differences": ("a purse",)}])
def test_an_unsettled_ledger_fails(change: dict[str, object]) -> None:
    assert not replace(_PROOF, ledger=replace(_LEDGER, **change)).holds  # type: ignore[arg-type]


def test_a_sale_in_doubt_fails() -> None:
    assert not replace(_PROOF, ending=Ending(paid=18, declined=1, abandoned=0, in_doubt=1)).holds


def test_a_tap_without_a_record_fails() -> None:
    assert not replace(_PROOF, asked=21).holds


def test_the_same_seed_is_the_same_day() -> None:
    assert draw_day(7, 200, 3, 12) == draw_day(7, 200, 3, 12)
    assert draw_day(7, 200, 3, 12) != draw_day(8, 200, 3, 12)


def test_a_day_of_45_taps_holds_every_mishap_twice() -> None:
    mishaps = [(visit.mishap, visit.stays) for visit in draw_day(7, 45, 3, 12).visits]
    for stays in (True, False):
        for mishap in [*map(Tear, ("before", "erased", "half", "weak", "after")), *Kill]:
            assert (mishap, stays) in mishaps

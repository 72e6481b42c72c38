"""Which certificate is in force, and the steps by which a newer one comes into force (P-R16, R17)."""

from __future__ import annotations

import pytest

from onecard.purse.delivery import (
    NextRecord,
    NullRecord,
    WriteCopy,
    is_due,
    names,
    names_only,
    steps,
    steps_before_rewrite,
    supersedes,
)
from onecard.purse.record import LoadReference


@pytest.mark.parametrize("copy", [0, 1])
def test_the_copy_in_force_is_never_written_and_a_null_record_comes_first(copy: int) -> None:
    done = steps(LoadReference.of(copy, 4), 13, atomic=False)
    assert done == (NullRecord(), WriteCopy(1 - copy), NextRecord(LoadReference(1 - copy, 5)))


def test_one_commit_needs_no_null_record_and_has_one_copy() -> None:
    assert steps(LoadReference.of(0, 4), 13, atomic=True) == (WriteCopy(0), NextRecord(LoadReference(0, 5)))


def test_only_a_newer_certificate_is_delivered_and_kept() -> None:
    assert [is_due(best, 5) for best in (4, 5, 6)] == [False, False, True]
    assert [supersedes(load, 5) for load in (4, 5, 6)] == [False, False, True]
    assert supersedes(1, None)


def test_a_reference_names_certificates_alike_modulo_8() -> None:
    assert [load for load in range(1, 20) if names(LoadReference.of(1, 9), load)] == [1, 9, 17]


def test_a_certificate_eight_above_the_last_in_force_is_not_taken_for_it() -> None:
    reference = LoadReference.of(0, 9)
    assert names_only(reference, held=9, last_on_card=2)
    assert not names_only(reference, held=9, last_on_card=1)
    assert not names_only(reference, held=8, last_on_card=8)


def test_a_record_that_did_not_land_takes_its_certificate_along_again() -> None:
    assert steps_before_rewrite(in_force=4, load_sequence=5, held=5) == (WriteCopy(0),)


def test_a_record_under_what_is_in_force_is_written_again_alone() -> None:
    assert steps_before_rewrite(in_force=5, load_sequence=5, held=6) == ()
    assert steps_before_rewrite(in_force=13, load_sequence=5, held=5) == ()  # alike modulo 8, unknown to its terminal


def test_a_record_whose_certificate_is_superseded_is_not_written_again() -> None:
    assert steps_before_rewrite(in_force=4, load_sequence=5, held=6) is None

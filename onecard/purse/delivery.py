"""Which certificate is in force, and how a newer one gets on a card (P-R16, R17). Pure: the caller performs the steps.

In force is the copy that the newest readable ring record names. It is never written. Every step must be acknowledged
in the same presentation before the next one is taken; whatever fails in between, what was in force still is:

    null record under the certificate in force → all blocks of the other copy → next ring record, naming that copy

The null record comes first because a weak record could flip between readings that name either copy: two terminals would
then take turns in destroying both (hole H17). A card that commits certificate and record together, or neither, has one
copy and needs no null record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from onecard.purse.record import LoadReference


@dataclass(frozen=True, slots=True)
class NullRecord:
    """Append a null record under the certificate in force."""


@dataclass(frozen=True, slots=True)
class WriteCopy:
    """Write all blocks of this copy of the certificate."""

    copy: int


@dataclass(frozen=True, slots=True)
class NextRecord:
    """Append the debit, or a null record, with this reference: it puts the certificate in force."""

    reference: LoadReference


Step: TypeAlias = NullRecord | WriteCopy | NextRecord


def steps(in_force: LoadReference, load_sequence: int, *, atomic: bool) -> tuple[Step, ...]:
    """How the certificate with sequence `load_sequence` comes into force on a card whose newest record names
    `in_force`; `atomic` as of the card port."""
    if atomic:
        return WriteCopy(0), NextRecord(LoadReference.of(0, load_sequence))
    copy = 1 - in_force.copy
    return NullRecord(), WriteCopy(copy), NextRecord(LoadReference.of(copy, load_sequence))


def steps_before_rewrite(in_force: int, load_sequence: int, held: int) -> tuple[WriteCopy, ...] | None:
    """What a re-tap on an atomic card writes before its own record, which is not there (P-R5). None: the sale is
    ABANDONED.

    Where the record did not land the certificate that should have come into force with it did not either, and the
    record must not name what is not on the card. `in_force` is the L read from the card, `load_sequence` the one the
    intent stated, `held` that of the best certificate known: only the one stated may be taken along again.
    """
    if in_force >= load_sequence:
        return ()
    return (WriteCopy(0),) if held == load_sequence else None


def is_due(best: int, in_force: int) -> bool:
    """Whether the best certificate known should be put on the card before anything else: both by their L."""
    return best > in_force


def supersedes(load_sequence: int, held: int | None) -> bool:
    """Whether a certificate takes the place of the one held of its purse, by their L (P-R14, R17)."""
    return held is None or load_sequence > held


def names(reference: LoadReference, load_sequence: int) -> bool:
    """Whether the certificate in the copy that `reference` names can be the one it means: L is given modulo 8."""
    return load_sequence & 7 == reference.load_mod8


def names_only(reference: LoadReference, held: int, last_on_card: int) -> bool:
    """Whether `reference` can mean no other certificate than the one held, by its L, so that the copy on the card need
    not be read. `last_on_card` is the highest L known to have been in force on it (L begins at 1; docs/adr/0007)."""
    return names(reference, held) and held - last_on_card < 8

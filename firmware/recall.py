"""What a start knows: the newest checkpoint that speaks of this journal, and the records after it; or all of them.

A checkpoint of another journal, or of a record that is not found, is refused by name and never mixed with the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from firmware.books import Books
from firmware.checkpoint import Place
from firmware.purse_memory import PurseMemory
from firmware.shelf import Shelf
from onecard.journal import Entry, Journal, JournalDamage, Missing
from onecard.keys import KeyRing

_FEW = 1024


def recall(
    journal: Journal, shelf: Shelf, checkpoints: Iterable[tuple[Place, bytes]], keys: KeyRing
) -> tuple[Books, list[Missing]] | None:
    """The books through the journal's last record, and the records found lost on the way; `checkpoints` are the
    shelf's, newest first. None when none will do and the journal's first records are gone. Raises `BadRecord`."""
    books = _taken(journal, shelf, checkpoints, keys)
    if books is None and journal.first_sequence > 1:
        return None
    if books is None:
        books = Books(PurseMemory(journal.terminal, keys))
    lost: list[Missing] = []
    books.replay(_following(journal, books.sequence + 1, lost.append))
    return books, lost


def own_tag(journal: Journal, sequence: int) -> bytes | None:
    """The chain tag of an own record; None when it is not there, or not any more."""
    try:
        return journal.entry(sequence).tag
    except KeyError:
        return None


def _following(journal: Journal, first: int, missing: Callable[[Missing], None]) -> Iterable[Entry]:
    """The records from `first` on. A few are read from their places; where one is missing, or for many, the segments
    are walked, which tells what is lost."""
    if journal.next_sequence - first <= _FEW:
        with suppress(KeyError, JournalDamage):
            return [journal.entry(sequence) for sequence in range(first, journal.next_sequence)]
    return journal.entries(first, missing=missing)


def _taken(journal: Journal, shelf: Shelf, checkpoints: Iterable[tuple[Place, bytes]], keys: KeyRing) -> Books | None:
    for place, raw in checkpoints:
        if own_tag(journal, place.sequence) != place.tag:
            shelf.refuse(place, "its record is not in this journal")
            continue
        books = shelf.books(place, raw, keys)
        if books is not None:
            return books
    return None

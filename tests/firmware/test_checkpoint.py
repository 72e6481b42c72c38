"""A checkpoint is no second truth: with the records after it, it is what the whole journal says."""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import checkpoint
from firmware.books import Books
from firmware.checkpoint import BadCheckpoint, Place, checkpoint_key
from firmware.purse_memory import PurseName
from firmware.purse_rows import PurseRows
from firmware.shelf import Shelf
from onecard.durable_file import NotKept, replace_file
from onecard.keys import KeyRing
from onecard.kinds import Outcome, Purpose
from onecard.records import Ack, Applied, Decline, Gap, OutcomeRecord, Record, Shift
from tests.firmware.records import AT, CARDS, DAYS, NUMBER, SALE, books_of, entries, lay_out

_KEYS = KeyRing({})
_KEY = checkpoint_key(bytes(range(32)))
_TAG = bytes(range(8))
_NOT_TOLD = {"keys", "_certificates", "state"}
"""What a start gets from elsewhere: identity, inbox and cards."""


def _facts(thing: object) -> object:
    """All that a thing knows, field by field, whatever fields it has."""
    match thing:
        case PurseRows():
            return dict(thing.items())
        case deque():
            return list(thing)
        case _ if dataclasses.is_dataclass(thing):
            names = {field.name for field in dataclasses.fields(thing)} - _NOT_TOLD
            return {name: _facts(getattr(thing, name)) for name in names}
        case _:
            return thing


def _carried(books: Books) -> Books:
    raw = checkpoint.encode(books, _TAG, _KEY)
    assert checkpoint.place_of(raw, NUMBER, _KEY) == Place(books.sequence, _TAG)
    return checkpoint.decode(raw, NUMBER, _KEYS)


EVERYTHING: list[Record] = [
    Shift(AT, 2, 3, 9000, 18, 1, 0, 0, 0, 0, 0),
    Applied(AT, 1, 31),
    Applied(AT, 2, 9),
    Gap(AT, 70, 75, "lost"),
    SALE,
    OutcomeRecord(5, Outcome.PAID, AT),
    Ack(AT, 2, 3, 2, _TAG, 9, 4),
    replace(SALE, uid=CARDS[1], purse=1, amount=300, load_sequence=7),
    OutcomeRecord(8, Outcome.PAID, AT),
    replace(SALE, counter=4, debited=700),
    OutcomeRecord(10, Outcome.ABANDONED, AT),
    Decline(AT, 2, 3, 9000, 18, 1, b"", 0, 0, 0, b""),
    replace(SALE, uid=CARDS[3], purpose=Purpose.DELIVERY, amount=0),
    replace(SALE, uid=CARDS[2]),
]
"""A day after which nothing that is remembered is as at the beginning."""


def test_a_day_that_leaves_nothing_as_it_was_leaves_nothing_out() -> None:
    """A field that is added and not exercised here, or not carried, breaks this."""
    books, fresh = books_of(EVERYTHING), books_of([])

    def compare(now: object, before: object, where: str) -> None:
        if isinstance(now, dict) and isinstance(before, dict) and before:
            for name in now:
                compare(now[name], before[name], f"{where}.{name}")
        elif where != ".memory.terminal":
            assert now != before, where

    compare(_facts(books), _facts(fresh), "")
    assert _facts(_carried(books)) == _facts(books)


@settings(max_examples=60, deadline=None)
@given(DAYS)
def test_a_checkpoint_at_any_cut_and_the_records_after_it_are_the_whole_journal(day: list[object]) -> None:
    records = lay_out(day)
    whole = _facts(books_of(records))
    for cut in range(len(records) + 1):
        books = _carried(books_of(records[:cut]))
        books.replay(entries(records, cut + 1))
        assert _facts(books) == whole, f"cut after record {cut}"


@settings(max_examples=30, deadline=None)
@given(DAYS, st.integers(1, 5))
def test_checkpoints_one_upon_the_other_lose_nothing(day: list[object], step: int) -> None:
    records = lay_out(day)
    books = books_of([])
    for start in range(0, len(records), step):
        books.replay(entries(records[: start + step], start + 1))
        books = _carried(books)
    assert _facts(books) == _facts(books_of(records))


def test_behind_a_hole_after_the_checkpoint_no_word_is_given_on_what_was_open() -> None:
    books = _carried(books_of(EVERYTHING))
    assert books.memory.open_sale is not None
    books.replay(entries([*EVERYTHING, Gap(AT, 1, 1, ""), Gap(AT, 2, 2, "")], len(EVERYTHING) + 2))
    assert books.memory.open_sale is None
    assert books.memory.unfinished() == []
    assert books.memory.unresolved(PurseName(CARDS[2], 0))


def test_books_stand_after_a_record_only_when_all_of_it_is_taken_in() -> None:
    books = books_of(EVERYTHING)
    with pytest.raises(ValueError, match="99"):
        books.note(books.sequence + 1, Applied(AT, 99, 1))
    assert books.sequence == len(EVERYTHING)


def test_a_checkpoint_with_any_byte_changed_cut_or_added_is_refused() -> None:
    raw = checkpoint.encode(books_of(EVERYTHING), _TAG, _KEY)
    for at in range(len(raw)):
        with pytest.raises(BadCheckpoint):
            checkpoint.place_of(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], NUMBER, _KEY)
        with pytest.raises(BadCheckpoint):
            checkpoint.place_of(raw[:at], NUMBER, _KEY)
    with pytest.raises(BadCheckpoint):
        checkpoint.place_of(raw + b"\0", NUMBER, _KEY)


@pytest.mark.parametrize(("number", "key"), [(NUMBER + 1, _KEY), (NUMBER, checkpoint_key(bytes(32)))])
def test_a_checkpoint_of_another_terminal_or_key_is_refused(number: int, key: bytes) -> None:
    raw = checkpoint.encode(books_of(EVERYTHING), _TAG, _KEY)
    with pytest.raises(BadCheckpoint):
        checkpoint.place_of(raw, number, key)


@pytest.mark.parametrize("change", [lambda raw: raw + b"\0", lambda raw: raw[:-1], lambda raw: raw[:30]])
def test_an_authentic_checkpoint_that_does_not_fit_its_counts_is_refused(change) -> None:  # type: ignore[no-untyped-def]
    content = checkpoint.encode(books_of(EVERYTHING), _TAG, _KEY)[: -checkpoint.MAC_SIZE]
    with pytest.raises(BadCheckpoint):
        checkpoint.decode(change(content) + bytes(checkpoint.MAC_SIZE), NUMBER, _KEYS)


def _shelf(folder: Path) -> Shelf:
    return Shelf(folder / "checkpoints", NUMBER, _KEY)


def _sequences(folder: Path) -> list[int]:
    return [place.sequence for place, _ in _shelf(folder).newest()]


def test_the_two_newest_are_kept_and_the_older_says_from_where_the_journal_is_held(tmp_path: Path) -> None:
    shelf = _shelf(tmp_path)
    assert (list(shelf.newest()), shelf.held_from) == ([], 0)
    held = []
    for count in (2, 5, 9):
        shelf.put(books_of(EVERYTHING[:count]), _TAG)
        held.append(shelf.held_from)
    assert held == [0, 2, 5]
    assert _sequences(tmp_path) == [9, 5]
    assert _shelf(tmp_path).held_from == 5


def test_a_damaged_checkpoint_is_refused_by_name_and_holds_nothing(tmp_path: Path) -> None:
    shelf = _shelf(tmp_path)
    for count in (2, 5):
        shelf.put(books_of(EVERYTHING[:count]), _TAG)
    (tmp_path / "checkpoints" / f"{5:019d}").write_bytes(b"OCCKPT")
    shelf = _shelf(tmp_path)
    assert [place.sequence for place, _ in shelf.newest()] == [2]
    assert list(shelf.refused) == [f"{5:019d}"]
    assert shelf.held_from == 0
    shelf.put(books_of(EVERYTHING[:9]), _TAG)
    assert (shelf.held_from, _sequences(tmp_path)) == (2, [9, 2])


def test_nothing_goes_before_there_are_two(tmp_path: Path) -> None:
    """A damaged file is evidence, and room is not the concern."""
    (tmp_path / "checkpoints").mkdir()
    damaged = tmp_path / "checkpoints" / f"{1:019d}"
    damaged.write_bytes(b"OCCKPT")
    shelf = _shelf(tmp_path)
    shelf.put(books_of(EVERYTHING[:2]), _TAG)
    assert damaged.exists()
    shelf.put(books_of(EVERYTHING[:5]), _TAG)
    assert not damaged.exists()


def test_a_checkpoint_that_reads_otherwise_than_it_was_written_displaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = _shelf(tmp_path)
    for count in (2, 5):
        shelf.put(books_of(EVERYTHING[:count]), _TAG)

    def lying(file: Path, content: bytes, mode: int) -> None:
        replace_file(file, content[:-1] + bytes([content[-1] ^ 1]), mode)

    monkeypatch.setattr("firmware.shelf.replace_file", lying)
    with pytest.raises(NotKept, match="reads otherwise"):
        shelf.put(books_of(EVERYTHING[:9]), _TAG)
    assert (shelf.newest_sequence, shelf.held_from) == (5, 2)
    assert _sequences(tmp_path) == [5, 2]


def test_a_checkpoint_under_another_ones_name_is_refused(tmp_path: Path) -> None:
    _shelf(tmp_path).put(books_of(EVERYTHING[:2]), _TAG)
    (tmp_path / "checkpoints" / f"{2:019d}").rename(tmp_path / "checkpoints" / f"{3:019d}")
    assert _sequences(tmp_path) == []


def test_what_a_cut_left_half_written_is_no_checkpoint(tmp_path: Path) -> None:
    _shelf(tmp_path).put(books_of(EVERYTHING[:2]), _TAG)
    (tmp_path / "checkpoints" / f".{9:019d}.new").write_bytes(b"OCC")
    shelf = _shelf(tmp_path)
    assert [place.sequence for place, _ in shelf.newest()] == [2]
    assert shelf.refused == {}

"""The watermarks, and who may use the space kept back."""

from __future__ import annotations

import pytest

from onecard.journal import JournalFull, JournalReader, Level, Room
from onecard.journal.room import LEAST_ROOM, level_of
from onecard.records import RecordKind

CLOSING = {"BOOT", "OUTCOME", "SHIFT", "ACK", "GAP", "SEAL", "PORT"}


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, 0), (699, 0), (700, 700), (899, 700), (900, 900), (999, 900), (1000, 1000)],
)
def test_levels_are_reached_at_70_90_and_100_percent(used, level):
    assert level_of(used) is Level(level)
    if used < 1000:
        assert Room(1_000_000_000 - used * 1_000_000, 1_000_000_000).level is Level(level)


def test_a_journal_is_full_before_a_sale_could_be_cut_short():
    assert Room(LEAST_ROOM, 1 << 20).level is Level.COURIER
    assert Room(LEAST_ROOM - 1, 1 << 20).level is Level.FULL
    assert Room(0, 1 << 20).level is Level.FULL


@pytest.mark.parametrize("left", [0, LEAST_ROOM - 1, LEAST_ROOM, LEAST_ROOM + 1, 6 << 20, 7 << 20, 19 << 20, 20 << 20])
def test_per_mille_of_room_tell_the_same_level_as_the_bytes(left):
    room = Room(left, 64 << 20)
    assert level_of(1000 - room.left_per_mille) is room.level
    assert (room.left_per_mille == 0) == (left < LEAST_ROOM)


def test_a_reader_counts_the_room_as_the_writer_does(place):
    place.create(segments=3)
    with place.open() as journal:
        for size in (0, 4000, 4000, 4000, 4000, 1):
            journal.append(200, bytes(size), durable=True)
            assert JournalReader(place.directory).room == journal.room


def test_a_full_journal_takes_final_words_and_no_new_work(place):
    place.create(segments=2)
    with place.open() as journal:
        with pytest.raises(JournalFull):
            while True:
                journal.append(200, bytes(100), durable=False)
        assert journal.room.level is Level.FULL
        for kind in RecordKind:
            if kind is RecordKind.BOOT:
                continue
            if kind.name in CLOSING:
                journal.append(kind, bytes(100), durable=True)
            else:
                with pytest.raises(JournalFull):
                    journal.append(kind, bytes(100), durable=False)

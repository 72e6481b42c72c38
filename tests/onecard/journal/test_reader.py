"""Another process reads: up to the durable mark, and never more."""

from __future__ import annotations

import os

import pytest

from onecard.identity import RecordName
from onecard.journal import BrokenChain, DurableMark, JournalReader
from onecard.journal.mark import MARK_SIZE, decode_mark

KIND = 200
KEY = bytes(range(32))


def payloads(entries):
    return [entry.payload for entry in entries if entry.kind == KIND]


def test_a_reader_sees_nothing_above_the_mark(place):
    place.create()
    with place.open() as journal:
        reader = JournalReader(place.directory, KEY)
        journal.append(KIND, b"durable", durable=True)
        for number in range(3):
            journal.append(KIND, b"rides along %d" % number, durable=False)
        assert reader.durable == DurableMark(RecordName(4711, 1, 2), journal.entry(2).tag)
        assert payloads(reader.entries()) == [b"durable"]
        assert len(payloads(reader.all_entries())) == 4
        journal.flush()
        assert len(payloads(reader.entries())) == 4


def test_a_reader_begins_where_it_is_told_in_any_segment(place):
    place.create()
    with place.open() as journal:
        for number in range(50):
            journal.append(KIND, number.to_bytes(1000, "big"), durable=number % 3 == 0)
        journal.flush()
        reader = JournalReader(place.directory, KEY)
        for first in range(1, 54):
            assert [e.name.sequence for e in reader.entries(first)] == list(range(first, 52))


def test_a_reader_says_the_tags_of_the_records_asked_for_and_of_no_others(place):
    place.create()
    with place.open() as journal:
        for number in range(50):
            journal.append(KIND, number.to_bytes(1000, "big"), durable=False)
        journal.flush()
        expected = {sequence: journal.entry(sequence).tag for sequence in (1, 20, 51)}
        assert JournalReader(place.directory).tags([1, 20, 51, 52, 0]) == expected


def test_what_was_passed_over_is_proved_and_its_epochs_count(place):
    """Reading from the middle of a segment names records as reading from its beginning does, with and without a key."""
    place.create()
    for _ in range(3):
        with place.open() as journal:
            for number in range(3):
                journal.append(KIND, b"%d" % number, durable=True)
    whole = list(JournalReader(place.directory).entries())
    for key in (None, KEY):
        reader = JournalReader(place.directory, key)
        for first in range(1, len(whole) + 3):
            assert list(reader.entries(first)) == whole[first - 1 :]
            assert list(reader.all_entries(first)) == whole[first - 1 :]
    with place.open() as journal:
        assert [journal.entry(entry.name.sequence) for entry in whole] == whole


def test_a_torn_or_missing_mark_claims_nothing(place):
    place.create()
    with place.open() as journal:
        journal.append(KIND, b"x", durable=True)
    mark = place.directory / "DURABLE"
    raw = mark.read_bytes()
    assert len(raw) == MARK_SIZE
    reader = JournalReader(place.directory)
    for size in range(MARK_SIZE):
        mark.write_bytes(raw[:size])
        assert reader.durable is None
        assert list(reader.entries()) == []
    for at in range(8 * MARK_SIZE):
        flipped = bytearray(raw)
        flipped[at // 8] ^= 1 << at % 8
        assert decode_mark(bytes(flipped)) is None
    mark.unlink()
    assert reader.durable is None
    place.open().close()
    assert reader.durable.name == RecordName(4711, 2, 3)


def test_a_reader_with_a_foreign_key_is_told(place):
    place.create()
    place.open().close()
    with pytest.raises(BrokenChain):
        list(JournalReader(place.directory, bytes(32)).entries())
    assert len(list(JournalReader(place.directory).entries())) == 1


def test_a_reader_opens_nothing_for_writing(place, faulty_disk):
    class Watched(faulty_disk):
        def open(self, path, flags):
            assert flags == os.O_RDONLY
            return super().open(path, flags)

    place.create()
    with place.open() as journal:
        journal.append(KIND, b"x", durable=True)
    before = place.snapshot()
    disk = Watched()
    assert len(list(JournalReader(place.directory, KEY, disk=disk).entries())) == 2
    assert {name for name, _ in disk.calls} == {"open"}
    assert place.snapshot() == before


def test_a_reader_stays_right_while_the_writer_runs(place, fork):
    place.create(segment_size=1 << 16, segments=30)

    def write(pipe):
        with place.open() as journal:
            for number in range(1500):
                journal.append(KIND, number.to_bytes(500, "big"), durable=number % 2 == 0)
        pipe.send(journal.durable_sequence)

    mine, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=write, args=(theirs,))
    process.start()
    reader, seen = JournalReader(place.directory, KEY), 0
    while process.is_alive() or not mine.poll():
        claimed = reader.durable
        sequences = [e.name.sequence for e in reader.entries(first=seen + 1)]
        assert sequences == list(range(seen + 1, seen + 1 + len(sequences)))
        seen += len(sequences)
        assert claimed is None or seen >= claimed.name.sequence
    process.join()
    assert mine.recv() == 1501
    assert len(list(reader.entries())) == 1501

"""What the writer promises, and what it refuses."""

from __future__ import annotations

import os
from random import Random

import pytest

from onecard.journal import (
    BrokenChain,
    Journal,
    JournalExists,
    JournalFull,
    JournalLocked,
    JournalReader,
    NoJournal,
)
from onecard.records import Boot, OutcomeRecord, RecordKind, decode_record, encode_record

KIND = 200


def boots(journal):
    return [decode_record(e.kind, e.payload) for e in journal.entries() if e.kind == RecordKind.BOOT]


def test_a_second_writer_is_refused(place):
    place.create()
    with place.open(), pytest.raises(JournalLocked):
        place.open()
    place.open().close()


def test_a_second_writer_in_another_process_is_refused(place, fork):
    place.create()

    def attempt(answer):
        try:
            place.open()
        except JournalLocked:
            answer.send(True)
        else:
            answer.send(False)

    with place.open():
        mine, theirs = fork.Pipe()
        process = fork.Process(target=attempt, args=(theirs,))
        process.start()
        assert mine.recv() is True
        process.join()


def test_a_directory_without_a_journal_is_refused_and_left_alone(tmp_path, place):
    place.directory.mkdir()
    with pytest.raises(NoJournal):
        place.open()
    assert list(place.directory.iterdir()) == []
    with pytest.raises(NoJournal):
        JournalReader(tmp_path / "nowhere")


def test_a_journal_is_never_made_over_another(place):
    place.create()
    before = place.snapshot()
    with pytest.raises(JournalExists):
        place.create()
    assert place.snapshot() == before


def test_a_making_cut_short_at_any_call_is_made_again_or_done(place, faulty_disk, power_cut):
    counted = faulty_disk()
    place.create(segments=3, disk=counted)
    for at in range(len(counted.calls)):
        for path in place.directory.iterdir():
            path.unlink()
        disk = faulty_disk({at: "cut"})
        with pytest.raises(power_cut):
            place.create(segments=3, disk=disk)
        disk.power_cut(Random(at))
        try:
            place.open().close()
        except NoJournal:
            place.create(segments=3)
            place.open().close()


def test_another_terminals_chain_key_is_refused(place):
    place.create()
    place.open().close()
    before = place.snapshot()
    with pytest.raises(BrokenChain):
        Journal.open(place.directory, chain_key=bytes(32), boot=None, random=place.random)
    assert place.snapshot() == before


def test_all_space_is_there_before_the_first_record(place):
    place.create(segment_size=32_768, segments=5)
    sizes = {p.name: p.stat().st_size for p in place.directory.glob("*.ocj")}
    assert len(sizes) == 5
    assert set(sizes.values()) == {32_768}


def test_every_opening_begins_a_new_epoch_with_a_durable_boot(place):
    place.create()
    for epoch in range(1, 6):
        with place.open() as journal:
            assert journal.epoch == epoch
            assert journal.durable_sequence == journal.next_sequence - 1
            journal.append(KIND, b"x", durable=False)
    with place.open() as journal:
        found = boots(journal)
        assert [boot.epoch for boot in found] == [1, 2, 3, 4, 5, 6]
        assert len({boot.incarnation for boot in found}) == 6
        assert [boot.recovered_from for boot in found] == [0, 2, 4, 6, 8, 10]
        assert {(boot.torn_bytes, boot.gap_first, boot.gap_last) for boot in found} == {(0, 0, 0)}


def test_sequences_rise_by_one_across_openings_and_segments(place):
    """I-04."""
    place.create()
    names = []
    for _ in range(4):
        with place.open() as journal:
            names += [journal.append(KIND, bytes(700), durable=i % 2 == 0) for i in range(13)]
            if journal.epoch == 2:
                journal.prepare()
    assert len(list(place.directory.glob("seg-*"))) >= 3
    with place.open() as journal:
        entries = list(journal.entries())
        assert [entry.name.sequence for entry in entries] == list(range(1, 4 * 14 + 2))
        assert [entry.name for entry in entries if entry.kind == KIND] == names
        assert [journal.entry(name.sequence).name for name in names] == names
        assert list(journal.entries(first=30)) == entries[29:]
    assert list(JournalReader(place.directory, bytes(range(32))).entries()) == entries


def test_a_durable_append_is_one_write_and_one_flush_of_the_segment(place, faulty_disk):
    place.create()
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        disk.calls.clear()
        journal.append(KIND, b"intent", durable=True)
        assert disk.calls == [
            ("pwrite", "seg-00000001.ocj"),
            ("fdatasync", "seg-00000001.ocj"),
            ("pwrite", "DURABLE"),
        ]
        disk.calls.clear()
        journal.append(KIND, b"rides along", durable=False)
        assert disk.calls == [("pwrite", "seg-00000001.ocj")]
        assert journal.durable_sequence == 2
        journal.flush()
        assert journal.durable_sequence == 3
        disk.calls.clear()
        journal.flush()
        assert disk.calls == []


def test_a_new_segment_is_durable_under_its_name_before_its_first_record(place, faulty_disk):
    place.create()
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        while journal.head[0] < 12:
            journal.append(KIND, bytes(1500), durable=True)
        at = disk.calls.index(("rename", "seg-00000002.ocj"))
        assert disk.calls[at - 2 : at + 3] == [
            ("pwrite", "pool-00000002.ocj"),
            ("fsync", "pool-00000002.ocj"),
            ("rename", "seg-00000002.ocj"),
            ("sync_directory", "journal"),
            ("pwrite", "seg-00000002.ocj"),
        ]


def test_idle_time_begins_the_next_segment_early(place, faulty_disk):
    place.create()
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        journal.prepare()
        assert not any(name == "rename" for name, _ in disk.calls)
        for _ in range(14):
            journal.append(KIND, bytes(1000), durable=False)
        journal.prepare()
        assert ("rename", "seg-00000002.ocj") in disk.calls
        disk.calls.clear()
        journal.append(KIND, bytes(1000), durable=True)
        assert len(disk.calls) == 3


def test_records_that_ride_along_are_flushed_before_their_count_overflows(place):
    place.create(segment_size=1 << 17, segments=2)
    with place.open() as journal:
        for _ in range(300):
            journal.append(KIND, b"", durable=False)
        assert journal.durable_sequence >= 300 - 256
    with place.open() as journal:
        assert journal.next_sequence == 303


def test_a_full_journal_refuses_new_work_and_still_takes_its_outcomes(place):
    place.create(segments=2)
    intent = bytes(180)
    outcome = encode_record(OutcomeRecord(intent=5, outcome=1, at=1))
    with place.open() as journal:
        open_intents = 0
        with pytest.raises(JournalFull):
            while True:
                journal.append(RecordKind.INTENT, intent, durable=True)
                open_intents += 1
        assert open_intents > 50
        assert journal.room.bytes_left < 300
        before = journal.head
        with pytest.raises(JournalFull):
            journal.append(RecordKind.DECLINE, intent, durable=False)
        assert journal.head == before
        for _ in range(50):
            journal.append(*outcome, durable=True)
    with place.open() as journal:
        assert journal.durable_sequence == open_intents + 50 + 2
        with pytest.raises(JournalFull):
            while True:
                journal.append(*outcome, durable=False)


def test_room_falls_as_records_are_added(place):
    place.create(segments=3)
    with place.open() as journal:
        ratios = []
        for _ in range(30):
            ratios.append(journal.room.used_ratio)
            journal.append(KIND, bytes(1000), durable=False)
        assert ratios == sorted(ratios)
        assert 0 < ratios[0] < 0.2
        assert 0.6 < ratios[-1] < 1


def test_the_largest_payload_fits_and_comes_back(place):
    place.create()
    payload = os.urandom(4096)
    with place.open() as journal:
        name = journal.append(KIND, payload, durable=True)
        assert journal.entry(name.sequence).payload == payload
        with pytest.raises(AssertionError):
            journal.append(KIND, payload + b"x", durable=True)
        with pytest.raises(AssertionError):
            journal.append(RecordKind.BOOT, b"", durable=True)


def test_an_unknown_sequence_is_a_key_error(place):
    place.create()
    with place.open() as journal:
        for sequence in (0, 2, 100):
            with pytest.raises(KeyError):
                journal.entry(sequence)


def test_boot_tells_what_it_was_given(place):
    place.create()
    with place.open() as journal:
        (boot,) = boots(journal)
        assert isinstance(boot, Boot)
        assert (boot.at, boot.clock, boot.software) == (1_900_000_000, 1, "test 1")

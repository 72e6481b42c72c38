"""Retention and scrub: nothing is forgotten that the server has not got safe, or that is young; decay is found."""

from __future__ import annotations

import contextlib
import random

import pytest

from onecard.journal import ForeignAcknowledgement, JournalReader
from onecard.journal.care import SEGMENTS_KEPT
from onecard.journal.check import check_journal

KIND = 200
KEY = bytes(range(32))


def old(_):
    return True


def fill(journal, count=60):
    for _ in range(count):
        journal.append(KIND, bytes(1500), durable=True)


@pytest.fixture
def journal(place):
    """Seven segments of sixteen in use."""
    place.create(segments=16)
    with place.open() as journal:
        fill(journal)
        yield journal


def safe(journal, sequence):
    return sequence, journal.entry(sequence).tag


def test_a_tag_that_is_not_ours_releases_nothing(place, journal):
    before = set(place.snapshot())
    with pytest.raises(ForeignAcknowledgement):
        journal.care.release(50, bytes(8), below=999, is_old=old)
    assert set(place.snapshot()) == before


def test_what_is_not_safe_or_needed_or_young_is_kept(journal):
    end = journal.care.oldest_end
    assert not journal.care.release(*safe(journal, end - 1), below=999, is_old=old)
    assert not journal.care.release(*safe(journal, end), below=end, is_old=old)
    asked = []
    assert not journal.care.release(*safe(journal, end), below=999, is_old=asked.append)
    assert [entry.name.sequence for entry in asked] == [end]
    assert journal.first_sequence == 1
    assert journal.care.release(*safe(journal, end), below=end + 1, is_old=old)
    assert journal.first_sequence == end + 1


def test_some_segments_stay_whatever_is_acknowledged(place, journal):
    last = safe(journal, journal.durable_sequence)
    while journal.care.release(*last, below=9999, is_old=old):
        pass
    assert len([name for name in place.snapshot() if name.startswith("seg-")]) == SEGMENTS_KEPT


def test_a_released_segment_becomes_room_again(place, journal):
    room = journal.room.bytes_left
    kept = [e.payload for e in journal.entries(journal.care.oldest_end + 1)]
    assert journal.care.release(*safe(journal, 60), below=999, is_old=old)
    assert journal.room.bytes_left == room
    assert journal.care.recycle()
    assert not journal.care.recycle()
    assert journal.room.bytes_left > room
    added = max(name for name in place.snapshot() if name.startswith("pool-"))
    assert (place.directory / added).read_bytes() == bytes(16_384)
    assert [e.payload for e in journal.entries()] == kept
    fill(journal, 80)
    journal.close()
    with place.open() as journal:
        assert journal.recovery.torn_bytes == 0
    assert check_journal(place.directory, KEY).damage == []
    assert len(list(JournalReader(place.directory, KEY).entries())) == len(kept) + 81


def test_a_cut_at_any_call_of_retention_loses_nothing_and_is_gone_on_with(place, faulty_disk, power_cut):
    place.create(segments=12)
    with place.open() as journal:
        fill(journal)
    before = place.snapshot()

    def live(disk):
        journal = place.open(disk=disk)
        start = len(disk.calls)
        acknowledged = safe(journal, 60)
        while journal.care.release(*acknowledged, below=999, is_old=old):
            while journal.care.recycle():
                pass
        return start

    disk = faulty_disk()
    start = live(disk)
    calls = len(disk.calls)
    disk.power_cut(random.Random(0))
    for cut in range(start, calls):
        for path in place.directory.iterdir():
            path.unlink()
        place.restore(before)
        disk = faulty_disk({cut: "cut"})
        with contextlib.suppress(power_cut):
            live(disk)
        disk.power_cut(random.Random(cut))
        with place.open() as journal:
            assert journal.next_sequence == 64
            assert [e.name.sequence for e in journal.entries()] == list(range(journal.first_sequence, 64))
            while journal.care.recycle():
                pass
            fill(journal, 10)
        names = list(place.snapshot())
        assert not [name for name in names if name.startswith("retired-")]
        assert len([name for name in names if name.endswith(".ocj")]) == 12


def test_a_scrub_finds_decay_past_the_page_cache_and_keeps_a_copy(place, journal):
    assert [lost for lost in journal.care.scrub(1) if lost] == []
    file = place.segment(3)
    image = bytearray(file.read_bytes())
    image[5000] ^= 1
    file.write_bytes(image)
    found = [run for lost in journal.care.scrub(1) for run in lost]
    assert len(found) == 1
    assert found[0].damage.file == file
    assert (place.directory / "damaged-seg-00000003.ocj").read_bytes() == image
    assert any("damaged" in fault for fault in journal.faults)
    beyond = journal._index.segments[3].header.first_sequence
    assert [lost for lost in journal.care.scrub(beyond) if lost] == []
    journal.append(KIND, b"goes on", durable=True)


def test_a_scrub_reads_the_medium_and_not_the_cache(place, faulty_disk):
    place.create(segments=16)
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        fill(journal)
        dropped = []
        disk.drop_cache = dropped.append
        steps = list(journal.care.scrub(1))
        assert len(dropped) == len(steps) == len(journal._index.segments) - 1

"""A segment whose header decayed or whose file is gone: a hole, told, and what is sound around it is read."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from onecard.journal import BadHeader, JournalReader, LostSegment, UnreadableJournal
from onecard.journal.check import check_journal
from onecard.journal.disk import OsDisk
from onecard.journal.header import decode_header

KIND = 200
KEY = bytes(range(32))
HEADER = 64


@pytest.fixture
def journal(place):
    """Seven segments of sixteen in use, closed, all records durable."""
    place.create(segments=16)
    with place.open() as journal:
        for number in range(60):
            journal.append(KIND, bytes([number]) * 1500, durable=True)
    return place


def first_of(place, number):
    return decode_header(place.segment(number).read_bytes()[:HEADER], place.segment(number)).first_sequence


def spoil(place, number, at=30, bit=0):
    image = bytearray(place.segment(number).read_bytes())
    image[at] ^= 1 << bit
    place.segment(number).write_bytes(image)


def walked(entries_of):
    lost = []
    found = list(entries_of(missing=lost.append))
    return found, [(run.first, run.last) for run in lost]


@pytest.mark.parametrize("mode", ["decayed", "gone", "cut short"])
def test_sound_segments_before_and_behind_a_lost_one_are_read(journal, mode):
    first, end = first_of(journal, 3), first_of(journal, 4) - 1
    whole = list(JournalReader(journal.directory, KEY).entries())
    if mode == "decayed":
        spoil(journal, 3)
    elif mode == "gone":
        journal.segment(3).unlink()
    else:
        journal.segment(3).write_bytes(journal.segment(3).read_bytes()[:40])
    expected = [entry for entry in whole if not first <= entry.name.sequence <= end]
    for key in (None, KEY):
        reader = JournalReader(journal.directory, key)
        assert walked(reader.entries) == (expected, [(first, end)])
        assert walked(reader.all_entries) == (expected, [(first, end)])
        read = []
        with pytest.raises(LostSegment):
            read.extend(reader.entries())
        assert reader.tags([first - 1, first, end, end + 1]) == {n: whole[n - 1].tag for n in (first - 1, end + 1)}
    report = check_journal(journal.directory, KEY)
    (damage,) = report.damage
    assert damage.file == journal.segment(3)
    assert (report.first_sequence, report.last_sequence, report.records) == (1, whole[-1].name.sequence, len(expected))


def test_every_flipped_bit_of_a_sealed_header_is_told_and_nothing_is_silently_wrong(journal):
    first, end = first_of(journal, 2), first_of(journal, 3) - 1
    image = journal.segment(2).read_bytes()
    whole = list(JournalReader(journal.directory, KEY).entries(end + 1))
    for at in range(HEADER):
        for bit in range(8):
            spoil(journal, 2, at, bit)
            lost = []
            reader = JournalReader(journal.directory, None)
            assert [e.name.sequence for e in reader.entries(first - 1, missing=lost.append)] == [
                first - 1,
                *(e.name.sequence for e in whole),
            ]
            assert [(run.first, run.last) for run in lost] == [(first, end)]
            assert lost[0].reason.startswith("seg-00000002.ocj at byte 0: record ")
            journal.segment(2).write_bytes(image)


def test_a_file_that_decay_does_not_explain_is_refused(journal):
    """Its checksum is right: somebody put it there."""
    journal.segment(3).write_bytes(journal.segment(2).read_bytes())
    with pytest.raises(BadHeader, match="it is segment 2"):
        JournalReader(journal.directory)
    with pytest.raises(BadHeader, match="it is segment 2"):
        journal.open(salvage=True)


def test_a_disk_that_gives_no_header_back_says_nothing_of_what_is_lost(journal):
    """The next reading may go well: no range is told for it."""

    class _Bad(OsDisk):
        def pread(self, descriptor, size, offset):
            if Path(f"/proc/self/fd/{descriptor}").readlink().name == "seg-00000003.ocj":
                raise OSError(errno.EIO, "input/output error")
            return super().pread(descriptor, size, offset)

    with pytest.raises(UnreadableJournal):
        JournalReader(journal.directory, KEY, disk=_Bad())


def test_lost_segments_side_by_side_are_one_hole_and_each_is_named(journal):
    first, end = first_of(journal, 2), first_of(journal, 5) - 1
    spoil(journal, 2)
    journal.segment(3).unlink()
    spoil(journal, 4)
    _, lost = walked(JournalReader(journal.directory, KEY).entries)
    assert lost == [(first, end)]
    named = [damage.file for damage in check_journal(journal.directory, KEY).damage]
    assert named == [journal.segment(n) for n in (2, 3, 4)]


def test_the_first_segment_lost_is_told_from_record_1(journal):
    end = first_of(journal, 2) - 1
    spoil(journal, 1)
    found, lost = walked(JournalReader(journal.directory, KEY).entries)
    assert lost == [(1, end)]
    assert found[0].name.sequence == end + 1
    with pytest.raises(LostSegment):
        list(JournalReader(journal.directory, KEY).entries())
    assert next(e.name.sequence for e in JournalReader(journal.directory, KEY).entries(end + 1)) == end + 1


def test_the_newest_segment_lost_is_told_to_the_mark(journal):
    newest = max(n for n in range(1, 16) if journal.segment(n).exists())
    first, last = first_of(journal, newest), 61
    spoil(journal, newest)
    reader = JournalReader(journal.directory, KEY)
    assert walked(reader.entries)[1] == [(first, last)]
    assert walked(reader.all_entries)[1] == [(first, last)]
    assert [d.file for d in check_journal(journal.directory, KEY).damage] == [journal.segment(newest)]
    (journal.directory / "DURABLE").write_bytes(b"")
    assert walked(JournalReader(journal.directory, KEY).all_entries)[1] == [(first, first)]


def test_a_hole_before_a_lost_segment_belongs_to_it(journal):
    """Where that segment ended is not known any more, so a torn tail behind the hole could not be told from records."""
    inside, end = first_of(journal, 2) + 2, first_of(journal, 4) - 1
    image = bytearray(journal.segment(2).read_bytes())
    image[HEADER + 2 * 1524 + 100] ^= 1
    journal.segment(2).write_bytes(image)
    spoil(journal, 3)
    found, lost = walked(JournalReader(journal.directory, KEY).entries)
    assert lost == [(inside, end)]
    assert not any(entry.after_gap for entry in found)
    assert JournalReader(journal.directory).tags([inside - 1, inside + 1]).keys() == {inside - 1}
    assert [d.file.name for d in check_journal(journal.directory, KEY).damage] == [
        "seg-00000002.ocj",
        "seg-00000003.ocj",
    ]


def test_a_failed_segment_that_held_nothing_that_counts_is_no_loss(place, faulty_disk):
    place.create(segments=12)
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        journal.append(KIND, b"kept", durable=True)
        start = len(disk.calls)
        disk.faults = {start: errno.EIO, start + 6: errno.EIO}  # the write, and that of the carried record
        journal.append(KIND, b"moved", durable=True)
    assert first_of(place, 2) == first_of(place, 3)
    spoil(place, 2)
    found, lost = walked(JournalReader(place.directory, KEY).entries)
    assert (lost, [e.payload for e in found][1:]) == ([], [b"kept", b"moved"])


def test_without_salvage_a_start_refuses_a_lost_segment_and_changes_nothing(journal):
    spoil(journal, 3)
    before = journal.snapshot()
    with pytest.raises(LostSegment):
        journal.open()
    assert journal.snapshot() == before


def test_with_salvage_a_start_goes_on_over_a_lost_sealed_segment(journal):
    first, end = first_of(journal, 3), first_of(journal, 4) - 1
    spoil(journal, 3)
    spoiled = journal.segment(3).read_bytes()
    with journal.open(salvage=True) as opened:
        assert opened.append(KIND, b"after", durable=True).sequence == 63
        found, lost = walked(opened.entries)
        assert lost == [(first, end)]
        assert [e.name.sequence for e in found] == [*range(1, first), *range(end + 1, 64)]
        for sequence in (first, end):
            with pytest.raises(KeyError):
                opened.entry(sequence)
        assert opened.entry(first - 1) == found[first - 2]
        scrubbed = [run for step in opened.care.scrub(1) for run in step]
        assert [(run.first, run.last) for run in scrubbed] == [(first, end)]
    assert journal.segment(3).read_bytes() == spoiled
    assert (journal.directory / "damaged-seg-00000003.ocj").read_bytes() == spoiled


def test_a_scrub_notes_a_sealed_segment_whose_header_no_longer_reads(journal):
    with journal.open() as opened:
        first, end = first_of(journal, 3), first_of(journal, 4) - 1
        spoil(journal, 3)
        scrubbed = [run for step in opened.care.scrub(1) for run in step]
        assert [(run.first, run.last) for run in scrubbed] == [(first, end)]
        assert any("checksum is wrong" in fault for fault in opened.faults)
    with journal.open(salvage=True) as opened:
        assert walked(opened.entries)[1] == [(first, end)]


def test_a_lost_segment_is_given_up_with_the_one_before_it(journal):
    spoil(journal, 2)
    with journal.open(salvage=True) as opened:
        tag = opened.entry(40).tag
        assert opened.care.release(40, tag, below=999, is_old=lambda _: True)
        assert opened.care.recycle()
        assert opened.care.recycle()
        assert walked(opened.entries)[1] == []
        assert opened.first_sequence == first_of(journal, 3)

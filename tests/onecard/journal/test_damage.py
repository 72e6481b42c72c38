"""Every cut and every flipped bit of a small segment: told, or harmless; never silently wrong."""

from __future__ import annotations

import struct
import zlib

import pytest

from onecard.identity import RecordName
from onecard.journal import (
    BadHeader,
    CorruptMiddle,
    DurableMark,
    JournalDamage,
    JournalReader,
    UnsupportedVersion,
)
from onecard.journal.check import check_journal
from onecard.journal.frame import decode_frame, encode_frame, salt_seed
from onecard.journal.header import decode_header

KIND = 200
KEY = bytes(range(32))
HEADER = 64


@pytest.fixture
def small(place):
    """A closed journal: BOOT and five durable records; and its entries, its image, the bytes where frames end."""
    place.create(segments=2)
    with place.open() as journal:
        for number in range(5):
            journal.append(KIND, b"record %d" % number, durable=True)
    entries = list(JournalReader(place.directory, KEY).entries())
    image = place.segment().read_bytes()
    seed = salt_seed(decode_header(image[:HEADER], place.segment()).salt)
    ends, offset = [], HEADER
    while frame := decode_frame(image, offset, seed):
        offset = frame.end
        ends.append(offset)
    return place, entries, image, ends


def write(place, image):
    place.segment().write_bytes(image)


def forget_mark(place):
    (place.directory / "DURABLE").write_bytes(b"")


def test_a_cut_at_any_byte_below_the_durable_mark_is_damage_and_left_alone(small):
    place, _entries, image, ends = small
    for cut in range(ends[-1]):
        write(place, image[:cut])
        with pytest.raises(JournalDamage) as caught:
            place.open()
        error = caught.value
        assert error.file == place.segment()
        assert error.offset == (cut if cut < HEADER else max([HEADER, *(end for end in ends if end <= cut)]))
        assert place.segment().read_bytes() == image[:cut]


def test_a_cut_at_any_byte_that_nobody_vouches_for_leaves_the_exact_prefix(small):
    place, entries, image, ends = small
    forget_mark(place)
    blank = place.snapshot()
    for cut in range(HEADER, ends[-1] + 1):
        place.restore(blank)
        write(place, image[:cut])
        whole = sum(end <= cut for end in ends)
        with place.open() as journal:
            assert journal.recovery.last_sequence == whole
            found = list(journal.entries())
            assert found[:whole] == entries[:whole]
            assert len(found) == whole + 1
            added = journal.append(KIND, b"after", durable=True)
        assert added.sequence == whole + 2
        assert [e.payload for e in JournalReader(place.directory, KEY).entries()][-1] == b"after"


def test_no_flipped_bit_is_silently_wrong(small):
    place, _entries, image, ends = small
    marked = (place.directory / "DURABLE").read_bytes()
    for mark in (marked, b""):
        (place.directory / "DURABLE").write_bytes(mark)
        for at in range(ends[-1] + 40):
            for bit in range(8):
                flipped = bytearray(image)
                flipped[at] ^= 1 << bit
                write(place, flipped)
                try:
                    report = check_journal(place.directory, KEY)
                except (BadHeader, UnsupportedVersion) as error:
                    assert at < HEADER
                    assert error.file == place.segment()
                    continue
                if at >= ends[-1]:  # zero-filled space: a torn tail of nothing
                    assert (report.damage, report.records) == ([], 6)
                    assert report.torn_bytes == at - ends[-1] + 1
                elif at >= ends[-2] and not mark:  # the last frame, and nothing vouches for it: as if torn
                    assert (report.damage, report.records) == ([], 5)
                    assert report.torn_bytes > 0
                else:
                    (damage,) = report.damage
                    assert damage.file == place.segment()
                    assert damage.offset == max([HEADER, *(end for end in ends if end <= at)])


def test_a_start_refuses_damage_and_changes_no_file(small):
    place, _entries, image, ends = small
    for at in range(0, ends[-1], 7):
        flipped = bytearray(image)
        flipped[at] ^= 0x10
        write(place, flipped)
        before = place.snapshot()
        with pytest.raises((JournalDamage, UnsupportedVersion)) as caught:
            place.open()
        assert str(place.segment()) in str(caught.value)
        assert place.snapshot() == before


def test_damage_names_what_can_still_be_salvaged(small):
    place, entries, image, ends = small
    flipped = bytearray(image)
    flipped[ends[1] + 20] ^= 1
    write(place, flipped)
    forget_mark(place)
    with pytest.raises(CorruptMiddle) as caught:
        place.open()
    error = caught.value
    assert (error.offset, error.sequence) == (ends[1], 3)
    assert (error.salvage_offset, error.salvage_sequence) == (ends[2], 4)
    read = []
    with pytest.raises(CorruptMiddle):
        read.extend(JournalReader(place.directory, KEY).all_entries())
    walk = JournalReader(place.directory, KEY).all_entries()
    assert [next(walk), next(walk)] == entries[:2]
    with pytest.raises(CorruptMiddle):
        next(walk)


def test_a_lost_record_that_no_later_one_vouches_for_is_a_torn_tail(place):
    """Two records rode along; the sector of the first never landed, that of the second did."""
    place.create(segments=2)
    with place.open() as journal:
        journal.append(KIND, b"durable", durable=True)
        start = journal._active.end
        journal.append(KIND, b"lost", durable=False)
        lost = journal._active.end
        journal.append(KIND, b"landed", durable=False)
        image = bytearray(place.segment().read_bytes())
        mark = (place.directory / "DURABLE").read_bytes()
    image[start:lost] = bytes(lost - start)
    write(place, image)
    (place.directory / "DURABLE").write_bytes(mark)
    with place.open() as journal:
        assert next(e.payload for e in journal.entries(2)) == b"durable"
        assert journal.recovery.last_sequence == 2
        assert journal.recovery.torn_bytes > 24
        assert journal.next_sequence == 4


def test_a_frame_of_another_salt_is_no_frame(small):
    place, _entries, image, ends = small
    foreign = encode_frame(salt_seed(b"8 others"), KIND, 0, 7, b"old life", tag=bytes(8))
    stale = bytearray(image)
    stale[ends[-1] : ends[-1] + len(foreign)] = foreign
    write(place, stale)
    with place.open() as journal:
        assert journal.recovery.last_sequence == 6
        assert journal.recovery.torn_bytes >= 24


def test_a_record_altered_with_its_checksum_is_found_by_the_chain_key(small):
    place, _entries, image, ends = small
    seed = salt_seed(decode_header(image[:HEADER], place.segment()).salt)
    frame = decode_frame(image, ends[2], seed)
    forged = encode_frame(seed, KIND, frame.undurable, frame.sequence, b"record X", tag=frame.tag)
    write(place, image[: ends[2]] + forged + image[ends[3] :])
    assert check_journal(place.directory, None).damage == []
    (damage,) = check_journal(place.directory, KEY).damage
    assert (damage.offset, damage.sequence) == (ends[2], 4)


def test_a_missing_segment_is_named(place):
    place.create(segments=6)
    with place.open() as journal:
        for _ in range(30):
            journal.append(KIND, bytes(1500), durable=True)
    place.segment(2).rename(place.directory / "elsewhere")
    with pytest.raises(BadHeader, match="segment 2 is missing"):
        place.open()
    (place.directory / "elsewhere").rename(place.segment(2))
    place.open().close()


def test_damage_in_a_sealed_segment_is_found_by_check_and_does_not_hide_the_others(place):
    place.create(segments=6)
    with place.open() as journal:
        for _ in range(30):
            journal.append(KIND, bytes(1500), durable=True)
    image = bytearray(place.segment(2).read_bytes())
    image[5000] ^= 1
    place.segment(2).write_bytes(image)
    report = check_journal(place.directory, KEY)
    (damage,) = report.damage
    assert damage.file == place.segment(2)
    assert report.last_sequence == 31
    with pytest.raises(CorruptMiddle):
        list(JournalReader(place.directory, KEY).entries())
    with place.open() as journal, pytest.raises(CorruptMiddle):
        list(journal.entries())


def test_a_mark_of_another_terminal_or_another_chain_is_damage(small):
    place, entries, _image, _ends = small
    mark = (place.directory / "DURABLE").read_bytes()
    (place.directory / "DURABLE").write_bytes(DurableMark(RecordName(1, 1, 6), bytes(8)).encode())
    with pytest.raises(BadHeader, match="mark of terminal 1"):
        place.open()
    (place.directory / "DURABLE").write_bytes(DurableMark(entries[-1].name, bytes(8)).encode())
    (damage,) = check_journal(place.directory, KEY).damage
    assert damage.file.name == "DURABLE"
    (place.directory / "DURABLE").write_bytes(mark)
    assert check_journal(place.directory, KEY).damage == []


def test_a_version_of_the_future_is_refused_by_name(small):
    place, _entries, image, _ends = small
    head = bytearray(image[:60])
    head[6:8] = (2).to_bytes(2, "big")
    write(place, bytes(head) + struct.pack(">I", zlib.crc32(head)) + image[64:])
    with pytest.raises(UnsupportedVersion, match="update the software"):
        place.open()

"""A damaged middle: nothing is cut, a copy is kept, what is whole behind it is found, and the terminal goes on."""

from __future__ import annotations

import contextlib
import errno
import random

import pytest

from onecard.journal import BrokenChain, CorruptMiddle, JournalReader
from onecard.journal.frame import decode_frame, encode_frame, salt_seed
from onecard.journal.header import Cause, decode_header
from onecard.records import RecordKind, decode_record

KIND = 200
KEY = bytes(range(32))


def frames(image):
    seed, offset, found = salt_seed(decode_header(image[:64], None).salt), 64, []
    while frame := decode_frame(image, offset, seed):
        found.append(frame)
        offset = frame.end
    return found


def harm(place, *sequences, number=1):
    """Flips a bit in each of these records of a segment; gives the segment's bytes before."""
    file = place.segment(number)
    image = file.read_bytes()
    bad = bytearray(image)
    for frame in frames(image):
        if frame.sequence in sequences:
            bad[frame.offset + 20] ^= 1
    file.write_bytes(bad)
    return image


@pytest.fixture
def journal(place):
    """BOOT and eight durable records, closed."""
    place.create(segments=6)
    with place.open() as journal:
        for number in range(8):
            journal.append(KIND, b"record %d" % number, durable=True)
    return place


def test_without_salvage_a_start_refuses_and_changes_nothing(journal):
    harm(journal, 4)
    before = journal.snapshot()
    with pytest.raises(CorruptMiddle):
        journal.open()
    assert journal.snapshot() == before


def test_an_altered_record_is_never_salvaged_over(journal):
    """A wrong tag is no decay: somebody wrote it. Such a journal is for the centre."""
    image = journal.segment().read_bytes()
    frame = frames(image)[3]
    seed = salt_seed(decode_header(image[:64], None).salt)
    forged = encode_frame(seed, KIND, 0, frame.sequence, b"record X", tag=frame.tag)
    journal.segment().write_bytes(image[: frame.offset] + forged + image[frame.end :])
    before = journal.snapshot()
    with pytest.raises(BrokenChain):
        journal.open(salvage=True)
    assert journal.snapshot() == before


@pytest.mark.parametrize("marked", [True, False])
def test_the_journal_goes_on_in_a_new_segment_under_new_names(journal, marked):
    harm(journal, 4, 5, 7)
    damaged = journal.segment().read_bytes()
    if not marked:
        (journal.directory / "DURABLE").write_bytes(b"")
    with journal.open(salvage=True) as opened:
        assert [(m.first, m.last) for m in opened.recovery.missing] == [(4, 5), (7, 7)]
        assert opened.epoch == (2 if marked else 3)
        name = opened.append(KIND, b"after", durable=True)
        assert name.sequence == 11
        header = decode_header(journal.segment(2).read_bytes()[:64], None)
        assert (header.cause, header.first_sequence) == (Cause.DAMAGE, 10)
        boot = decode_record(RecordKind.BOOT, opened.entry(10).payload)
        assert (boot.gap_first, boot.gap_last, boot.recovered_from) == (4, 7, 9)
        lost = []
        found = list(opened.entries(missing=lost.append))
        assert [e.name.sequence for e in found] == [1, 2, 3, 6, 8, 9, 10, 11]
        assert [e.after_gap for e in found] == [False] * 3 + [True] * 3 + [False] * 2
        assert {e.name.epoch for e in found[:3]} == {1}
        assert {e.name.epoch for e in found[3:6]} == {opened.epoch - 1}
        assert [(m.first, m.last) for m in lost] == [(4, 5), (7, 7)]
        assert opened.entry(8).payload == b"record 6"
        assert opened.entry(3).payload == b"record 1"
        for sequence in (4, 5, 7):
            with pytest.raises(KeyError):
                opened.entry(sequence)
        with pytest.raises(CorruptMiddle):
            list(opened.entries())
    assert journal.segment().read_bytes() == damaged
    assert (journal.directory / "damaged-seg-00000001.ocj").read_bytes() == damaged
    with journal.open(salvage=True) as opened:
        assert opened.recovery.missing == ()
        assert opened.next_sequence == 13


def test_the_last_record_lost_below_the_mark_leaves_its_number_unused(journal):
    harm(journal, 9)
    with journal.open(salvage=True) as opened:
        assert [(m.first, m.last) for m in opened.recovery.missing] == [(9, 9)]
        assert opened.append(KIND, b"after", durable=True).sequence == 11
        assert [e.name.sequence for e in opened.entries(missing=lambda _: None)] == [*range(1, 9), 10, 11]


def test_the_chain_goes_on_from_the_last_record_that_was_durable(journal):
    last = list(JournalReader(journal.directory, KEY).entries())[-1]
    harm(journal, 9)
    with journal.open(salvage=True):
        pass
    header = decode_header(journal.segment(2).read_bytes()[:64], None)
    assert header.previous_tag == last.tag
    reader = JournalReader(journal.directory, KEY)
    assert [e.name.sequence for e in reader.entries(missing=lambda _: None)][-1] == 10


def test_a_lost_start_is_told_by_the_epochs_around_it(place):
    place.create(segments=6)
    for _ in range(3):
        with place.open() as journal:
            journal.append(KIND, b"x", durable=True)
    harm(place, 3)  # the BOOT of epoch 2
    with place.open(salvage=True) as journal:
        assert journal.epoch == 4
        names = [str(e.name) for e in journal.entries(missing=lambda _: None)]
        assert names == ["4711/1/1", "4711/1/2", "4711/2/4", "4711/3/5", "4711/3/6", "4711/4/7"]
        assert journal.entry(4).name.epoch == 2


def test_a_start_cut_short_while_leaving_a_damaged_segment_is_simply_made_again(place, faulty_disk, power_cut):
    place.create(segments=6)
    with place.open() as journal:
        for number in range(8):
            journal.append(KIND, b"record %d" % number, durable=True)
    harm(place, 4)
    before = place.snapshot()
    disk = faulty_disk()
    place.open(disk=disk, salvage=True).close()
    calls = len(disk.calls)
    for cut in range(calls):
        place.restore(before)
        for extra in place.directory.glob("damaged-*"):
            extra.unlink()
        disk = faulty_disk({cut: "cut"})
        with contextlib.suppress(power_cut):
            place.open(disk=disk, salvage=True).close()
        disk.power_cut(random.Random(cut))
        lost = []
        with place.open(salvage=True) as journal:
            payloads = [e.payload for e in journal.entries(missing=lost.append) if e.kind == KIND]
            assert payloads == [b"record %d" % n for n in range(8) if n != 2]
            assert [(m.first, m.last) for m in lost] == [(4, 4)]
            assert journal.next_sequence >= 11


def test_a_copy_that_cannot_be_made_stops_nothing(journal, faulty_disk):
    class _Full(faulty_disk):
        def open(self, path, flags):
            if path.name.startswith("damaged-"):
                raise OSError(errno.ENOSPC, "no space", str(path))
            return super().open(path, flags)

    harm(journal, 4)
    with journal.open(disk=_Full(), salvage=True) as opened:
        assert any("no copy of seg-00000001.ocj" in fault for fault in opened.faults)
        opened.append(KIND, b"after", durable=True)


def test_damage_in_a_sealed_segment_is_walked_over_and_told(place):
    place.create(segments=8)
    with place.open() as journal:
        for _ in range(30):
            journal.append(KIND, bytes(1500), durable=True)
    inside = frames(place.segment(2).read_bytes())[3].sequence
    harm(place, inside, number=2)
    with place.open(salvage=True) as journal:
        assert journal.recovery.missing == ()
        lost = []
        found = [e.name.sequence for e in journal.entries(missing=lost.append)]
        assert found == [n for n in range(1, 33) if n != inside]
        assert [(m.first, m.last) for m in lost] == [(inside, inside)]
        assert lost[0].reason.startswith("seg-00000002.ocj at byte ")
        assert len(lost[0].reason) <= 120
        assert journal.entry(inside + 1).payload == bytes(1500)

"""A failed segment is left for a fresh one, and for the next when that fails too."""

from __future__ import annotations

import errno
import random

import pytest

from onecard.journal import JournalOutOfService, JournalReader
from onecard.journal.succession import TRIES

KIND = 200


def broken(faulty_disk, name):
    """A disk whose next `left` calls of `name` on segment or pool files fail."""

    class _Failing(faulty_disk):
        left = 0

        def _call(self, call, path, data=b""):
            if call == name and path.name != "DURABLE" and self.left:
                self.left -= 1
                self.calls.append((call, path.name))
                raise OSError(errno.EIO, "input/output error", str(path))
            return super()._call(call, path, data)

    return _Failing()


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_disk_that_fails_every_file_is_given_up_after_some_tries(place, faulty_disk, call):
    place.create(segments=12)
    disk = broken(faulty_disk, call)
    journal = place.open(disk=disk)
    last = journal.append(KIND, b"kept", durable=True)
    disk.left = 99
    with pytest.raises(JournalOutOfService):
        journal.append(KIND, b"lost", durable=True)
    assert 99 - disk.left == 1 + TRIES
    with pytest.raises(JournalOutOfService):
        journal.append(KIND, b"again", durable=True)
    assert 99 - disk.left == 1 + TRIES
    assert journal.entry(last.sequence).payload == b"kept"
    assert disk.retried == []
    journal.close()


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "fsync", "rename", "sync_directory"])
@pytest.mark.parametrize("times", range(1, TRIES + 1))
def test_further_pool_files_are_tried(place, faulty_disk, call, times):
    place.create(segments=12)
    disk = broken(faulty_disk, call)
    journal = place.open(disk=disk)
    journal.append(KIND, b"first", durable=True)
    journal.append(KIND, b"riding", durable=False)
    if call in ("pwrite", "fdatasync"):
        disk.left = times
        journal.append(KIND, b"moved", durable=True)
    else:
        disk.left = times - 1
        journal.append(KIND, b"moved", durable=True)
        journal.prepare()
        for _ in range(5):
            journal.append(KIND, bytes(4000), durable=True)
    assert disk.left == 0
    assert disk.retried == []
    journal.append(KIND, b"last", durable=True)
    expected = [entry.payload for entry in journal.entries(2)]
    assert expected[:3] == [b"first", b"riding", b"moved"]
    assert [journal.entry(n).payload for n in range(2, journal.next_sequence)] == expected
    journal.close()
    with place.open() as journal:
        assert [entry.payload for entry in journal.entries(2)][:-1] == expected
        assert journal.recovery.torn_bytes == 0
    assert [e.payload for e in JournalReader(place.directory, bytes(range(32))).entries(2)][:-1] == expected


def test_a_power_cut_after_two_failed_segments_keeps_what_was_promised(place, faulty_disk):
    for seed in range(20):
        here = type(place)(place.directory / str(seed))
        here.create(segments=6)
        disk = broken(faulty_disk, "fdatasync")
        journal = here.open(disk=disk)
        disk.left = 2
        name = journal.append(KIND, b"promised", durable=True)
        journal.append(KIND, b"riding", durable=False)
        disk.power_cut(random.Random(seed))
        with here.open() as journal:
            assert journal.entry(name.sequence).payload == b"promised"
            assert journal.entry(name.sequence).name == name

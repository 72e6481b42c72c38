"""Power cuts, kills and failing disks: nothing that was promised is lost, nothing else is believed."""

from __future__ import annotations

import errno
import os
import random
import signal
import struct
import time

import pytest

from onecard.journal import Journal, JournalFull, JournalOutOfService, JournalReader
from onecard.journal.check import check_journal
from onecard.records import RecordKind

KIND = 200
KEY = bytes(range(32))
RECORDS = 22


def payload(number: int) -> bytes:
    return struct.pack(">I", number) * (30 + number % 7 * 60)


def work(journal: Journal, promised: dict[int, tuple], written: dict[int, tuple]) -> None:
    """Records of which every third rides along, idle time, one flush; `promised` are durable."""
    for number in range(RECORDS):
        durable = number % 3 != 0
        name = journal.append(KIND, payload(number), durable=durable)
        written[name.sequence] = (name, payload(number))
        if durable:
            promised.update(written)
        if number % 8 == 7:
            journal.prepare()
    journal.flush()
    promised.update(written)


def check_all(place, promised: dict[int, tuple], *, boots: int) -> None:
    """Reopens, appends, reads again: the promised records, each once, in one unbroken chain under rising epochs."""
    with place.open() as journal:
        added = journal.append(KIND, b"after", durable=True)
        names = [(e.name, e.payload) for e in journal.entries()]
    assert check_journal(place.directory, KEY).damage == []
    entries = list(JournalReader(place.directory, KEY).entries())
    assert [(e.name, e.payload) for e in entries] == names
    assert [e.name.sequence for e in entries] == list(range(1, len(entries) + 1))
    assert entries[-1].name == added
    for sequence, (name, content) in promised.items():
        assert (entries[sequence - 1].name, entries[sequence - 1].payload) == (name, content)
    epochs = [e.name.epoch for e in entries]
    assert epochs == sorted(epochs)
    assert sum(e.kind == RecordKind.BOOT for e in entries) == epochs[-1] >= boots


def calls_of_a_run(place, faulty_disk) -> int:
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        work(journal, {}, {})
    return len(disk.calls)


def fresh(place):
    place.create(segments=4)
    return place.snapshot()


def test_a_power_cut_before_any_call_loses_no_promised_record(place, faulty_disk, power_cut):
    blank = fresh(place)
    calls = calls_of_a_run(place, faulty_disk)
    for at in range(calls):
        for seed in range(5):
            place.restore(blank)
            promised, written = {}, {}
            disk = faulty_disk({at: "cut"})
            with pytest.raises(power_cut):
                work(place.open(disk=disk), promised, written)
            disk.power_cut(random.Random(at * 1000 + seed))
            check_all(place, promised, boots=1)


def test_a_power_cut_during_recovery_changes_nothing(place, faulty_disk, power_cut):
    fresh(place)
    disk = faulty_disk()
    promised, written = {}, {}
    journal = place.open(disk=disk)
    work(journal, promised, written)
    for number in range(5):
        journal.append(KIND, payload(number), durable=False)
    disk.power_cut(random.Random(8))
    torn = place.snapshot()
    disk = faulty_disk()
    place.open(disk=disk)
    assert ("pwrite", "seg-00000001.ocj") in disk.calls or ("pwrite", "seg-00000002.ocj") in disk.calls
    disk.power_cut(random.Random(0))
    for at in range(len(disk.calls)):
        place.restore(torn)
        second = faulty_disk({at: "cut"})
        with pytest.raises(power_cut):
            place.open(disk=second)
        second.power_cut(random.Random(at))
        check_all(place, promised, boots=2)


@pytest.mark.parametrize("fault", [errno.EIO, errno.ENOSPC, "short"])
def test_the_nth_call_failing_loses_nothing_and_is_never_retried(place, faulty_disk, fault):
    blank = fresh(place)
    calls = calls_of_a_run(place, faulty_disk)
    refused = 0
    for at in range(calls):
        place.restore(blank)
        promised, written = {}, {}
        disk = faulty_disk({at: fault})
        try:
            with place.open(disk=disk) as journal:
                work(journal, promised, written)
                assert journal.durable_sequence == journal.next_sequence - 1
        except JournalOutOfService:
            refused += 1
        except (JournalFull, OSError):
            raise
        except Exception as error:  # the journal could not be read at its opening
            assert "cannot be read" in str(error) or "holds no journal" in str(error), error
            refused += 1
        assert disk.retried == []
        disk.power_cut(random.Random(at))
        check_all(place, promised, boots=0)
    assert refused < calls / 2, "a single failed write or sync is survived"


def test_a_disk_that_fails_for_good_puts_the_journal_out_of_service(place, faulty_disk):
    fresh(place)
    promised, written = {}, {}
    disk = faulty_disk()
    journal = place.open(disk=disk)
    work(journal, promised, written)
    disk.faults = dict.fromkeys(range(len(disk.calls), 10_000), errno.EIO)
    for _ in range(3):
        with pytest.raises(JournalOutOfService):
            journal.append(KIND, b"x", durable=True)
    assert disk.retried == []
    assert journal.head[0] == journal.durable_sequence == max(promised)
    with pytest.raises(JournalOutOfService):
        journal.flush()
    disk.power_returns()
    assert [e.name.sequence for e in journal.entries()] == list(range(1, max(promised) + 1))
    disk.power_cut(random.Random(1))
    check_all(place, promised, boots=2)


def test_records_of_a_failed_flush_move_to_a_fresh_segment(place, faulty_disk):
    fresh(place)
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        journal.append(KIND, b"lazy", durable=False)
        disk.faults = {len(disk.calls) + 1: errno.EIO}
        name = journal.append(KIND, b"durable", durable=True)
        assert journal.faults == [f"seg-00000001.ocj: [Errno 5] Input/output error: '{place.segment(1)}'"]
        assert journal.durable_sequence == name.sequence == 3
        assert [journal.entry(s).payload for s in (2, 3)] == [b"lazy", b"durable"]
        assert [e.payload for e in journal.entries(2)] == [b"lazy", b"durable"]
        assert disk.retried == []
    assert place.segment(2).exists()
    disk.power_cut(random.Random(3))
    with place.open() as journal:
        assert [e.payload for e in journal.entries(2)][:2] == [b"lazy", b"durable"]


def test_pages_left_by_a_failed_flush_are_not_believed(place, faulty_disk):
    """The process dies right after the failed flush; the page cache shows a record that the medium has not."""
    fresh(place)
    disk = faulty_disk()
    journal = place.open(disk=disk)
    journal.append(KIND, b"ghost", durable=False)
    flush = len(disk.calls)
    disk.faults = dict.fromkeys(range(flush, flush + 60), errno.EIO)
    with pytest.raises(JournalOutOfService):
        journal.flush()
    journal.close()
    assert b"ghost" in place.segment(1).read_bytes()
    disk.power_returns()
    with place.open(disk=disk) as journal:
        assert [e.kind for e in journal.entries()] == [RecordKind.BOOT, RecordKind.BOOT]
        name = journal.append(KIND, b"real", durable=True)
    disk.power_cut(random.Random(1))
    with place.open() as journal:
        assert journal.entry(name.sequence).payload == b"real"


def test_a_flush_that_fails_at_recovery_carries_what_is_not_proved(place, faulty_disk):
    fresh(place)
    with place.open() as journal:
        journal.append(KIND, b"one", durable=True)
        for number in range(4):
            journal.append(KIND, bytes([number]), durable=False)
    (place.directory / "DURABLE").write_bytes(b"")
    probe = faulty_disk()
    snapshot = place.snapshot()
    place.open(disk=probe).close()
    place.restore(snapshot)
    flush = probe.calls.index(("fdatasync", "seg-00000001.ocj"))
    disk = faulty_disk({flush: errno.EIO})
    with place.open(disk=disk) as journal:
        assert journal.recovery.io_error
        assert [e.payload for e in journal.entries(2)][:5] == [b"one", b"\0", b"\1", b"\2", b"\3"]
        assert [e.name.epoch for e in journal.entries(2)] == [1, 1, 1, 1, 1, 2]
        assert disk.retried == []
    assert place.segment(2).exists()
    check_all(place, {}, boots=2)


def test_a_killed_process_loses_no_promised_record(place, fork):
    place.create(segment_size=1 << 16, segments=40)
    rng = random.Random(20)

    def live(pipe):
        journal = place.open()
        pipe.send(None)
        number = 0
        while True:
            number += 1
            name = journal.append(KIND, payload(number), durable=number % 2 == 0)
            if number % 2 == 0:
                pipe.send((name, payload(number)))

    promised: dict[int, tuple] = {}
    for _ in range(20):
        mine, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=live, args=(theirs,))
        process.start()
        theirs.close()
        mine.recv()
        for _ in range(rng.randrange(1, 4)):
            name, content = mine.recv()
            promised[name.sequence] = (name, content)
        time.sleep(rng.random() * 0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        try:
            while True:
                name, content = mine.recv()
                promised[name.sequence] = (name, content)
        except EOFError:
            pass
    check_all(place, promised, boots=20)


def test_the_mark_never_claims_more_than_the_medium_holds(place, faulty_disk, power_cut):
    blank = fresh(place)
    calls = calls_of_a_run(place, faulty_disk)
    for at in range(0, calls, 2):
        place.restore(blank)
        disk = faulty_disk({at: "cut"})
        with pytest.raises(power_cut):
            work(place.open(disk=disk), {}, {})
        disk.power_cut(random.Random(at))
        reader = JournalReader(place.directory, KEY)
        mark = reader.durable
        before = [e.name for e in reader.entries()]
        assert len(before) == (mark.name.sequence if mark else 0)
        place.open().close()
        assert [e.name for e in JournalReader(place.directory).entries()][: len(before)] == before


def test_a_torn_tail_is_zeroed_on_the_medium_before_boot(place, faulty_disk):
    fresh(place)
    with place.open() as journal:
        journal.append(KIND, b"kept", durable=True)
    image = bytearray(place.segment().read_bytes())
    end = len(image.rstrip(b"\0"))
    image[end : end + 3000] = random.Random(5).randbytes(3000)
    place.segment().write_bytes(image)
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        assert 2990 <= journal.recovery.torn_bytes <= 3001
        at = disk.calls.index(("pwrite", "seg-00000001.ocj"))
        assert disk.calls[at : at + 2] == [("pwrite", "seg-00000001.ocj"), ("fdatasync", "seg-00000001.ocj")]
        (boot,) = list(journal.entries(3))
        assert boot.name.epoch == 2
        assert journal.entry(2).payload == b"kept"
    after = place.segment().read_bytes()
    assert len(after.rstrip(b"\0")) < end + 200


def test_a_name_whose_sync_failed_is_synced_before_it_is_built_on(place, faulty_disk):
    fresh(place)
    disk = faulty_disk()
    journal = place.open(disk=disk)
    for _ in range(10):
        journal.append(KIND, bytes(1500), durable=True)
    failing = len(disk.calls) + 4  # open, header, fsync, rename, directory
    disk.faults = dict.fromkeys(range(failing, failing + 60), errno.EIO)
    with pytest.raises(JournalOutOfService):
        journal.append(KIND, bytes(1500), durable=True)
    assert disk.calls[failing][0] == "sync_directory"
    journal.close()
    disk.power_returns()
    with place.open(disk=disk) as journal:
        name = journal.append(KIND, b"built on", durable=True)
    rng = random.Random(0)
    rng.randint = lambda low, high: low  # every rename that was not synced is undone
    disk.power_cut(rng)
    with place.open() as journal:
        assert journal.entry(name.sequence).payload == b"built on"


def test_a_boot_that_had_to_move_leaves_a_whole_chain(place, faulty_disk):
    fresh(place)
    place.open().close()
    probe, snapshot = faulty_disk(), place.snapshot()
    place.open(disk=probe).close()
    place.restore(snapshot)
    boot_flush = max(i for i, call in enumerate(probe.calls) if call == ("fdatasync", "seg-00000001.ocj"))
    with place.open(disk=faulty_disk({boot_flush: errno.EIO})) as journal:
        assert journal.epoch == 2
        assert [e.name.epoch for e in journal.entries()] == [1, 2]
        assert journal.entry(2).name.epoch == 2
    assert [e.name.epoch for e in JournalReader(place.directory, KEY).entries()] == [1, 2]


def test_a_carried_segment_may_be_full_and_the_next_record_still_fits(place, faulty_disk):
    fresh(place)
    disk = faulty_disk()
    with place.open(disk=disk) as journal:
        while journal._active.left > 3000:
            journal.append(KIND, bytes(2800), durable=False)
        disk.faults = {len(disk.calls): errno.EIO}
        name = journal.append(KIND, bytes(4096), durable=True)
        assert journal.entry(name.sequence).payload == bytes(4096)
    check_all(place, {}, boots=1)


def test_a_boot_that_was_not_proved_moves_with_the_life_before_it(place, faulty_disk):
    """A process died between writing BOOT and its flush; at the next start the flush fails."""
    fresh(place)
    place.open().close()
    (place.directory / "DURABLE").write_bytes(b"")
    snapshot = place.snapshot()
    probe = faulty_disk()
    place.open(disk=probe).close()
    place.restore(snapshot)
    flush = probe.calls.index(("fdatasync", "seg-00000001.ocj"))
    with place.open(disk=faulty_disk({flush: errno.EIO})) as journal:
        assert [e.name.epoch for e in journal.entries()] == [1, 2]
    assert [e.name.epoch for e in JournalReader(place.directory, KEY).entries()] == [1, 2]
    check_all(place, {}, boots=3)


@pytest.mark.parametrize("call", ["rename", "fsync"])
def test_a_signal_while_records_are_carried_over_ends_the_writing(place, faulty_disk, call):
    fresh(place)
    disk = faulty_disk()
    journal = place.open(disk=disk)
    name = journal.append(KIND, b"kept", durable=True)

    def interrupted(*_):
        raise KeyboardInterrupt

    setattr(disk, call, interrupted)
    disk.faults = {len(disk.calls): errno.EIO}
    with pytest.raises(KeyboardInterrupt):
        journal.append(KIND, b"interrupted", durable=True)
    delattr(disk, call)
    with pytest.raises(JournalOutOfService):
        journal.append(KIND, b"on top", durable=True)
    journal.close()
    check_all(place, {name.sequence: (name, b"kept")}, boots=2)


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_nothing_is_built_on_an_append_that_a_signal_interrupted(place, faulty_disk, call):
    fresh(place)
    disk = faulty_disk()
    journal = place.open(disk=disk)
    name = journal.append(KIND, b"kept", durable=True)

    def interrupted(*_):
        raise KeyboardInterrupt

    setattr(disk, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append(KIND, b"interrupted", durable=True)
    delattr(disk, call)
    for _ in range(2):
        with pytest.raises(JournalOutOfService, match="interrupted"):
            journal.append(KIND, b"on top", durable=True)
    journal.close()
    check_all(place, {name.sequence: (name, b"kept")}, boots=2)

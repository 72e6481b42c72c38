"""Tables after power cuts, kills, failing disks and decay: the state before an operation or after it, nothing else."""

from __future__ import annotations

import errno
import itertools
import os
import random
import signal
from pathlib import Path

import pytest

from onecard.errors import OnecardError
from onecard.journal import (
    BrokenChain,
    CorruptMiddle,
    Journal,
    JournalDamage,
    JournalLocked,
    JournalOutOfService,
    NoJournal,
)
from onecard.journal.check import check_journal
from onecard.journal.frame import decode_frame, salt_seed
from onecard.journal.header import HEADER_SIZE, decode_header
from onecard.journal.mutable_change import Clear, Delete, Drop, Listed, Put
from onecard.journal.mutable_journal import MutableJournal, TablesFull, tables_key

KEY = bytes(range(32))
SIZE = 16_384


class Tables:
    """One directory of tables; random bytes are counted, so runs repeat."""

    def __init__(self, place) -> None:
        self.place = place
        self.directory: Path = place.directory
        self.restore = place.restore
        self.snapshot = place.snapshot

    def create(self, size: int = SIZE, **more) -> None:
        MutableJournal.create(self.directory, terminal=4711, chain_key=KEY, random=self.place.random, size=size, **more)

    def open(self, **more) -> MutableJournal:
        return MutableJournal.open(self.directory, chain_key=KEY, random=self.place.random, **more)

    @property
    def generation(self) -> Path:
        return max(self.directory.glob("seg-*.ocj"))


@pytest.fixture
def tables(place) -> Tables:
    return Tables(place)


def content(journal: MutableJournal) -> dict:
    """Everything a reader can tell of the tables, the next numbers too."""
    state = journal.state
    return {name: (dict(state.documents(name)), state.next_number(name)) for name in [*state.names(), "gone"]}


def operations(seed: int = 3) -> list[list]:
    """Some forty operations, batches and long documents among them: more than two generations hold."""
    rng = random.Random(seed)
    made = [[Listed("config", 1)], [Listed("gone", 1), Put("gone", 1, b"{}"), Put("gone", 7, b"{}")], [Drop("gone")]]
    for number in range(1, 36):
        document = b'{"v":"' + b"x" * rng.choice((5, 300, 3000, 4300)) + b'%d"}' % number
        match number % 6:
            case 0:
                made.append([Clear("config")])
            case 5:
                made.append([Put("config", n, document[:600]) for n in (10, 11, 12)])
            case 4:
                made.append([Delete("config", 1), Put("config", 2, document[:300])])
            case _:
                made.append([Put("config", 1, document)])
    return made


def work(journal: MutableJournal, done: list[dict]) -> None:
    """`done` gains the content after each operation that returned."""
    for at, changes in enumerate(operations()):
        journal.commit(changes)
        done.append(content(journal))
        if at == 20:
            journal.compact()
            assert content(journal) == done[-1]


def states(tables: Tables) -> list[dict]:
    """The content before the first operation and after each."""
    with tables.open() as journal:
        done = [content(journal)]
        work(journal, done)
    return done


def check_all(tables: Tables, wanted: list[dict], done: list[dict]) -> None:
    """Reopens, changes, reads again: the last state that was promised, or the one after it."""
    with tables.open() as journal:
        found = content(journal)
        assert found in (wanted[len(done)], wanted[min(len(done) + 1, len(wanted) - 1)])
        journal.commit([Listed("after", 1), Put("after", 1, b"{}")])
    assert check_journal(tables.directory, tables_key(KEY)).damage == []
    with tables.open() as journal:
        again = content(journal)
    assert again.pop("after") == ({1: b"{}"}, 2)
    assert again == found


def calls_of_a_run(tables: Tables, faulty_disk) -> list[tuple[str, str]]:
    disk = faulty_disk()
    with tables.open(disk=disk) as journal:
        work(journal, [])
    return disk.calls


def test_a_power_cut_before_any_call_leaves_the_old_or_the_new_state(tables, faulty_disk, power_cut):
    tables.create()
    blank = tables.snapshot()
    calls = calls_of_a_run(tables, faulty_disk)
    assert sum(name == "rename" for name, _ in calls) == 6, "three generations are begun"
    tables.restore(blank)
    wanted = states(tables)
    for at in range(len(calls)):
        for seed in range(2):
            tables.restore(blank)
            done: list[dict] = []
            disk = faulty_disk({at: "cut"})
            with pytest.raises(power_cut):
                work(tables.open(disk=disk), done)
            disk.power_cut(random.Random(at * 1000 + seed))
            check_all(tables, wanted, done)


@pytest.mark.parametrize("fault", [errno.EIO, "short"])
def test_the_nth_call_failing_is_survived_or_leaves_memory_as_the_disk(tables, faulty_disk, fault):
    tables.create()
    blank = tables.snapshot()
    calls = calls_of_a_run(tables, faulty_disk)
    tables.restore(blank)
    wanted = states(tables)
    refused = 0
    for at in range(len(calls)):
        tables.restore(blank)
        done: list[dict] = []
        disk = faulty_disk({at: fault})
        journal = None
        try:
            with tables.open(disk=disk) as journal:
                work(journal, done)
            assert done == wanted[1:]
        except JournalOutOfService:
            refused += 1
            assert journal is None or content(journal) == wanted[len(done)]
        except OnecardError as error:  # it could not be read at its opening
            assert "cannot be read" in str(error) or "holds no journal" in str(error), error
        assert disk.retried == []
        disk.power_cut(random.Random(at))
        check_all(tables, wanted, done)
    assert refused < len(calls) / 3, "one failed write or flush of an operation is survived"


def test_a_disk_that_fails_for_good_shows_what_was_durable(tables, faulty_disk):
    tables.create()
    disk = faulty_disk()
    journal = tables.open(disk=disk)
    journal.commit([Listed("config", 1), Put("config", 1, b'{"a":1}')])
    before = content(journal)
    disk.faults = dict.fromkeys(range(len(disk.calls), 10_000), errno.EIO)
    for _ in range(3):
        with pytest.raises(JournalOutOfService):
            journal.commit([Put("config", 1, b'{"a":2}')])
        assert content(journal) == before
    with pytest.raises(JournalOutOfService):
        journal.compact()
    assert disk.retried == []
    disk.power_returns()
    disk.power_cut(random.Random(1))
    with tables.open() as journal:
        assert content(journal) == before


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "fsync", "rename"])
def test_nothing_is_built_on_an_operation_that_a_signal_interrupted(tables, faulty_disk, call):
    tables.create()
    disk = faulty_disk()
    journal = tables.open(disk=disk)
    journal.commit([Listed("config", 1)])
    before = content(journal)

    def interrupted(*_):
        raise KeyboardInterrupt

    setattr(disk, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.compact() if call in ("fsync", "rename") else journal.commit([Put("config", 1, b"{}")])
    delattr(disk, call)
    for _ in range(2):
        with pytest.raises(JournalOutOfService, match="interrupted"):
            journal.commit([Put("config", 1, b"{}")])
    assert content(journal) == before
    journal.close()
    with tables.open() as journal:
        journal.commit([Put("config", 2, b"{}")])


def test_a_cut_at_every_byte_of_the_last_operation_leaves_the_one_before_or_is_told(tables):
    """The mark vouches for the last operation: as long as it stands, losing that operation is damage."""
    tables.create()
    with tables.open() as journal:
        journal.commit([Listed("config", 1), Put("config", 1, b'{"a":1}')])
        before = content(journal)
        start = journal._active.end
        journal.commit([Put("config", 1, b'{"a":2}'), Put("config", 2, b'{"b":"' + b"y" * 100 + b'"}')])
        after = content(journal)
        end = journal._active.end
    whole = tables.snapshot()
    for cut in range(start, end + 1):
        tables.restore(whole)
        os.truncate(tables.generation, cut)
        if cut < end:
            with pytest.raises(CorruptMiddle):
                tables.open()
            assert tables.generation.stat().st_size == cut
        (tables.directory / "DURABLE").write_bytes(b"")
        with tables.open() as journal:
            assert content(journal) == (after if cut == end else before), cut
            journal.commit([Put("config", 3, b"{}")])
        with tables.open() as journal:
            assert content(journal)["config"][0][3] == b"{}"


def test_a_cut_at_every_byte_of_a_snapshot_is_damage_and_changes_nothing(tables):
    tables.create()
    with tables.open() as journal:
        journal.commit([Listed("config", 1), Put("config", 1, b'{"a":1}'), Put("config", 2, b'{"a":2}')])
        journal.compact()
        end = journal._active.end
    (tables.directory / "DURABLE").write_bytes(b"")
    whole = tables.snapshot()
    for cut in range(end):
        tables.restore(whole)
        os.truncate(tables.generation, cut)
        torn = tables.snapshot()
        with pytest.raises(JournalDamage):
            tables.open()
        assert tables.snapshot() == torn


def test_a_kill_between_snapshot_and_rename_leaves_the_old_generation(tables, faulty_disk, power_cut):
    tables.create()
    with tables.open() as journal:
        journal.commit([Listed("config", 1), Put("config", 1, b'{"a":1}')])
        before = content(journal)
    probe, whole = faulty_disk(), tables.snapshot()
    with tables.open(disk=probe) as journal:
        opened = len(probe.calls)
        journal.compact()
    names = [name for name, _ in probe.calls[opened:]]
    start, named = opened + names.index("pwrite"), opened + names.index("rename")
    assert names[: names.index("rename")].count("fsync") == 2
    assert names[names.index("rename") + 1] == "sync_directory"
    for at, seed in itertools.product(range(start, named + 2), range(6)):
        tables.restore(whole)
        disk = faulty_disk({at: "cut"})
        journal = tables.open(disk=disk)
        with pytest.raises(power_cut):
            journal.compact()
        disk.power_cut(random.Random(seed))
        if at <= named:
            assert tables.generation.name == "seg-00000001.ocj"
        with tables.open() as journal:
            assert content(journal) == before
            journal.compact()
            assert content(journal) == before


def test_the_only_spare_file_is_not_written_while_its_old_name_may_come_back(tables, faulty_disk, power_cut):
    tables.create()
    with tables.open() as journal:
        journal.commit([Listed("config", 1), Put("config", 1, b'{"a":1}')])
        before = content(journal)
    (tables.directory / "pool-00000003.ocj").unlink()
    whole, probe = tables.snapshot(), faulty_disk()
    with tables.open(disk=probe) as journal:
        journal.compact()
        once = len(probe.calls)
        journal.compact()
    for at, seed in itertools.product(range(once, len(probe.calls)), range(6)):
        tables.restore(whole)
        disk = faulty_disk({at: "cut"})
        journal = tables.open(disk=disk)
        journal.compact()
        if at < len(probe.calls) - 3:  # the last ones close it
            with pytest.raises(power_cut):
                journal.compact()
        disk.power_cut(random.Random(seed))
        with tables.open() as journal:
            assert content(journal) == before
            journal.compact()
        for leftover in set(tables.directory.iterdir()) - {tables.directory / name for name in whole}:
            leftover.unlink()


def test_a_compaction_torn_in_any_sector_is_not_read(tables):
    """A spare file holds anything at all, an old generation's header too: nobody looks into it."""
    tables.create()
    with tables.open() as journal:
        journal.commit([Listed("config", 1), Put("config", 1, b'{"a":1}')])
        journal.compact()
        right = content(journal)
    stale = tables.generation.read_bytes()
    for at in range(0, SIZE, 512):
        for spare in tables.directory.glob("pool-*.ocj"):
            spare.write_bytes(stale[:at] + random.Random(at).randbytes(SIZE - at))
        with tables.open() as journal:
            assert content(journal) == right
            journal.compact()
            assert content(journal) == right


def test_after_compaction_an_operation_as_large_as_all_tables_fits(tables):
    tables.create()
    changes = [Listed("config", 1), *(Put("config", n, b'{"v":"' + b"x" * 3000 + b'"}') for n in (1, 2))]
    with tables.open() as journal:
        assert not journal.worth_compacting
        journal.commit(changes)
        assert not journal.worth_compacting
        journal.commit(changes)
        assert journal.worth_compacting
        journal.compact()
        assert not journal.worth_compacting
        generation = tables.generation
        journal.commit(changes)
        assert tables.generation == generation


def test_generations_left_behind_by_a_cut_become_room_again(tables, faulty_disk, power_cut):
    tables.create()
    for round_ in range(1, 8):
        disk = faulty_disk()
        journal = tables.open(disk=disk)
        assert journal.faults == []
        calls = len(disk.calls)
        journal.commit([Listed(f"t{round_}", 1)])
        disk.faults = {calls + 2 + 9: "cut"}  # append and mark, then up to the rename that gives the old file back
        with pytest.raises(power_cut):
            journal.compact()
            journal.compact()
        disk.power_cut(random.Random(round_))
        assert len(list(tables.directory.glob("*.ocj"))) == 3
    with tables.open() as journal:
        assert len(journal.state.names()) == 7
        assert len(list(tables.directory.glob("pool-*.ocj"))) == 2


def test_an_operation_cut_short_is_not_completed_by_the_next(tables):
    """Two whole frames of three landed; a later operation of two frames must not close it."""
    tables.create()
    with tables.open() as journal:
        journal.commit([Listed("config", 1)])
        before = content(journal)
        start = journal._active.end
        journal.commit([Put("config", n, b'{"a":1}') for n in (1, 2, 3)])
    raw = tables.generation.read_bytes()
    seed = salt_seed(decode_header(raw, tables.generation).salt)
    second = decode_frame(raw, decode_frame(raw, start, seed).end, seed)
    tables.generation.write_bytes(raw[: second.end].ljust(SIZE, b"\0"))
    (tables.directory / "DURABLE").write_bytes(b"")
    for _ in range(2):
        with tables.open() as journal:
            assert content(journal) == before
    with tables.open() as journal:
        journal.commit([Put("config", 8, b"{}"), Put("config", 9, b"{}")])
    with tables.open() as journal:
        assert list(journal.state.documents("config")) == [8, 9]


def test_a_failed_flush_at_recovery_moves_the_state_to_a_fresh_file(tables, faulty_disk):
    tables.create()
    with tables.open() as journal:
        journal.commit([Listed("config", 1), Put("config", 1, b'{"a":1}')])
        before = content(journal)
    probe, whole = faulty_disk(), tables.snapshot()
    tables.open(disk=probe).close()
    tables.restore(whole)
    flush = probe.calls.index(("fdatasync", tables.generation.name))
    disk = faulty_disk({flush: errno.EIO})
    with tables.open(disk=disk) as journal:
        assert journal.faults
        assert content(journal) == before
        assert disk.retried == []
    assert tables.generation.name == "seg-00000002.ocj"
    with tables.open() as journal:
        assert content(journal) == before


def test_two_writers_are_refused(tables):
    tables.create()
    with tables.open(), pytest.raises(JournalLocked):
        tables.open()
    tables.open().close()


def test_neither_journal_opens_the_other_and_nothing_is_changed(tables, place, tmp_path):
    other = tmp_path / "money"
    Journal.create(other, terminal=4711, chain_key=KEY, salt=place.random, segment_size=SIZE, segments=3)
    before = {path.name: path.read_bytes() for path in other.iterdir()}
    with pytest.raises(BrokenChain):
        MutableJournal.open(other, chain_key=KEY, random=place.random)
    assert {path.name: path.read_bytes() for path in other.iterdir()} == before
    tables.create()
    mine = tables.snapshot()
    with pytest.raises(BrokenChain):
        place.open()
    assert tables.snapshot() == mine
    with pytest.raises(NoJournal):
        MutableJournal.open(tmp_path / "nowhere", chain_key=KEY, random=place.random)


def test_another_key_is_refused(tables, place):
    tables.create()
    with pytest.raises(BrokenChain):
        MutableJournal.open(tables.directory, chain_key=bytes(32), random=place.random)


def test_full_tables_refuse_more_and_still_remove(tables):
    tables.create()
    with tables.open() as journal:
        journal.commit([Listed("config", 1)])
        document = b'{"v":"' + b"z" * 500 + b'"}'
        for number in itertools.count(1):
            before, files = content(journal), tables.snapshot()
            try:
                journal.commit([Put("config", number, document)])
            except TablesFull as error:
                assert error.capacity == (SIZE - HEADER_SIZE) // 2 < error.size
                break
        assert content(journal) == before
        assert tables.snapshot() == files
        for _ in range(100):  # many generations
            journal.commit([Put("config", 1, document.replace(b"z", b"w"))])
            journal.commit([Put("config", 1, document)])
        journal.commit([Delete("config", 1)])
        journal.commit([Put("config", number, document)])
    with tables.open() as journal:
        assert len(journal.state.documents("config")) == number - 1


def test_an_operation_of_more_frames_than_a_count_holds_is_one_operation(tables):
    tables.create(size=1 << 16)
    with tables.open() as journal:
        journal.commit([Listed("config", 1), *(Put("config", n, b"{}") for n in range(300))])
        assert tables.generation.name == "seg-00000002.ocj"
        right = content(journal)
    with tables.open() as journal:
        assert content(journal) == right


def test_a_killed_process_leaves_each_operation_whole(tables, fork):
    tables.create(size=1 << 15)
    with tables.open() as journal:
        journal.commit([Listed("pairs", 1), Put("pairs", 1, b"0"), Put("pairs", 2, b"0")])

    def live(pipe):
        journal = tables.open()
        number = int(journal.state.documents("pairs")[1])
        pipe.send(number)
        while True:
            number += 1
            text = b"%d" % number
            journal.commit([Put("pairs", 1, text), Put("pairs", 2, text.rjust(900))])
            pipe.send(number)

    rng = random.Random(7)
    promised = 0
    for _ in range(15):
        mine, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=live, args=(theirs,))
        process.start()
        theirs.close()
        for _ in range(rng.randrange(1, 30)):
            promised = max(promised, mine.recv())
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        try:
            while True:
                promised = mine.recv()
        except EOFError:
            pass
        with tables.open() as journal:
            first, second = (int(journal.state.documents("pairs")[n]) for n in (1, 2))
        assert first == second
        assert first in (promised, promised + 1)
    assert promised > 100

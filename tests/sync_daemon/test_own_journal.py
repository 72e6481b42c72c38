"""What the daemon reads of the journal, and how far."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from onecard.bundle import Run
from onecard.identity import TerminalNumber
from onecard.journal import CorruptMiddle, JournalFull, Level
from onecard.journal.mark import DurableMark
from onecard.journal.pool import DURABLE
from onecard.journal.room import level_of
from sync_daemon.own_journal import JournalOfAnother, OwnJournal
from sync_daemon.protocol import Offer
from tests.sync_daemon.keys import CHAIN_KEY, TERMINAL
from tests.sync_daemon.till import Till


def offer(first: int, last: int, records: int = 500, size: int = 256 << 10) -> Offer:
    return Offer(first, last, records, size, {})


def journal(till: Till) -> OwnJournal:
    return OwnJournal(till.data / "journal", TERMINAL)


def runs(own: OwnJournal, last: int, records: int) -> list[Run]:
    cut: list[Run] = []
    first = 1
    while first <= last:
        cut.append(own.cut(offer(first, last, records)))
        first = cut[-1].last_sequence + 1
    return cut


def test_a_directory_without_a_journal_is_an_empty_one(tmp_path: Path) -> None:
    own = OwnJournal(tmp_path / "journal", TERMINAL)
    assert (own.mark(), own.oldest, own.tag(1), own.room_per_mille()) == (None, 1, None, 1000)
    assert own.cut(offer(1, 0)) == Run(TERMINAL, 1, 0, bytes(8), (), bytes(8), {}, ())


def test_a_journal_of_another_terminal_is_refused(till: Till) -> None:
    with pytest.raises(JournalOfAnother, match="of terminal 17, the identity beside it of terminal 18"):
        OwnJournal(till.data / "journal", TerminalNumber(18)).mark()


def test_runs_follow_each_other_without_gap_and_carry_the_chain(till: Till) -> None:
    till.write(1500)  # over several segments
    cut = runs(journal(till), till.durable, 70)
    assert all(run.chain_holds(CHAIN_KEY) for run in cut)
    assert [name for run in cut for name, _, _ in run.named()] == till.names
    assert all(after.previous_tag == before.last_tag for before, after in itertools.pairwise(cut))


def test_a_run_cut_anew_from_anywhere_is_the_same(till: Till) -> None:
    till.write(900)
    own = journal(till)
    walked = runs(own, till.durable, 100)
    for run in reversed(walked):
        assert journal(till).cut(offer(run.first_sequence, till.durable, 100)) == run
        assert own.cut(offer(run.first_sequence, till.durable, 100)) == run


def test_a_run_keeps_to_its_size(till: Till) -> None:
    till.write(400)
    run = journal(till).cut(offer(1, 401, size=8192))
    size = sum(len(payload) for _, payload in run.entries)
    assert 8192 - 4200 < size + 5 * len(run.entries) <= 8192


def test_each_record_is_named_by_its_own_epoch(till: Till) -> None:
    till.write(3)
    till.close()
    again = Till(till.data)
    again.write(2)
    assert journal(again).cut(offer(3, 7)).epoch == 1
    assert journal(again).cut(offer(6, 7)).epoch == 2
    again.close()


def test_a_heartbeat_names_the_end_of_the_journal(till: Till) -> None:
    till.write(4)
    own = journal(till)
    run = own.cut(offer(6, 5))
    assert (run.first_sequence, run.epoch, run.entries) == (6, 1, ())
    assert run.previous_tag == run.last_tag == own.tag(5)


def test_a_mark_that_claims_too_little_makes_no_record_foreign(till: Till) -> None:
    own = journal(till)
    early = own.mark()
    assert early is not None
    till.write(6)
    late = own.mark()
    assert late is not None
    (till.data / "journal" / DURABLE).write_bytes(DurableMark(early.name, early.tag).encode())
    assert own.mark() == early
    assert own.tag(7) == late.tag
    assert own.tag(8) is None
    assert own.cut(offer(1, 1)).last_sequence == 1


def test_what_lies_before_damage_is_sent_first_and_then_what_lies_behind(till: Till) -> None:
    till.write(120)
    names = till.names
    till.close()
    segment = till.data / "journal" / "seg-00000001.ocj"
    raw = bytearray(segment.read_bytes())
    raw[3000] ^= 0xFF
    segment.write_bytes(raw)
    own = OwnJournal(till.data / "journal", TERMINAL)
    own.cut(offer(1, 121, records=5))
    run = own.cut(offer(6, 121))
    assert 6 < run.last_sequence < 121
    assert run.chain_holds(CHAIN_KEY)
    lost = run.last_sequence + 1
    with pytest.raises(CorruptMiddle, match=f"record {lost} is lost"):
        own.cut(offer(lost, lost))
    alone = own.cut(offer(lost, 121))
    assert alone.first_sequence == alone.last_sequence > lost
    assert alone.unproved, "the tag that leads to the first behind a hole is lost too"
    behind = own.cut(offer(alone.last_sequence + 1, 121))
    assert behind.previous_tag == alone.last_tag
    assert not behind.unproved
    assert behind.last_sequence == 121
    assert behind.chain_holds(CHAIN_KEY)
    assert [name for name, _, _ in behind.named()] == [name for name in names if name.sequence >= behind.first_sequence]
    assert own.cut(offer(120, 121)).chain_holds(CHAIN_KEY)
    assert own.tag(lost) is None
    assert own.tag(120) is not None


def test_the_room_told_is_that_of_the_terminals_own_screen_up_to_the_last_sale(tmp_path: Path) -> None:
    till = Till(tmp_path / "small", segments=12)
    own, levels = journal(till), set()
    with pytest.raises(JournalFull):
        while True:
            till.write(40)
            assert own.room_per_mille() == till.room.left_per_mille
            levels.add(level_of(1000 - own.room_per_mille()))
    assert own.room_per_mille() == 0
    assert levels >= {Level.FREE, Level.WARN, Level.COURIER}


def test_damage_beyond_the_mark_is_no_end_of_the_world(till: Till) -> None:
    own = journal(till)
    early = own.mark()
    assert early is not None
    for _ in range(120):
        till.write(1)
    till.close()
    (till.data / "journal" / DURABLE).write_bytes(early.encode())
    segment = till.data / "journal" / "seg-00000001.ocj"
    raw = bytearray(segment.read_bytes())
    raw[3000] ^= 0xFF
    segment.write_bytes(raw)
    assert own.tag(119) is None


def test_records_written_during_a_walk_follow_in_the_next_run(till: Till) -> None:
    till.write(100)
    own = journal(till)
    assert own.cut(offer(1, 101, records=50)).last_sequence == 50
    till.write(100)
    assert own.cut(offer(51, 201)).last_sequence == 101
    run = own.cut(offer(102, 201))
    assert (run.first_sequence, run.last_sequence) == (102, 201)
    assert run.chain_holds(CHAIN_KEY)


def test_a_journal_that_forgot_its_beginning_starts_at_its_oldest_record(till: Till) -> None:
    till.write(900)
    whole = journal(till)
    (till.data / "journal" / "seg-00000001.ocj").unlink()
    own = journal(till)
    assert own.oldest > 1
    run = own.cut(offer(1, 901))
    assert run.first_sequence == own.oldest
    assert run.chain_holds(CHAIN_KEY)
    assert journal(till).tag(own.oldest - 1) == run.previous_tag
    assert whole.tag(own.oldest - 1) == run.previous_tag

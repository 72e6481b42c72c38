"""The sync machine alone: every rule of its docstring, without a line or a clock."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from onecard.downlink import Acknowledgement, Table, pack_acknowledgement, pack_reply
from onecard.errors import OnecardError
from onecard.journal import UnreadableJournal
from sync_daemon.pace import Pace
from sync_daemon.protocol import TRANSITIONS, Alarm, Effect, Event, Keep, Offer, State, SyncMachine, Wait
from sync_daemon.standing import Standing
from tests.sync_daemon.keys import TERMINAL, server_sign, terminal_identity
from tests.sync_daemon.till import table
from tests.sync_daemon.words import Own, ack

PACE = Pace(idle_seconds=1, heartbeat_seconds=30, retry_first_seconds=0.5, retry_cap_seconds=60)


class Unreadable(Own):
    """A journal on a dying disk."""

    def tag(self, sequence: int) -> bytes | None:
        raise UnreadableJournal(Path("seg-00000001.ocj"), "input/output error")


def body(word: Acknowledgement, *tables: bytes) -> bytes:
    return pack_reply(pack_acknowledgement(word, 1, server_sign), tables)


def machine(standing: Standing | None = None, pace: Pace = PACE, random: float = 0.0) -> SyncMachine:
    return SyncMachine(TERMINAL, terminal_identity().keys, standing or Standing(), pace, lambda: random)


def offered(sync: SyncMachine, now: float, durable: int) -> Offer:
    offer = sync.tick(now, durable)
    assert isinstance(offer, Offer)
    return offer


def effects(sync: SyncMachine, reply: bytes, chain: Own, *, keep: bool = True) -> list[Effect]:
    """All effects of a reply, each kept as it comes."""
    sync.receive(reply)
    seen = []
    while (effect := sync.next_effect(chain)) is not None:
        seen.append(effect)
        if isinstance(effect, Keep) and keep:
            sync.kept(effect)
    return seen


def answered(sync: SyncMachine, now: float, durable: int, last: int | None = None) -> None:
    """One good round: `last` is what fitted in the bundle."""
    offer = offered(sync, now, durable)
    sent = offer.last if last is None else last
    effects(sync, body(ack(sent)), Own(durable))
    assert sync.conclude(now, sent) is None


def test_there_is_no_other_move_than_those_of_the_table() -> None:
    for state, event in itertools.product(State, Event):
        sync = machine()
        sync.state = state
        if (state, event) in TRANSITIONS:
            sync._move(event)
            assert sync.state is TRANSITIONS[state, event]
        else:
            with pytest.raises(KeyError):
                sync._move(event)


def test_nothing_is_offered_while_a_bundle_is_in_flight() -> None:
    sync = machine()
    offered(sync, 0, 1)
    with pytest.raises(AssertionError):
        sync.tick(1, 1)


def test_nothing_above_the_durable_mark_is_offered() -> None:
    assert offered(machine(), 0, 7).last == 7


def test_offers_begin_after_what_was_acknowledged() -> None:
    offer = offered(machine(Standing(ack(40), {Table.TARIFF: 3})), 0, 45)
    assert (offer.first, offer.last, offer.backlog, offer.have) == (41, 45, 5, {1: 3})


def test_a_mark_behind_the_acknowledgement_is_waited_for() -> None:
    offer = offered(machine(Standing(ack(40))), 0, 30)
    assert offer.backlog == 0


@pytest.mark.parametrize(("random", "factor"), [(0.0, 0.5), (0.5, 0.75), (0.999, 0.9995)])
def test_waits_double_up_to_the_cap_with_jitter_over_their_upper_half(random: float, factor: float) -> None:
    sync = machine(random=random)
    now = 0.0
    for whole in (0.5, 1, 2, 4, 8, 16, 32, 60, 60):
        offered(sync, now, 1)
        sync.failed(now)
        match sync.tick(now, 1):
            case Wait(until):
                assert until - now == pytest.approx(whole * factor)
                now = until
            case Offer():
                raise AssertionError


def test_years_of_failures_still_wait_the_cap() -> None:
    assert PACE.retry_seconds(10**6, 0.0) == 30


def test_new_records_do_not_shorten_a_back_off() -> None:
    sync = machine()
    offered(sync, 0, 1)
    sync.failed(0)
    assert sync.tick(0.1, 900) == Wait(0.25)


def test_success_ends_the_back_off() -> None:
    sync = machine()
    offered(sync, 0, 1)
    sync.failed(0)
    answered(sync, 1, 1)
    assert sync.failures == 0
    offered(sync, 31, 1)
    sync.failed(31)
    assert sync.tick(31, 1) == Wait(31.25)


def test_a_taps_records_travel_together() -> None:
    sync = machine()
    answered(sync, 0, 1)
    assert sync.tick(5, 2) == Wait(6)
    assert sync.tick(5.8, 3) == Wait(6.8)
    assert offered(sync, 6.8, 3).backlog == 2


def test_a_till_that_is_never_still_is_not_waited_for() -> None:
    sync = machine()
    answered(sync, 0, 1)
    durable = 1
    for tenth in range(50, 100):
        durable += 1
        assert isinstance(sync.tick(tenth / 10, durable), Wait)
    assert offered(sync, 10.0, durable).backlog == 50


def test_a_full_bundle_is_not_held_back() -> None:
    sync = machine()
    answered(sync, 0, 1)
    assert isinstance(sync.tick(5, 500), Wait)
    assert offered(sync, 5.01, 501).records_limit == 500


def test_the_rest_of_a_backlog_follows_at_once() -> None:
    sync = machine()
    answered(sync, 0, 700, last=500)
    assert offered(sync, 0, 700).first == 501


def test_an_answer_that_moves_nothing_is_not_asked_for_in_a_loop() -> None:
    sync = machine(Standing(ack(4)))
    offered(sync, 0, 6)
    effects(sync, body(ack(4)), Own(6))
    note = sync.conclude(0, 6)
    assert note is not None
    assert "records 5 to 6" in note.text
    assert sync.tick(0, 6) == Wait(0.25)


def test_an_answer_to_a_heartbeat_needs_to_move_nothing() -> None:
    sync = machine(Standing(ack(6)))
    offered(sync, 0, 6)
    effects(sync, body(ack(6)), Own(6))
    assert sync.conclude(0, 6) is None
    assert sync.tick(0, 6) == Wait(30)


def test_an_acknowledgement_of_more_than_was_sent_is_taken_over() -> None:
    sync = machine()
    offered(sync, 0, 900)
    effects(sync, body(ack(800)), Own(900))
    sync.conclude(0, 500)
    assert offered(sync, 0, 900).first == 801


def test_what_was_not_kept_does_not_count() -> None:
    sync = machine()
    offered(sync, 0, 3)
    effects(sync, body(ack(3), table(Table.TARIFF, 0, 2)), Own(3), keep=False)
    assert sync.conclude(0, 3) is not None
    assert sync.standing == Standing()


def test_a_chunk_after_one_that_was_not_kept_is_refused() -> None:
    sync = machine()
    offered(sync, 0, 0)
    reply = body(ack(0), table(Table.CERTIFICATES, 0, 5), table(Table.CERTIFICATES, 5, 9))
    seen = effects(sync, reply, Own(0), keep=False)
    assert [type(effect).__name__ for effect in seen] == ["Keep", "Keep", "Note"]


def test_a_reply_that_comes_twice_or_late_changes_nothing() -> None:
    sync = machine()
    offered(sync, 0, 3)
    reply = body(ack(3), table(Table.TARIFF, 0, 2))
    effects(sync, reply, Own(3))
    sync.conclude(0, 3)
    before = (sync.standing, sync.state, sync.due_at)
    assert effects(sync, reply, Own(3)) == []
    assert sync.conclude(9, 3) is None
    assert (sync.standing, sync.state, sync.due_at) == before


def test_a_late_reply_during_a_back_off_is_used_and_the_back_off_kept() -> None:
    sync = machine()
    offered(sync, 0, 3)
    sync.failed(0)
    effects(sync, body(ack(3)), Own(3))
    assert sync.conclude(0.1, 3) is None
    assert (sync.state, sync.standing.received) == (State.BACKING_OFF, 3)


def test_new_tables_are_told_back_at_once_and_old_ones_are_not() -> None:
    sync = machine()
    offered(sync, 0, 0)
    effects(sync, body(ack(0), table(Table.TARIFF, 0, 2)), Own(0))
    sync.conclude(0, 0)
    assert offered(sync, 0, 0).have == {1: 2}
    effects(sync, body(ack(0), table(Table.TARIFF, 0, 2)), Own(0))
    sync.conclude(0, 0)
    assert sync.tick(0, 0) == Wait(30)


def test_a_new_generation_that_has_less_is_offered_it_again() -> None:
    sync = machine(Standing(ack(40)))
    offered(sync, 0, 41)
    effects(sync, body(ack(25, generation=2)), Own(41))
    assert sync.conclude(0, 41) is None
    assert offered(sync, 0, 41).first == 26


def test_a_foreign_head_sends_offers_round_the_whole_journal() -> None:
    sync = machine(Standing(ack(10)), PACE)
    firsts = []
    for last in (510, 520, 510, 520):
        offer = offered(sync, 1000, 520)
        firsts.append(offer.first)
        seen = effects(sync, body(ack(9000)), Own(520))
        assert [type(effect) for effect in seen] == [Alarm]
        assert sync.conclude(0, last) is None
        assert sync.state is State.BACKING_OFF
    assert firsts == [11, 511, 11, 511]
    assert sync.standing.received == 10
    offered(sync, 1000, 520)
    effects(sync, body(ack(520)), Own(520))
    assert sync.conclude(1000, 510) is None
    assert sync.tick(1000, 520) == Wait(1030)


def test_after_a_foreign_head_offers_begin_again_where_the_server_is() -> None:
    sync = machine(Standing(ack(10)))
    for now, word, last in ((1000, ack(9000), 510), (2000, ack(10), 520)):
        offered(sync, now, 520)
        effects(sync, body(word), Own(520))
        sync.conclude(now, last)
    assert sync.tick(3000, 520) == Offer(11, 520, 500, 256 << 10, {})


def test_what_a_failed_round_left_undone_is_not_done_later() -> None:
    sync = machine()
    offered(sync, 0, 3)
    sync.receive(body(ack(3), table(Table.TARIFF, 0, 2)))
    with pytest.raises(UnreadableJournal):
        sync.next_effect(Unreadable(3))
    sync.failed(0)
    assert sync.next_effect(Own(3)) is None


def test_a_server_that_wants_less_is_offered_half_at_once_down_to_one() -> None:
    sync = machine()
    limits = []
    for _ in range(9):
        limits.append(offered(sync, 0, 900).records_limit)
        sync.failed(0, too_large=True)
    assert limits == [500, 250, 125, 62, 31, 15, 7, 3, 1]
    assert isinstance(sync.tick(0, 900), Wait)


@pytest.mark.parametrize("junk", [b"", b"\x80", b"\x81\x01", b"<html>", b"\x81\x41\x00"])
def test_a_body_that_is_no_reply_is_a_named_error(junk: bytes) -> None:
    sync = machine()
    offered(sync, 0, 1)
    with pytest.raises(OnecardError):
        sync.receive(junk)
    sync.failed(0)
    assert sync.next_effect(Own(1)) is None


def test_a_hole_is_walked_round_to_the_end_of_the_journal_without_a_pause() -> None:
    sync = machine(Standing(ack(10)), PACE)
    for first, last in ((11, 12), (13, 512), (513, 1012)):
        assert offered(sync, 7, 1300).first == first
        effects(sync, body(ack(10)), Own(1300))
        assert sync.conclude(7, last, over_hole=first == 11) is None
        assert (sync.state, sync.failures) == (State.RESTING, 0)
    assert offered(sync, 7, 1300).first == 1013
    effects(sync, body(ack(1300)), Own(1300))
    assert sync.conclude(7, 1300) is None
    assert sync.tick(7, 1300) == Wait(37)


def test_a_hole_the_server_does_not_pass_is_offered_round_one_bundle_at_each_retry() -> None:
    sync = machine(Standing(ack(10)), PACE)
    offered(sync, 7, 600)
    effects(sync, body(ack(10)), Own(600))
    assert sync.conclude(7, 500, over_hole=True) is None
    for now, first, last in ((1000, 501, 600), (2000, 11, 500), (3000, 501, 600)):
        assert offered(sync, now, 600).first == first
        effects(sync, body(ack(10)), Own(600))
        note = sync.conclude(now, last, over_hole=first == 11)
        assert note is not None
        assert "does not acknowledge" in note.text
        assert sync.state is State.BACKING_OFF
    offered(sync, 4000, 600)
    effects(sync, body(ack(600)), Own(600))
    assert sync.conclude(4000, 600) is None


def test_after_a_hole_was_passed_the_next_one_is_walked_round_as_quickly() -> None:
    sync = machine(Standing(ack(10)), PACE)
    offered(sync, 7, 20)
    effects(sync, body(ack(10)), Own(20))
    assert sync.conclude(7, 20, over_hole=True) is not None
    offered(sync, 100, 20)
    effects(sync, body(ack(20)), Own(20))
    assert sync.conclude(100, 20, over_hole=True) is None
    offered(sync, 200, 900)
    effects(sync, body(ack(20)), Own(900))
    assert sync.conclude(200, 500, over_hole=True) is None
    assert sync.state is State.RESTING

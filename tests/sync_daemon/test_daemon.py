"""The daemon against a centre that answers over real TLS; time and jitter are moved by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from onecard.bundle import UNKNOWN, Status
from onecard.cbor import encode
from onecard.condition import Condition
from onecard.downlink import Table, pack_reply
from onecard.durable_file import replace_file
from onecard.enrolment import encode_identity
from onecard.envelope import Domain, seal_envelope, server_key_id
from onecard.inbox_names import chunk_name, version_name
from onecard.keys import KeyRing, Role
from sync_daemon.daemon import AnotherDaemon, Daemon
from sync_daemon.pace import Pace
from sync_daemon.uplink import REPLY_LIMIT, Uplink
from tests.sync_daemon.keys import TERMINAL, server_sign, terminal_identity
from tests.sync_daemon.peer import Line, cut_reply, cut_request, reply
from tests.sync_daemon.till import MADE_AT, Till, make_data, table

PACE = Pace(idle_seconds=0, heartbeat_seconds=30, retry_first_seconds=1, retry_cap_seconds=300)
WALL = MADE_AT + 60


class Office:
    """A daemon with a clock that is moved, and what it logged."""

    def __init__(self, data: Path, line: Line, ca: Path, pace: Pace = PACE) -> None:
        self.now = 0.0
        self.logged: list[str] = []
        self.data = data
        self._closed = False
        self._uplink = Uplink(line.url, ca, read_seconds=5)
        self.daemon = Daemon(
            data,
            self._uplink.post,
            pace,
            wall=lambda: WALL,
            monotonic=lambda: self.now,
            random=lambda: 0.5,
            log=self.logged.append,
        )

    def settle(self) -> None:
        """Steps until nothing is due now."""
        while self.daemon.step() == 0.0:
            pass

    def later(self, seconds: float) -> None:
        """Time goes on, and what is due then is done."""
        self.now += seconds
        self.settle()

    @property
    def shown(self) -> dict[str, object]:
        """The terminal's status file."""
        status: dict[str, object] = json.loads((self.data / "outbox" / "status").read_text())
        return status

    def restarted(self, line: Line, ca: Path) -> Office:
        """The same terminal after its daemon was started again."""
        self.close()
        return Office(self.data, line, ca)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.daemon.close()
            self._uplink.close()


@pytest.fixture
def office(till: Till, line: Line, authority: tuple[Path, Path]) -> Iterator[Office]:
    office = Office(till.data, line, authority[0])
    yield office
    office.close()


def alarmed(office: Office, words: str) -> None:
    assert words in str(office.shown["alarm"])
    assert office.shown["line_up"] is False


def test_every_durable_record_arrives_once_under_its_name(office: Office, till: Till, line: Line) -> None:
    till.write(1200)
    office.settle()
    assert sorted(line.peer.records) == till.names
    assert line.peer.repeated == 0
    assert [len(run.entries) for run in line.peer.runs] == [500, 500, 201]
    assert line.connections == 1


def test_what_is_not_durable_is_not_sent(office: Office, till: Till, line: Line) -> None:
    last = till.write(1)
    till.write(1, durable=False)
    office.settle()
    assert max(line.peer.records) == last


def test_an_idle_terminal_asks_for_news_at_each_heartbeat(office: Office, till: Till, line: Line) -> None:
    office.settle()
    office.later(29.9)
    assert len(line.peer.runs) == 1
    office.later(0.1)
    assert [len(run.entries) for run in line.peer.runs] == [1, 0]
    assert line.peer.runs[1].first_sequence == till.durable + 1


def test_the_heartbeat_tells_backlog_oldest_room_and_clock(office: Office, till: Till, line: Line) -> None:
    till.write(599)
    office.settle()
    office.later(30)
    first, second, idle = (run.status for run in line.peer.runs)
    assert (first[0], first[1], first[3]) == (600, MADE_AT, WALL)
    assert (second[0], idle[:2]) == (100, (0, 0))
    assert 0 < first[2] < 1000


def test_the_heartbeat_tells_what_the_firmware_says_of_itself(office: Office, till: Till, line: Line) -> None:
    told = Condition(MADE_AT, 730, 0, 1, 1_002_003, 2, 3)
    replace_file(till.data / "condition", told.encode())
    office.settle()
    office.later(30)
    first, second = (run.status for run in line.peer.runs)
    assert first[Status.HOTLIST_AT :] == (MADE_AT, 730, 0, 1, 1_002_003, 2, 0, 3)
    assert second[Status.CONTACT_AT] == WALL


def test_a_heartbeat_without_a_running_firmware_pretends_to_know_nothing(
    office: Office, till: Till, line: Line
) -> None:
    (till.data / "condition").write_bytes(b"{")
    office.settle()
    (run,) = line.peer.runs
    assert run.status[Status.HOTLIST_AT :] == (0, *[UNKNOWN] * 5, 0, UNKNOWN)


def test_a_wish_at_the_terminal_is_tried_at_once_while_backing_off(office: Office, till: Till, line: Line) -> None:
    line.down()
    office.settle()
    for wait in (0.75, 1.5, 3.0):
        office.later(wait)
    line.up()
    assert office.daemon.step() > 0
    replace_file(till.data / "condition", Condition(syncs_wanted=1).encode())
    office.settle()
    assert sorted(line.peer.records) == till.names
    assert "asks to send now" in "".join(office.logged)
    runs = len(line.peer.runs)
    office.later(1)
    replace_file(till.data / "condition", Condition(syncs_wanted=2).encode())
    office.settle()
    assert len(line.peer.runs) == runs + 1, "also when there is nothing to send: a question for news"
    replace_file(till.data / "condition", Condition().encode())  # the firmware starts anew
    office.settle()
    assert len(line.peer.runs) == runs + 1


def test_a_terminal_before_its_first_start_still_asks_for_tables(
    tmp_path: Path, line: Line, authority: tuple[Path, Path]
) -> None:
    make_data(tmp_path / "new")
    line.peer.downlinks = [table(Table.TARIFF, 0, 4)]
    office = Office(tmp_path / "new", line, authority[0])
    office.settle()
    assert (tmp_path / "new" / "inbox" / "tariff").exists()
    assert line.peer.runs[0].entries == ()
    office.close()


def test_server_away_and_back_with_exact_waits(office: Office, till: Till, line: Line) -> None:
    line.down()
    office.settle()
    for wait in (0.75, 1.5, 3.0, 6.0):  # first × 2^(n−1), jitter at its middle: three quarters of it
        tries = len(office.logged)
        office.later(wait - 0.01)
        assert len(office.logged) == tries
        office.later(0.01)
        assert len(office.logged) == tries + 1
    assert "cannot be reached" in str(office.shown["last_error"])
    assert "next try in 12.0 s" in office.logged[-1]
    line.up()
    office.later(12.0)
    assert sorted(line.peer.records) == till.names
    assert office.shown == {
        "line_up": True,
        "backlog": 0,
        "oldest_at": 0,
        "last_contact_at": WALL,
        "last_error": "",
        "alarm": "",
    }


def test_line_cut_in_the_request_loses_nothing(office: Office, till: Till, line: Line) -> None:
    line.peer.faults.append(cut_request)
    office.settle()
    assert line.peer.records == {}
    office.later(0.75)
    assert sorted(line.peer.records) == till.names


def test_line_cut_in_the_reply_doubles_nothing(office: Office, till: Till, line: Line) -> None:
    line.peer.faults.append(cut_reply)
    office.settle()
    assert sorted(line.peer.records) == till.names
    assert office.shown["line_up"] is False
    office.later(0.75)
    assert (line.peer.repeated, line.peer.forks) == (till.durable, 0)
    assert office.shown["line_up"] is True


def test_a_restart_resumes_after_what_was_acknowledged(
    office: Office, till: Till, line: Line, authority: tuple[Path, Path]
) -> None:
    office.settle()
    till.write(3)
    again = office.restarted(line, authority[0])
    again.settle()
    again.close()
    assert line.peer.runs[-1].first_sequence == 2
    assert line.peer.repeated == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "update the terminal's software"),
        (401, "enrol it again"),
        (403, "the server refuses this terminal"),
        (503, "busy"),
        (302, "ask the centre"),
    ],
)
def test_a_refusal_keeps_the_records_and_shows_the_reason(
    office: Office, till: Till, line: Line, status: int, words: str
) -> None:
    line.peer.faults.append(reply(status, "不行\n".encode()))
    office.settle()
    assert words in str(office.shown["last_error"])
    assert f"{status} (不行)" in str(office.shown["last_error"])
    office.later(0.75)
    assert sorted(line.peer.records) == till.names


def test_a_server_that_finds_bundles_too_large_gets_smaller_ones_at_once(
    office: Office, till: Till, line: Line
) -> None:
    till.write(300)
    line.peer.faults.extend([reply(413, b""), reply(413, b"")])
    office.settle()
    assert [len(run.entries) for run in line.peer.runs] == [125, 125, 51]


def test_an_oversized_reply_is_refused(office: Office, line: Line) -> None:
    line.peer.faults.append(reply(200, bytes(REPLY_LIMIT + 1)))
    office.settle()
    assert f"more than {REPLY_LIMIT} bytes" in str(office.shown["last_error"])
    office.later(0.75)
    assert office.shown["line_up"] is True


def test_a_forged_acknowledgement_is_not_believed(office: Office, till: Till, line: Line) -> None:
    words = encode([1, TERMINAL, 1, bytes(8), 1, bytes(8), 1, 0])
    forged = seal_envelope(server_key_id(1), Domain.ACKNOWLEDGEMENT, words, lambda message: bytes(64))
    line.peer.faults.append(reply(200, pack_reply(forged, [])))
    office.settle()
    assert "signature" in str(office.shown["last_error"])
    assert not (till.data / "inbox" / "acknowledgement").exists()


def test_an_acknowledgement_for_another_terminal_is_not_believed(office: Office, till: Till, line: Line) -> None:
    line.peer.faults.append(lambda h, a: (200, pack_reply(line.peer.acknowledgement(terminal=18), [])))
    office.settle()
    assert "for terminal 18 reached terminal 17" in str(office.shown["last_error"])
    assert not (till.data / "inbox" / "acknowledgement").exists()


def test_an_old_acknowledgement_replayed_changes_nothing(office: Office, till: Till, line: Line) -> None:
    office.settle()
    old = line.peer.acknowledgement()
    till.write(4)
    office.settle()
    kept = (till.data / "inbox" / "acknowledgement").read_bytes()
    line.peer.faults.append(reply(200, pack_reply(old, [])))
    office.later(30)
    assert any("an old acknowledgement: up to 1 (safe 1), 5 (safe 5) is known" in line for line in office.logged)
    assert (till.data / "inbox" / "acknowledgement").read_bytes() == kept
    till.write(1)
    office.settle()
    assert line.peer.runs[-1].first_sequence == 6


def test_a_head_with_another_tag_raises_the_alarm_and_nothing_is_believed(
    office: Office, till: Till, line: Line
) -> None:
    line.peer.faults.append(lambda h, a: (200, pack_reply(line.peer.acknowledgement(received=1, safe=0), [])))
    office.settle()
    alarmed(office, "another record 1 than this journal")
    assert not (till.data / "inbox" / "acknowledgement").exists()
    office.later(0.75)
    assert sorted(line.peer.records) == till.names
    assert office.shown["alarm"] == ""


def test_a_head_beyond_the_journal_raises_the_alarm_and_offers_go_on(office: Office, till: Till, line: Line) -> None:
    till.write(700)
    lie = lambda h, a: (a()[0], pack_reply(line.peer.acknowledgement(received=9000, safe=0), []))  # noqa: E731
    line.peer.faults.extend([lie, lie, lie])
    office.settle()
    alarmed(office, "has record 9000 and this journal does not reach it")
    office.later(0.75)
    office.later(1.5)
    assert [(run.first_sequence, len(run.entries)) for run in line.peer.runs] == [(1, 500), (501, 201), (1, 500)]
    assert not (till.data / "inbox" / "acknowledgement").exists()


def test_a_server_put_back_to_a_backup_gets_again_what_it_lost(office: Office, till: Till, line: Line) -> None:
    till.write(9)
    office.settle()
    line.peer.forget_above(4)
    line.peer.generation = 2
    office.later(30)
    assert sorted(line.peer.records) == till.names
    assert line.peer.runs[-1].first_sequence == 5
    assert line.peer.repeated == 0


def test_a_server_put_back_without_a_new_generation_is_told_not_followed(
    office: Office, till: Till, line: Line
) -> None:
    till.write(9)
    office.settle()
    line.peer.forget_above(4)
    till.write(1)
    office.settle()
    assert any("without raising its generation" in line for line in office.logged)
    assert "does not acknowledge records 11 to 11" in str(office.shown["last_error"])
    assert line.peer.received == 4


def test_tables_are_kept_and_told_back_at_once(office: Office, till: Till, line: Line) -> None:
    line.peer.downlinks = [table(Table.TARIFF, 0, 7), table(Table.CERTIFICATES, 0, 5), table(Table.CERTIFICATES, 5, 9)]
    office.settle()
    inbox = till.data / "inbox"
    assert (inbox / "tariff").read_bytes() == line.peer.downlinks[0]
    assert [f.name for f in sorted((inbox / "certificates").iterdir())] == [version_name(5), version_name(9)]
    assert line.peer.runs[1].have == {Table.TARIFF: 7, Table.CERTIFICATES: 9}
    assert len(line.peer.runs) == 2


def test_tables_are_remembered_over_a_restart(
    office: Office, till: Till, line: Line, authority: tuple[Path, Path]
) -> None:
    line.peer.downlinks = [table(Table.HOTLIST, 0, 3), table(Table.CERTIFICATES, 0, 5), table(Table.CERTIFICATES, 5, 6)]
    office.settle()
    before = len(line.peer.runs)
    again = office.restarted(line, authority[0])
    again.settle()
    again.close()
    assert line.peer.runs[before].have == {Table.HOTLIST: 3, Table.CERTIFICATES: 6}


def test_what_the_firmware_keeps_is_held_and_a_kept_table_that_is_gone_is_asked_for_anew(
    office: Office, till: Till, line: Line
) -> None:
    kept = till.data / "packed/state" / version_name(6)
    line.peer.downlinks = [table(Table.STATE, 0, 5), table(Table.STATE, 5, 6)]
    office.settle()
    line.peer.downlinks = []
    kept.parent.mkdir(parents=True)
    kept.touch()
    office.later(30)
    assert not (till.data / "inbox" / chunk_name(Table.STATE, 5)).exists()
    assert not (till.data / "inbox" / chunk_name(Table.STATE, 6)).exists()
    office.later(30)
    assert line.peer.runs[-1].have == {Table.STATE: 6}
    kept.rename(kept.with_name("damaged"))
    office.later(30)
    office.later(30)
    assert line.peer.runs[-1].have == {}


def test_unusable_downlinks_stand_in_no_others_way(office: Office, till: Till, line: Line) -> None:
    foreign = table(Table.TARIFF, 0, 8, terminal=18)
    envelope = seal_envelope(
        server_key_id(1), Domain.DOWNLINK, encode([encode([1, TERMINAL, 99, 0, 1, 0, 0]), b"sealed"]), server_sign
    )
    forged = bytearray(table(Table.TARIFF, 0, 9))
    forged[-1] ^= 1
    line.peer.downlinks = [envelope, foreign, bytes(forged), table(Table.SETTINGS, 1, 2), table(Table.HOTLIST, 0, 2)]
    office.settle()
    logged = "\n".join(office.logged)
    assert "table 99 is not known to this software" in logged
    assert "for terminal 18 reached terminal 17" in logged
    assert "the signature of a message for downlink is wrong" in logged
    assert "settings version 2: only whole tables are carried, this one changes 1" in logged
    assert (till.data / "inbox" / chunk_name(Table.HOTLIST, 2)).exists()
    assert not (till.data / "inbox" / "tariff").exists()


def test_keys_that_the_firmware_put_down_are_followed_without_a_restart(office: Office, till: Till, line: Line) -> None:
    office.settle()
    identity = terminal_identity().public()
    renewed = {**identity.keys.held, (Role.ISSUER, 2): bytes(32)}
    replace_file(till.data / "identity", encode_identity(replace(identity, keys=KeyRing(renewed))))
    office.later(30)
    assert "the terminal's keys were renewed" in office.logged
    assert office.shown["line_up"] is True


def test_a_server_key_that_went_is_believed_no_more(office: Office, till: Till, line: Line) -> None:
    office.settle()
    identity = terminal_identity().public()
    other = {name: bytes(32) if name[0] is Role.SERVER_SIGN else key for name, key in identity.keys.held.items()}
    replace_file(till.data / "identity", encode_identity(replace(identity, keys=KeyRing(other))))
    office.later(30)
    assert "signature" in str(office.shown["last_error"])


def test_an_older_table_is_refused(office: Office, till: Till, line: Line) -> None:
    line.peer.downlinks = [table(Table.TARIFF, 0, 7)]
    office.settle()
    held = line.peer.downlinks[0]
    line.peer.downlinks = [table(Table.TARIFF, 0, 6)]
    office.later(30)
    assert office.logged[-1] == "tariff version 6: version 7 is held, and versions never go back"
    assert (till.data / "inbox" / "tariff").read_bytes() == held


def test_an_acknowledgement_the_disk_did_not_take_does_not_count(office: Office, till: Till, line: Line) -> None:
    blocked = till.data / "inbox" / ".acknowledgement.new"
    blocked.mkdir()  # a directory in the way, because root writes through permissions
    office.settle()
    assert "does not acknowledge" in str(office.shown["last_error"])
    blocked.rmdir()
    office.later(0.75)
    assert office.shown["line_up"] is True
    assert (till.data / "inbox" / "acknowledgement").exists()


def test_an_acknowledgement_that_is_not_of_this_journal_is_set_aside_at_the_start(
    till: Till, line: Line, authority: tuple[Path, Path]
) -> None:
    (till.data / "inbox").mkdir()
    till.write(5)
    foreign = line.peer.acknowledgement(received=4, received_tag=bytes(8), safe=0)
    (till.data / "inbox" / "acknowledgement").write_bytes(foreign)
    office = Office(till.data, line, authority[0])
    assert "not of this journal" in office.logged[0]
    office.settle()
    assert sorted(line.peer.records) == till.names
    office.close()


def test_two_daemons_on_one_terminal_are_refused(office: Office, line: Line, authority: tuple[Path, Path]) -> None:
    with pytest.raises(AnotherDaemon, match="a daemon runs already"):
        Office(office.data, line, authority[0])


def test_the_screen_learns_of_a_growing_backlog_between_tries(office: Office, till: Till, line: Line) -> None:
    line.down()
    office.settle()
    till.write(4)
    office.now += 0.1
    office.daemon.step()
    assert (office.shown["backlog"], office.shown["oldest_at"]) == (1, MADE_AT)
    office.later(0.65)
    office.later(1.5)
    office.later(3)
    till.write(2)
    office.later(4.9)
    before = office.shown["backlog"]
    office.later(0.1)
    assert (before, office.shown["backlog"]) == (5, 7)

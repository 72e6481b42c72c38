"""From a journal damaged on its medium to the acknowledgement of what lies behind: firmware, daemon and server."""

from __future__ import annotations

import os

import pytest

from firmware.logbook import Logbook
from firmware.purse_memory import PurseMemory
from firmware.wall_clock import WallClock
from onecard.downlink import open_acknowledgement
from onecard.enrolment import encode_identity
from onecard.inbox_names import ACKNOWLEDGEMENT
from onecard.journal import BootInfo, Journal
from onecard.kinds import ClockQuality
from onecard.records import Seal, encode_record
from server.ingest.models import Alarm, Gap, Quarantined, Record
from sync_daemon.daemon import Daemon
from sync_daemon.pace import Pace
from tests.server.conftest import NOW

AT = int(NOW.timestamp())


def gaps():
    return list(Gap.objects.order_by("first").values_list("first", "last"))


class Damaged:
    """A terminal with a real journal in small segments, and its daemon against the real application."""

    def __init__(self, data, teller, client):
        self.teller, self.data = teller, data
        data.mkdir()
        (data / "identity").write_bytes(encode_identity(teller.identity.public()))
        (data / "sign.key").write_bytes(teller.signing)
        Journal.create(
            data / "journal",
            terminal=teller.number,
            chain_key=teller.chain_key,
            salt=os.urandom,
            segment_size=16_384,
            segments=24,
        )
        self.open()
        self.daemon = Daemon(
            data,
            lambda path, body: client.post(path, body, content_type="application/cbor").content,
            Pace(idle_seconds=0, heartbeat_seconds=30, retry_first_seconds=1, retry_cap_seconds=300),
            wall=lambda: AT,
            monotonic=lambda: 0.0,
            random=lambda: 0.5,
            log=lambda line: None,
        )

    def open(self):
        boot = BootInfo(bytes(8), AT, ClockQuality.KEPT, "test")
        journal = Journal.open(
            self.data / "journal", chain_key=self.teller.chain_key, boot=boot, random=os.urandom, salvage=True
        )
        self.journal = journal

    def write(self, count):
        kind, payload = encode_record(Seal(AT))
        for left in reversed(range(count)):
            self.journal.append(int(kind), payload, durable=not left)

    def start_again_damaged(self, offset, segment="seg-00000001.ocj"):
        """As the firmware starts: what is lost is found, and told by GAP records."""
        self.journal.close()
        file = self.data / "journal" / segment
        raw = bytearray(file.read_bytes())
        raw[offset] ^= 0xFF
        file.write_bytes(raw)
        self.open()
        lost = []
        for _ in self.journal.entries(missing=lost.append):
            pass
        memory = PurseMemory(self.teller.number, self.teller.identity.keys)
        Logbook(self.journal, memory, WallClock(lambda: float(AT), lambda: 0.0)).tell_gaps(lost, ())
        return lost

    @property
    def acknowledged(self):
        raw = (self.data / "inbox" / ACKNOWLEDGEMENT).read_bytes()
        return open_acknowledgement(raw, self.teller.public, self.teller.number)


@pytest.fixture
def damaged(tmp_path, enrol, client):
    made = Damaged(tmp_path / "data", enrol(), client)
    yield made
    made.daemon.close()
    made.journal.close()


def test_a_damaged_journal_is_acknowledged_to_its_end_and_its_segment_may_be_recycled(damaged):
    damaged.write(2500)
    [loss] = damaged.start_again_damaged(3000)
    assert damaged.daemon.send_all()
    ack = damaged.acknowledged
    assert (ack.received, ack.received_tag) == damaged.journal.head
    behind = loss.last + 1
    assert gaps() == [(loss.first, behind)]
    assert [(q.sequence, q.reason) for q in Quarantined.objects.all()] == [(behind, "unproved")]
    assert Record.objects.count() == ack.received - (behind - loss.first + 1)
    assert set(Alarm.objects.values_list("kind", flat=True)) == {"lost", "unproved"}
    whole = damaged.journal.next_sequence
    assert damaged.journal.care.release(ack.safe, ack.safe_tag, below=whole, is_old=lambda entry: True)
    assert damaged.journal.first_sequence > behind


def test_damage_in_the_newest_segment_and_a_second_one_later_hold_up_nothing(damaged):
    damaged.write(300)
    damaged.start_again_damaged(3000)
    assert damaged.daemon.send_all()
    assert (damaged.acknowledged.received, damaged.acknowledged.received_tag) == damaged.journal.head
    damaged.write(120)
    damaged.start_again_damaged(3000, "seg-00000002.ocj")
    assert damaged.daemon.send_all()
    assert (damaged.acknowledged.received, damaged.acknowledged.received_tag) == damaged.journal.head
    assert len(gaps()) == 2


def test_damage_to_what_the_server_has_is_alarmed_and_leaves_no_gap(damaged):
    damaged.write(300)
    assert damaged.daemon.send_all()
    damaged.start_again_damaged(3000)
    assert damaged.daemon.send_all()
    assert (damaged.acknowledged.received, damaged.acknowledged.received_tag) == damaged.journal.head
    assert gaps() == []
    assert [alarm.kind for alarm in Alarm.objects.all()] == ["lost"]

"""Records that a terminal lost: the case stays, nothing behind it waits, and nothing is hidden by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from onecard.bundle import NO_TAG
from onecard.downlink import open_acknowledgement, open_reply
from onecard.journal.frame import chain_tag
from onecard.records import Gap as Told
from onecard.records import Seal, encode_record
from server.ingest.columns import LOST_MAX
from server.ingest.models import Alarm, Cursor, Flow, Gap, Loss, Quarantined, Record
from tests.server.conftest import NOW

AT = int(NOW.timestamp())
WHY = "seg-00000001.ocj at byte 3000: record 3 is lost"


def send(client, teller, raw):
    response = client.post("/sync/v1/bundle", raw, content_type="application/cbor")
    assert response.status_code == 200, response.content
    ack, _ = open_reply(response.content)
    return open_acknowledgement(ack, teller.public, teller.number)


def alone(teller, sequence):
    """The first record behind a hole, as the daemon sends it."""
    return teller.bundle(sequence, sequence, previous_tag=NO_TAG)


def gaps():
    return list(Gap.objects.order_by("first").values_list("first", "last"))


@pytest.fixture
def torn(enrol):
    """A terminal whose records 3 and 4 of 9 are lost; its 8 tells so. Record 5 is the first behind them."""
    teller = enrol()
    for _ in range(6):
        teller.add(Seal(AT))
    teller.add(Told(AT, 3, 4, WHY))
    teller.add(Seal(AT))
    return teller


@pytest.mark.parametrize(
    ("first", "last"),
    [(0, 1), (0, 0), (4, 3), (3, 8), (8, 8), (3, 9), (9, 12), (1, (1 << 63) - 1)],
    ids=["from 0", "nothing", "empty", "itself", "only itself", "above itself", "all above", "all there is"],
)
def test_a_gap_that_does_not_lie_before_its_record_is_quarantined_alone_and_excuses_nothing(client, torn, first, last):
    kind, payload = encode_record(Told(AT, first, last, WHY))
    torn.records[7] = (int(kind), payload)
    send(client, torn, torn.bundle(1, 2))
    assert send(client, torn, torn.bundle(6)).received == 2
    assert [(q.sequence, q.reason) for q in Quarantined.objects.all()] == [(8, "contradiction")]
    assert not Loss.objects.exists()
    assert Record.objects.filter(sequence=9).exists()


def test_a_gap_of_more_records_than_a_segment_holds_is_not_believed(client, enrol):
    teller = enrol()
    far = LOST_MAX + 10
    tag = teller.tag(1)
    send(client, teller, teller.bundle())
    for at, count in ((far, LOST_MAX + 1), (far + 2, LOST_MAX)):
        kind, payload = encode_record(Told(AT, 2, 1 + count, WHY))
        last_tag = chain_tag(teller.chain_key, tag, int(kind), at, payload)
        run = replace(teller.run(), first_sequence=at, previous_tag=tag, last_tag=last_tag)
        send(client, teller, teller.seal(replace(run, entries=((int(kind), payload),))))
    assert [(q.sequence, q.reason) for q in Quarantined.objects.all()] == [(far, "contradiction")]
    assert Loss.objects.get().last == 1 + LOST_MAX


def test_another_terminals_gap_excuses_nothing(client, torn, enrol):
    other = enrol()
    for _ in range(8):
        other.add(Seal(AT))
    send(client, torn, torn.bundle(1, 2))
    send(client, torn, torn.bundle(5))
    send(client, other, other.bundle(1, 2))
    assert send(client, other, other.bundle(5)).received == 2


def test_a_gap_that_comes_without_proof_excuses_nothing(client, torn):
    send(client, torn, torn.bundle(1, 2))
    send(client, torn, torn.bundle(5, 7))
    assert send(client, torn, alone(torn, 8)).received == 2
    assert not Loss.objects.exists()
    assert send(client, torn, torn.bundle(9)).received == 2


def test_a_gap_in_a_run_whose_chain_does_not_hold_excuses_nothing(client, torn):
    send(client, torn, torn.bundle(1, 2))
    assert send(client, torn, torn.bundle(5, last_tag=b"12345678")).received == 2
    assert not Loss.objects.exists()


def test_a_gap_takes_away_nothing_that_is_here_and_no_more_than_it_names(client, torn):
    send(client, torn, torn.bundle(1, 3))
    before = set(Record.objects.values_list("sequence", flat=True))
    assert send(client, torn, torn.bundle(7)).received == 3, "5 and 6 were never told lost"
    assert before < set(Record.objects.values_list("sequence", flat=True))
    assert gaps() == [(4, 6)]


def test_the_acknowledgement_passes_what_was_told_lost_and_the_case_stays(client, torn):
    send(client, torn, torn.bundle(1, 2))
    assert send(client, torn, torn.bundle(5, 7)).received == 2
    got = send(client, torn, torn.bundle(8))
    assert (got.received, got.received_tag) == (9, torn.tag(9))
    assert gaps() == [(3, 4)]
    loss = Loss.objects.get()
    assert (loss.first, loss.last, loss.at, loss.reason) == (3, 4, NOW, WHY)
    assert Cursor.objects.get().received == 9
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.about) == ("lost", f"records 3 … 4: {WHY}")


def test_the_gap_may_come_before_everything_it_passes(client, torn):
    assert send(client, torn, torn.bundle(8)).received == 0
    assert send(client, torn, torn.bundle(5, 7)).received == 0
    got = send(client, torn, torn.bundle(1, 2))
    assert (got.received, got.received_tag) == (9, torn.tag(9))
    assert gaps() == [(3, 4)]


def test_a_loss_is_alarmed_once_however_often_it_is_told(client, torn):
    torn.add(Told(AT + 5, 3, 4, WHY))
    send(client, torn, torn.bundle(1, 2))
    for _ in range(3):
        send(client, torn, torn.bundle(5))
    assert Alarm.objects.count() == 1
    assert Loss.objects.count() == 2


def test_what_arrives_of_a_loss_after_all_is_stored_once_and_shrinks_the_case(client, torn):
    send(client, torn, torn.bundle(1, 2))
    send(client, torn, torn.bundle(5))
    noticed = Gap.objects.get().noticed_at
    for _ in range(2):
        assert send(client, torn, torn.bundle(4, 4)).received == 9
        assert gaps() == [(3, 3)]
    assert Gap.objects.get().noticed_at == noticed
    assert send(client, torn, torn.bundle(1, 4)).received == 9
    assert gaps() == []
    assert Record.objects.count() == 9
    assert not Quarantined.objects.exists()


def test_what_remains_of_a_gap_keeps_the_time_it_was_noticed(client, torn):
    send(client, torn, torn.bundle(1, 1))
    send(client, torn, torn.bundle(8))
    Gap.objects.update(noticed_at=NOW - timedelta(days=3))
    send(client, torn, torn.bundle(5, 5))
    assert list(Gap.objects.values_list("first", "noticed_at")) == [
        (2, NOW - timedelta(days=3)),
        (6, NOW - timedelta(days=3)),
    ]


def test_the_record_behind_a_hole_is_set_apart_once_and_holds_up_nothing(client, torn):
    send(client, torn, torn.bundle(1, 2))
    for _ in range(2):
        assert send(client, torn, alone(torn, 5)).received == 2
    assert [(q.sequence, q.reason) for q in Quarantined.objects.all()] == [(5, "unproved")]
    got = send(client, torn, torn.bundle(6))
    assert (got.received, got.received_tag) == (9, torn.tag(9))
    assert gaps() == [(3, 5)]
    assert set(Alarm.objects.values_list("kind", flat=True)) == {"lost", "unproved"}


def test_an_unproved_record_moves_no_money_and_is_never_named_by_an_acknowledgement(client, enrol, card):
    teller = enrol()
    teller.add(Seal(AT))
    teller.add(card.intent(teller, 100))
    send(client, teller, teller.bundle(1, 1))
    got = send(client, teller, alone(teller, 3))
    assert (got.received, got.received_tag) == (1, teller.tag(1))
    assert not Flow.objects.exists()
    send(client, teller, teller.bundle())
    assert Flow.objects.get().sequence == 3, "proved, it is stored after all"
    assert gaps() == []


def test_an_unproved_record_beside_another_one_of_its_name_is_a_fork(client, torn):
    send(client, torn, torn.bundle(1, 5))
    kind, payload = encode_record(Seal(at=77))
    other = replace(torn, records=[*torn.records[:4], (int(kind), payload), *torn.records[5:]])
    for _ in range(2):
        assert send(client, torn, alone(other, 5)).received == 5
    assert [(q.sequence, q.reason) for q in Quarantined.objects.all()] == [(5, "fork")]
    before = Quarantined.objects.count()
    send(client, torn, alone(torn, 5))
    assert Quarantined.objects.count() == before, "the same record again is none"


def test_the_database_refuses_to_change_a_loss(client, torn):
    send(client, torn, torn.bundle())
    for statement in ("UPDATE ingest_loss SET place = place", "DELETE FROM ingest_loss"):
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

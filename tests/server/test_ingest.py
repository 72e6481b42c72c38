"""A bundle's way in: what is refused, what is quarantined, what is stored once, what is acknowledged."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from onecard.bundle import RECORDS_MAX
from onecard.downlink import Table, open_acknowledgement, open_downlink, open_reply
from onecard.envelope import Domain, seal_envelope, terminal_key_id
from onecard.journal.frame import chain_tag
from onecard.keys import Role, sign
from onecard.kinds import Outcome
from onecard.records import OutcomeRecord, RecordKind, Seal, encode_record
from onecard.sealing import seal
from onecard.tariff import decode
from server import storage
from server.copy_mark import BadMark, CopyMark, pack_mark, read_mark
from server.ingest.models import Alarm, Bundle, Cursor, Flow, FlowOutcome, Gap, Quarantined, Record, Start
from server.sites.enrol import revoke_terminal
from server.sites.models import Terminal

CBOR = "application/cbor"


def send(client, raw):
    return client.post("/sync/v1/bundle", raw, content_type=CBOR)


def acknowledged(response, teller):
    assert response.status_code == 200, response.content
    ack, _ = open_reply(response.content)
    return open_acknowledgement(ack, teller.public, teller.number)


def rows():
    return {
        model.__name__: model.objects.count()
        for model in (Record, Flow, FlowOutcome, Start, Quarantined, Bundle, Gap, Alarm)
    }


def test_forged_signature_is_refused_and_nothing_is_stored(client, enrol):
    teller = enrol()
    raw = bytearray(teller.bundle())
    raw[-1] ^= 1
    before = rows()
    assert send(client, bytes(raw)).status_code == 401
    assert rows() == before


def test_another_terminals_key_does_not_speak_for_this_one(client, enrol):
    mallory, alice = enrol(), enrol()
    forged = replace(mallory, identity=alice.identity)
    before = rows()
    assert send(client, forged.bundle()).status_code == 401
    assert rows() == before


def test_a_terminal_cannot_sign_a_run_of_another(client, enrol):
    mallory, alice = enrol(), enrol()
    run = replace(mallory.run(), terminal=alice.number)
    before = rows()
    response = send(client, mallory.seal(run))
    assert response.status_code == 400
    assert b"speaks for" in response.content or b"terminal" in response.content
    assert rows() == before


def test_a_bundle_sealed_to_another_key_is_refused(client, enrol):
    teller = enrol()
    sealed = seal(b"\x80", b"\x09" + bytes(31), "bundle", terminal_key_id(teller.number).encode())
    raw = seal_envelope(
        terminal_key_id(teller.number), Domain.BUNDLE, sealed, lambda message: sign(teller.signing, b"", message)
    )
    assert send(client, raw).status_code == 400


def test_a_signature_for_another_purpose_is_refused(client, enrol):
    teller = enrol()
    raw = seal_envelope(
        terminal_key_id(teller.number), Domain.DESK, b"x", lambda message: sign(teller.signing, b"", message)
    )
    assert send(client, raw).status_code == 401


def test_an_unknown_terminal_is_refused(client, enrol):
    teller = enrol()
    raw = seal_envelope(terminal_key_id(999), Domain.BUNDLE, b"x", lambda message: sign(teller.signing, b"", message))
    assert send(client, raw).status_code == 401


def test_a_revoked_terminal_is_refused_and_alarmed(client, enrol):
    teller = enrol()
    revoke_terminal(teller.number)
    response = send(client, teller.bundle())
    assert response.status_code == 403
    assert Record.objects.count() == 0
    assert Alarm.objects.get().kind == Alarm.Kind.REVOKED


def test_an_oversized_body_is_refused_unread(client, enrol):
    assert send(client, bytes((8 << 20) + 1)).status_code == 413


@pytest.mark.parametrize(
    "inside", [b"", b"\x80", b"\xff", b"\x9f\x01", b"\xa0", b"\x9b" + b"\xff" * 8, b"\x81" * 5000, b"\xd9\xd9\xf7\x80"]
)
def test_hostile_cbor_inside_is_one_refusal(client, enrol, inside):
    teller = enrol()
    sealed = seal(inside, teller.public.key(Role.SERVER_SEAL, 1), "bundle", terminal_key_id(teller.number).encode())
    raw = seal_envelope(
        terminal_key_id(teller.number), Domain.BUNDLE, sealed, lambda message: sign(teller.signing, b"", message)
    )
    assert send(client, raw).status_code == 400
    assert Record.objects.count() == 0


@pytest.mark.parametrize("raw", [b"", b"\xd2", secrets.token_bytes(300), b"\xd2\x84" + b"\0" * 200])
def test_bytes_that_are_no_envelope_are_refused(client, raw):
    assert send(client, raw).status_code == 400


def test_a_bundle_is_stored_and_its_head_acknowledged(client, enrol, card, sale):
    teller = enrol()
    intent = sale(teller, card, 3000)
    got = acknowledged(send(client, teller.bundle()), teller)
    assert (got.received, got.received_tag) == (3, teller.tag(3))
    assert (got.safe, got.safe_tag, got.generation) == (3, teller.tag(3), 1)
    flow = Flow.objects.get()
    assert (flow.terminal_id, flow.epoch, flow.sequence, flow.amount) == (teller.number, 1, intent, 3000)
    assert FlowOutcome.objects.get(place=flow.place).outcome == Outcome.PAID
    assert [bytes(payload) for payload in Record.objects.order_by("place").values_list("payload", flat=True)] == [
        payload for _, payload in teller.records
    ]


def test_the_same_bundle_again_adds_no_row_and_gets_the_same_acknowledgement(client, enrol, card, sale):
    teller = enrol()
    sale(teller, card, 3000)
    raw = teller.bundle()
    first = acknowledged(send(client, raw), teller)
    before = rows()
    for again in (raw, teller.bundle(), teller.bundle(2), teller.bundle(1, 2)):
        repeated = acknowledged(send(client, again), teller)
        assert (repeated.received, repeated.received_tag) == (first.received, first.received_tag)
    assert rows() == before


def test_an_empty_bundle_is_a_heartbeat(client, enrol):
    teller = enrol()
    run = replace(teller.run(1, 0), status=(7, 1_700_000_000, 450, 1_700_000_001))
    got = acknowledged(send(client, teller.seal(run)), teller)
    assert (got.received, got.received_tag) == (0, teller.tag(0))
    terminal = Terminal.objects.get(number=teller.number)
    assert (terminal.backlog, terminal.room_per_mille) == (7, 450)
    assert terminal.contact_at is not None


def test_the_heartbeat_tells_how_the_terminal_is(client, enrol):
    teller = enrol()
    at = 1_700_000_000
    run = replace(teller.run(1, 0), status=(7, at, 450, at, at - 60, 730, 0, 1, 1_002_003, 4, at - 30))
    acknowledged(send(client, teller.seal(run)), teller)
    heard = Terminal.objects.get(number=teller.number)
    assert (heard.battery_per_mille, heard.on_mains, heard.reader_answers) == (730, False, True)
    assert (heard.software, heard.journal_faults) == ("1.2.3", 4)
    assert (int(heard.hotlist_at.timestamp()), int(heard.answered_at.timestamp())) == (at - 60, at - 30)


_WILD = (1, 1, 1, 1, 1 << 63, 1001, 2, 2, 1 << 40, 1 << 63, 1 << 37)


@pytest.mark.parametrize("status", [(), (0, 0, 1, 0, 0, -1, -1, -1, -1, -1, 0), _WILD], ids=["old", "unknown", "wild"])
def test_what_a_heartbeat_does_not_tell_is_unknown(status, client, enrol):
    """An old or a wild terminal: nothing is made up."""
    teller = enrol()
    software = Terminal.objects.get(number=teller.number).software
    acknowledged(send(client, teller.seal(replace(teller.run(1, 0), status=status))), teller)
    heard = Terminal.objects.get(number=teller.number)
    assert (heard.battery_per_mille, heard.on_mains, heard.reader_answers, heard.journal_faults) == (None,) * 4
    assert (heard.hotlist_at, heard.answered_at, heard.software) == (None, None, software)


def test_a_gap_is_a_range_and_the_acknowledgement_stops_before_it(client, enrol, card, sale):
    """I-05."""
    teller = enrol()
    for _ in range(5):
        sale(teller, card, 100)
    acknowledged(send(client, teller.bundle(1, 3)), teller)
    got = acknowledged(send(client, teller.bundle(8, 11)), teller)
    assert (got.received, got.received_tag) == (3, teller.tag(3))
    assert list(Gap.objects.values_list("first", "last")) == [(4, 7)]
    got = acknowledged(send(client, teller.bundle(5, 5)), teller)
    assert got.received == 3
    assert sorted(Gap.objects.values_list("first", "last")) == [(4, 4), (6, 7)]
    got = acknowledged(send(client, teller.bundle(3, 9)), teller)
    assert (got.received, got.received_tag) == (11, teller.tag(11))
    assert not Gap.objects.exists()
    assert not Quarantined.objects.exists()


def test_bundles_in_any_order_are_stored_once_each(client, enrol, card, sale):
    teller = enrol()
    for _ in range(6):
        sale(teller, card, 100)
    for first, last in ((10, 13), (1, 4), (7, 9), (3, 8), (5, 5)):
        got = acknowledged(send(client, teller.bundle(first, last)), teller)
    assert got.received == 13
    assert Record.objects.count() == 13
    assert not Quarantined.objects.exists()


def test_two_couriers_at_once_store_each_record_once(client, enrol, card, sale):
    teller = enrol()
    for _ in range(20):
        sale(teller, card, 100)
    raws = [[teller.bundle(1, 25), teller.bundle(26, 41)], [teller.bundle(13, 41), teller.bundle(1, 12)]]
    failures = []

    def carry(bundles):
        try:
            for raw in bundles:
                response = send(client, raw)
                while response.status_code == 503:
                    response = send(client, raw)
                assert response.status_code == 200, response.content
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=carry, args=(bundles,)) for bundles in raws]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    cursor = Cursor.objects.get()
    assert (cursor.received, cursor.highest) == (41, 41)
    assert Record.objects.count() == 41
    assert not Gap.objects.exists()


def test_a_fork_is_quarantined_with_an_alarm_and_the_rest_is_stored(client, enrol, card, sale):
    """I-04: the first record of a name stays what it was."""
    teller = enrol()
    for _ in range(3):
        sale(teller, card, 100)
    acknowledged(send(client, teller.bundle(1, 5)), teller)
    other = replace(teller, records=list(teller.records))
    kind, payload = encode_record(Seal(at=77))
    other.records[4] = (int(kind), payload)
    got = acknowledged(send(client, other.bundle()), teller)
    assert got.received == 7
    quarantined = list(Quarantined.objects.order_by("sequence").values_list("sequence", "reason"))
    assert quarantined[0] == (5, "fork")
    assert bytes(Record.objects.get(sequence=5).payload) == teller.records[4][1]
    assert Alarm.objects.filter(kind=Alarm.Kind.FORK, terminal=teller.number).count() == 1
    before = rows()
    acknowledged(send(client, other.bundle()), teller)
    assert rows() == before

    bob = enrol()
    assert acknowledged(send(client, bob.bundle()), bob).received == 1


def test_a_run_whose_chain_does_not_hold_is_quarantined_and_does_not_block(client, enrol, card, sale):
    teller = enrol()
    sale(teller, card, 100)
    sale(teller, card, 100)
    acknowledged(send(client, teller.bundle(1, 1)), teller)
    raw = teller.bundle(2, 3, previous_tag=b"\0" * 8)
    got = acknowledged(send(client, raw), teller)
    assert got.received == 3
    assert set(Quarantined.objects.values_list("sequence", "reason")) == {(2, "chain"), (3, "chain")}
    assert not Flow.objects.exists()
    assert acknowledged(send(client, teller.bundle(4, 5)), teller).received == 5


def test_a_run_that_does_not_continue_what_is_here_is_quarantined(client, enrol, card, sale):
    teller = enrol()
    sale(teller, card, 100)
    acknowledged(send(client, teller.bundle(1, 1)), teller)
    tag = b"12345678"
    last = tag
    for sequence, (kind, payload) in enumerate(teller.records[1:3], start=2):
        last = chain_tag(teller.chain_key, last, kind, sequence, payload)
    acknowledged(send(client, teller.bundle(2, 3, previous_tag=tag, last_tag=last)), teller)
    assert set(Quarantined.objects.values_list("reason", flat=True)) == {"chain"}


def test_what_fills_a_gap_and_does_not_lead_on_is_alarmed(client, enrol, card, sale):
    teller = enrol()
    sale(teller, card, 100)
    acknowledged(send(client, teller.bundle(3, 3)), teller)
    other = replace(teller, records=list(teller.records))
    kind, payload = encode_record(Seal(at=77))
    other.records[1] = (int(kind), payload)
    acknowledged(send(client, other.bundle(1, 2)), teller)
    assert Alarm.objects.get().kind == Alarm.Kind.CHAIN


def test_an_unreadable_record_is_quarantined_alone(client, enrol, card, sale):
    teller = enrol()
    teller.records.append((int(RecordKind.INTENT), b"\xff"))
    teller.records.append((99, b"\x80"))
    sale(teller, card, 100)
    got = acknowledged(send(client, teller.bundle()), teller)
    assert got.received == 5
    assert set(Quarantined.objects.values_list("sequence", "reason")) == {(2, "unreadable"), (3, "unreadable")}
    assert Flow.objects.count() == 1


def test_an_intent_that_does_not_follow_from_its_ring_is_quarantined(client, enrol, card):
    teller = enrol()
    good = card.intent(teller, 100, writes=False)
    teller.add(replace(good, debited=5))
    teller.add(replace(good, ring=bytes(48)))
    acknowledged(send(client, teller.bundle()), teller)
    assert [q.reason for q in Quarantined.objects.all()] == ["contradiction"] * 2
    assert not Flow.objects.exists()


def test_a_second_word_on_one_intent_is_not_believed(client, enrol, card, sale):
    teller = enrol()
    intent = sale(teller, card, 100, Outcome.ABANDONED)
    acknowledged(send(client, teller.bundle()), teller)
    teller.add(OutcomeRecord(intent, Outcome.PAID, 1))
    teller.add(OutcomeRecord(99, Outcome.PAID, 1))
    acknowledged(send(client, teller.bundle(4)), teller)
    assert FlowOutcome.objects.get().outcome == Outcome.ABANDONED
    assert [q.reason for q in Quarantined.objects.all()] == ["contradiction"] * 2


def test_a_clock_gone_wild_does_not_cost_the_record(client, enrol, card):
    teller = enrol()
    teller.add(replace(card.intent(teller, 100), at=(1 << 37) - 1, business_day=65535))
    run = replace(teller.run(), status=(1 << 63, 1 << 63, -5, 1 << 62), have={1: 1 << 63})
    acknowledged(send(client, teller.seal(run)), teller)
    assert Flow.objects.get().at.year == 6325
    terminal = Terminal.objects.get(number=teller.number)
    assert (terminal.backlog, terminal.oldest_at, terminal.have_tariff) == (None, None, 0)


@pytest.mark.parametrize("model", [Record, Flow, FlowOutcome, Start])
def test_the_database_refuses_to_change_what_was_stored(client, enrol, card, sale, model):
    teller = enrol()
    sale(teller, card, 100)
    acknowledged(send(client, teller.bundle()), teller)
    table = model._meta.db_table
    for statement in (f"UPDATE {table} SET place = place", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert model.objects.exists()


def test_a_busy_database_says_come_back(client, enrol):
    teller = enrol()
    raw = teller.bundle()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout=50")
    blocker = threading.Event()
    done = threading.Event()

    def hold():
        with transaction.atomic():
            blocker.set()
            done.wait(10)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    blocker.wait()
    try:
        assert send(client, raw).status_code == 503
    finally:
        done.set()
        thread.join()
    assert acknowledged(send(client, raw), teller).received == 1


@given(st.integers(0, (1 << 37) - 1))
def test_a_time_is_written_as_django_would_write_it(seconds):
    assert storage.instant(seconds) == connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(seconds, UTC))


def test_a_whole_bundle_at_the_limit_is_stored(client, enrol):
    teller = enrol()
    kind, payload = encode_record(Seal(at=77))
    teller.records += [(int(kind), payload)] * (RECORDS_MAX - 1)
    assert acknowledged(send(client, teller.bundle()), teller).received == RECORDS_MAX


def test_the_tariff_comes_down_until_the_terminal_has_it(client, enrol):
    teller = enrol()
    teller.have = {Table.SETTINGS: 1, Table.KEYS: 1}
    _, downlinks = open_reply(send(client, teller.bundle()).content)
    downlink = open_downlink(downlinks[0], teller.public, teller.number)
    assert (downlink.header.table, downlink.header.base, downlink.header.version) == (Table.TARIFF, 0, 1)
    [wire] = downlink.body(teller.sealing)
    tariff = decode(wire)
    assert (len(tariff.tiers), len(tariff.films), len(tariff.slots)) == (5, 4, 3)
    teller.have |= {Table.TARIFF: 1, Table.HOTLIST: 1}
    _, downlinks = open_reply(send(client, teller.bundle()).content)
    assert downlinks == []


def test_nothing_is_safe_where_the_setting_says_so(client, enrol, settings_of):
    teller = enrol()
    with settings_of(ONECARD_SAFE="none"):
        got = acknowledged(send(client, teller.bundle()), teller)
    assert (got.received, got.safe) == (1, 0)


@pytest.mark.parametrize(
    "mark",
    [None, b"", b"onecard-copy 1 1 0\n", b"onecard-copy 1 1 99", b"onecard-copy 2 1 99\n", b"onecard-copy 1 2 99\n"],
)
def test_without_a_good_mark_of_this_generation_nothing_is_safe(client, enrol, settings_of, tmp_path, mark):
    teller = enrol()
    file = tmp_path / "mark"
    if mark is not None:
        file.write_bytes(mark)
    with settings_of(ONECARD_SAFE=str(file)):
        got = acknowledged(send(client, teller.bundle()), teller)
    assert (got.received, got.safe, got.safe_tag) == (1, 0, b"")


def test_no_more_is_safe_than_the_off_site_copy_holds(client, enrol, settings_of, tmp_path):
    teller, other = enrol(), enrol()
    file = tmp_path / "mark"
    with settings_of(ONECARD_SAFE=str(file)):
        send(client, teller.bundle())
        copied = Bundle.objects.latest("pk").pk
        for _ in range(3):
            teller.add(Seal(1))
        send(client, other.bundle())
        send(client, teller.bundle(4, 4))
        assert acknowledged(send(client, teller.bundle(2, 3)), teller).safe == 0
        file.write_bytes(pack_mark(CopyMark(1, copied)))
        got = acknowledged(send(client, teller.bundle(4, 4)), teller)
        assert (got.received, got.safe, got.safe_tag) == (4, 1, teller.tag(1))
        # The copy has record 4 and a gap before it: not a prefix, so not safe.
        file.write_bytes(pack_mark(CopyMark(1, copied + 2)))
        assert acknowledged(send(client, teller.bundle(4, 4)), teller).safe == 1
        file.write_bytes(pack_mark(CopyMark(1, copied + 3)))
        got = acknowledged(send(client, teller.bundle(4, 4)), teller)
        assert (got.safe, got.safe_tag) == (4, teller.tag(4))


@given(st.builds(CopyMark, st.integers(1, 10**10 - 1), st.integers(0, 10**19 - 1)))
def test_a_copy_mark_reads_as_it_was_written(mark):
    assert read_mark(pack_mark(mark)) == mark
    for broken in (pack_mark(mark)[:-1], pack_mark(mark) + b" ", b" " + pack_mark(mark)):
        with pytest.raises(BadMark):
            read_mark(broken)


def test_a_restored_server_speaks_for_its_own_generation(client, enrol, settings_of, tmp_path):
    teller = enrol()
    (tmp_path / "generation").write_text("2\n")
    with settings_of(GENERATION_FILE=tmp_path / "generation"):
        assert acknowledged(send(client, teller.bundle()), teller).generation == 2

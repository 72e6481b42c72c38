"""A server put back from a backup: what it lost comes again, and ends in the same sums (F20)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import pytest
from django.db import connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from onecard.downlink import open_acknowledgement, open_reply
from onecard.kinds import Outcome, Purpose
from onecard.records import OutcomeRecord
from server import backup
from server.cards.certificates import issue_next_certificate
from server.cards.models import Certificate, Purse
from server.copy_mark import read_mark
from server.ingest.changes import newest_versions
from server.ingest.models import Bundle
from server.keyd import store
from server.keyd.issued import IssuedLog
from server.ledger.load import post_load
from server.ledger.posting import post_next
from server.ledger.verify import verify_ledger
from server.recovery import Recovered, Step, lost_loads, recover
from server.sites.models import Site, Terminal
from sync_daemon.standing import Accepted, Foreign, Refused, Standing, weigh_acknowledgement
from tests.server.conftest import DATA

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_APART = {"waiting", "gaps", "alarms"}


@pytest.fixture
def life():
    """The generation is put back as it was."""
    before = (DATA / "generation").read_bytes()
    yield
    (DATA / "generation").write_bytes(before)


class LogOfThisTest(IssuedLog):
    """The key process serves all tests; its log without the cards of those before."""

    def __init__(self, path):
        super().__init__(path)
        self.earlier = set(super().purses())

    def purses(self):
        return {name: last for name, last in super().purses().items() if name not in self.earlier}


@pytest.fixture
def log(key_server):
    log = LogOfThisTest(DATA / "keys" / store.ISSUED_LOG)
    yield log
    log.close()


class ChainOf:
    """A teller's journal as its daemon compares the server's word with it."""

    oldest = 1

    def __init__(self, teller):
        self.teller = teller

    def tag(self, sequence):
        return self.teller.tag(sequence) if sequence <= len(self.teller.records) else None


def offer(client, teller, held):
    """A daemon's round: a heartbeat, then all that the server says it lacks; gives what is held of its word then."""
    standing = Standing(held)
    for first in (len(teller.records) + 1, None):
        ack = send(client, teller, first or standing.received + 1)
        if isinstance(weigh_acknowledgement(ack, standing, ChainOf(teller)), Accepted):
            standing = Standing(ack)
    return standing.acknowledgement


def send(client, teller, first=1):
    response = client.post("/sync/v1/bundle", teller.bundle(first), content_type="application/cbor")
    assert response.status_code == 200, response.content
    return open_acknowledgement(open_reply(response.content)[0], teller.public, teller.number)


def post_all():
    while post_next(NOW):
        pass
    recount = verify_ledger()
    assert recount.differences == ()
    return {name: value for name, value in asdict(recount).items() if name not in _APART}


def null_record(teller, card):
    sequence = teller.add(card.intent(teller, 0, purpose=Purpose.SETTLE))
    teller.add(OutcomeRecord(sequence, Outcome.ACKED, 1))


def load(card, amount):
    purse = Purse.objects.get(uid=card.uid)
    with transaction.atomic():
        certificate = issue_next_certificate(purse, amount, Certificate.Reason.LOAD, NOW)
        post_load(purse, amount, Site.objects.get(code="XDA"), certificate, NOW)


def put_back(place):
    connections.close_all()
    return backup.put_back(place, DATA)


def test_only_what_stands_still_is_put_back(key_server, tmp_path):
    with pytest.raises(backup.ServerRuns):
        backup.refuse_running(DATA)
    backup.refuse_running(tmp_path)


def test_a_copy_is_marked_with_what_is_in_it_and_the_database_goes_on(client, enrol, issue, sale, tmp_path):
    teller, card = enrol(), issue()
    sale(teller, card, 3000)
    send(client, teller)
    mark = backup.back_up(DATA, tmp_path / "copy")
    assert read_mark((tmp_path / "copy" / "copy-mark").read_bytes()) == mark
    assert (mark.generation, mark.bundle) == (1, Bundle.objects.latest("pk").pk)
    sale(teller, card, 100)
    send(client, teller)
    assert backup.back_up(DATA, tmp_path / "copy").bundle > mark.bundle


def test_a_restored_server_ends_in_the_sums_it_would_have_had(client, enrol, issue, sale, tmp_path, life, log):
    """Backup; then sales, a refund, a load, a new card, a new terminal; the database is lost; terminals sync."""
    alice, bob, card = enrol("WDK"), enrol("JSG"), issue(10_000)
    sale(alice, card, 3000)
    sale(bob, card, 700, Outcome.ABANDONED)
    send(client, alice)
    post_all()
    backup.back_up(DATA, tmp_path / "copy")
    send(client, bob)
    null_record(alice, card)
    load(card, 5000)
    new, carol = issue(2000), enrol("XDA")
    sale(carol, new, 400)
    load(new, 600)
    free = issue(0)
    sale(bob, card, 50)
    tellers = (bob, carol, alice)
    held = [send(client, teller) for teller in tellers]
    expected = post_all()
    assert expected["refunded"] == 1
    known = {
        (bytes(uid), sequence): bytes(image)
        for uid, sequence, image in Certificate.objects.values_list("purse__uid", "load_sequence", "image")
    }
    versions = newest_versions(1)

    assert put_back(tmp_path / "copy") == 2
    assert not Terminal.objects.filter(number=carol.number).exists()
    found = recover(DATA / "enrolled", log, Site.objects.get(code="XDA"), NOW)
    assert found == Recovered(terminals=1, cards=2, purses=3, loaded_fen=7600)
    again = recover(DATA / "enrolled", log, Site.objects.get(code="XDA"), NOW)
    assert again == Recovered(0, 0, 0, 0)
    post_all()
    heads = [offer(client, teller, ack) for teller, ack in zip(tellers, held, strict=True)]
    assert [(ack.generation, ack.received) for ack in heads] == [(2, len(teller.records)) for teller in tellers]
    for teller, old, new in zip(tellers, held, heads, strict=True):
        assert isinstance(weigh_acknowledgement(old, Standing(new), ChainOf(teller)), Refused)
    assert post_all() == expected

    assert Purse.objects.get(uid=free.uid).load_sequence == 1

    # No document's number is used a second time, and no version goes back.
    for uid, sequence, image in Certificate.objects.values_list("purse__uid", "load_sequence", "image"):
        assert known.get((bytes(uid), sequence), bytes(image)) == bytes(image)
    assert enrol().number > carol.number
    assert all(version >= versions[table] for table, version in newest_versions(2).items())


def test_an_acknowledgement_replayed_to_a_terminal_put_back_does_nothing(client, enrol, issue, sale):
    """F19: of a journal put back to an earlier image, of one that went on from there, and in the server's next word."""
    teller, card = enrol(), issue()
    sale(teller, card, 300)
    kept = len(teller.records)
    sale(teller, card, 200)
    old = send(client, teller)
    assert isinstance(weigh_acknowledgement(old, Standing(), ChainOf(teller)), Accepted)
    del teller.records[kept:]
    assert isinstance(weigh_acknowledgement(old, Standing(), ChainOf(teller)), Foreign)
    sale(teller, card, 900)
    assert len(teller.records) == old.received
    assert isinstance(weigh_acknowledgement(old, Standing(), ChainOf(teller)), Foreign)
    assert isinstance(weigh_acknowledgement(send(client, teller), Standing(), ChainOf(teller)), Foreign)


def test_a_terminal_number_is_not_given_again_though_its_enrolment_was_rolled_back(client, enrol, life, tmp_path):
    backup.back_up(DATA, tmp_path / "copy")
    lost = enrol()
    put_back(tmp_path / "copy")
    assert enrol().number == lost.number + 1


def test_what_an_older_list_or_log_says_does_not_replace_what_is_here(client, enrol, issue, life, tmp_path):
    issue()
    backup.back_up(DATA, tmp_path / "copy")
    issue()
    teller = enrol()
    before = (DATA / "keys" / store.ISSUED_LOG).read_bytes()
    put_back(tmp_path / "copy")
    assert (DATA / "keys" / store.ISSUED_LOG).read_bytes() == before
    assert f'"number": {teller.number}' in (DATA / "enrolled").read_text()


@pytest.mark.parametrize(
    ("steps", "cash"),
    [
        ([], 0),
        ([Step(True, 500, 10_500)], 500),
        ([Step(False, 3000, 13_000), Step(True, 500, 13_500)], 500),
        # Signed, rolled back, signed again with the next L.
        ([Step(True, 500, 10_500), Step(True, 500, 10_500)], 500),
        ([Step(True, 900, 10_900), Step(False, 3000, 13_000), Step(True, 500, 13_500)], 500),
        ([Step(True, 500, 10_500), Step(False, 0, 10_500)], 500),
    ],
)
def test_lost_loads_are_the_cash_on_the_way_from_the_newest_certificate_down(steps, cash):
    assert lost_loads(steps) == cash


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.booleans()), max_size=8))
def test_lost_loads_pass_over_every_certificate_that_was_rolled_back(signed):
    """A rolled-back one is followed by the one that took its place, or the newest is not rolled back."""
    loaded, cash, steps = 10_000, 0, []
    for is_cash, delta, kept in signed:
        steps.append(Step(is_cash, delta, loaded + delta))
        if kept:
            loaded += delta
            cash += delta if is_cash else 0
    if signed and signed[-1][2]:
        assert lost_loads(steps) == cash

"""The station's questions: idempotent, one card a job, money once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client

from onecard import desk
from onecard.desk import Accepted, CardPlaced, DeliverLoad, Found, Idle, IssueCard, JobDone, JobFailed, Next, Refused
from onecard.identity import is_card_number
from onecard.keys import sign
from onecard.kinds import CardKind
from onecard.purse.certificate import open_certificate
from server.cards.models import Card, Certificate, Purse
from server.desk.models import Job
from server.desk.orders import OrderRefused, give_up, order_issue, order_load, order_reading
from server.keyring import key_process
from server.ledger.accounts import CASH, FLOAT
from server.ledger.models import Posting
from server.sites.models import Site

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_count = iter(range(1, 1 << 16))


def fresh_uid() -> bytes:
    """The key process's log outlives a test's database: no UID twice."""
    return b"\xde" + next(_count).to_bytes(3, "big")


@pytest.fixture
def uid() -> bytes:
    return fresh_uid()


@pytest.fixture
def site(database: None) -> Site:
    """WDK; card numbers begin where the key process's log knows none."""
    return Site.objects.get(code="WDK")


@pytest.fixture(autouse=True)
def fresh_numbers(database: None) -> None:
    """Card numbers of earlier tests stay in the key process's log: go on above them."""
    serial = next(_count) * 1000
    Job.objects.create(
        action=1, state="failed", site_id="WDK", number=serial * 10 + 7, created_at=NOW, words="number of another test"
    )


def issue(site: Site, amount: int = 100_00, kind: CardKind = CardKind.STORED_VALUE) -> Job:
    return order_issue(site, kind, tier=2, amount=amount, operator=None, now=NOW)


def issued(station: Any, site: Site, uid: bytes, amount: int = 100_00) -> Card:
    """A finished card."""
    issue(site, amount)
    job = station.next_job()
    assert isinstance(station.place(job, uid), IssueCard)
    assert station.ask(JobDone(job, uid, b"")) == Accepted(job)
    return Card.objects.get(uid=uid)


def test_a_till_is_no_desk(client: Client, enrol: Callable[..., Any]) -> None:
    till = enrol()
    raw = desk.pack_request(Next(), desk.KeyId(b"T", till.number, 1), lambda m: sign(till.signing, b"", m))
    assert client.post("/desk/v1/next", raw, content_type="application/cbor").status_code == 403


def test_a_wrong_signature_an_unknown_station_and_noise_are_refused(station: Any) -> None:
    raw = bytearray(station.envelope(Next()))
    raw[-1] ^= 1
    assert station.post(bytes(raw), "next").status_code == 401
    assert station.post(b"noise", "next").status_code == 400
    assert station.post(station.envelope(Next()), "card").status_code == 400
    station.number += 99
    assert station.post(station.envelope(Next()), "next").status_code == 401


def test_no_job_is_idle(station: Any) -> None:
    assert station.ask(Next()) == Idle()


def test_a_station_keeps_its_job_until_it_ends(station: Any, site: Site) -> None:
    issue(site)
    issue(site)
    first = station.next_job()
    assert station.next_job() == first
    assert Job.objects.filter(state=Job.State.ASSIGNED).count() == 1


def test_jobs_of_another_cinema_are_not_given(station: Any, database: None) -> None:
    issue(Site.objects.exclude(code="WDK").first() or Site())
    assert station.ask(Next()) == Idle()


def test_issuing_makes_card_purse_certificate_and_posting(station: Any, site: Site, uid: bytes) -> None:
    issue(site)
    job = station.next_job()
    answer = station.place(job, uid)
    assert isinstance(answer, IssueCard)
    script = desk.open_script(answer.sealed_script, station.sealing, uid)
    certificate = open_certificate(script.certificate, station.keys, uid, 0)
    card, purse = Card.objects.get(uid=uid), Purse.objects.get(uid=uid)
    assert is_card_number(card.number)
    assert (certificate.loaded, certificate.load_sequence, certificate.tier) == (100_00, 1, 2)
    assert (certificate.card_number, script.card_number) == (card.number, card.number)
    assert (certificate.floor_counter, certificate.floor_debited) == (2, 0)
    assert (purse.loaded, purse.load_sequence) == (100_00, 1)
    posting = Posting.objects.get()
    assert (posting.debit_account, posting.credit_account, posting.amount) == (CASH, FLOAT, 100_00)
    assert posting.terminal_id == station.number


def test_a_repeated_card_question_gives_the_same_card_and_no_second_money(station: Any, site: Site, uid: bytes) -> None:
    issue(site)
    job = station.next_job()
    first, second = station.place(job, uid), station.place(job, uid, Found.UNKNOWN)
    scripts = [desk.open_script(answer.sealed_script, station.sealing, uid) for answer in (first, second)]
    assert scripts[0] == scripts[1]
    assert (Card.objects.count(), Certificate.objects.count(), Posting.objects.count()) == (1, 1, 1)


def test_a_station_cut_between_card_and_done_goes_on_with_the_same_card(station: Any, site: Site, uid: bytes) -> None:
    issue(site)
    job = station.next_job()
    station.place(job, uid)
    assert station.next_job() == job
    other = station.place(job, fresh_uid())
    assert isinstance(other, Refused)
    assert not other.final
    assert uid.hex() in other.words
    assert isinstance(station.place(job, uid), IssueCard)
    assert station.ask(JobDone(job, uid, b"")) == Accepted(job)
    assert station.ask(JobDone(job, uid, b"")) == Accepted(job)
    assert station.ask(Next()) == Idle()
    assert Posting.objects.count() == 1


def test_a_lost_transaction_after_the_key_process_signed_is_made_good(
    station: Any, site: Site, uid: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(site)
    job = station.next_job()

    def cut(*_: object, **__: object) -> None:
        raise IntegrityError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr("server.desk.certify.post_load", cut)
        with pytest.raises(IntegrityError):
            station.place(job, uid)
    assert not Card.objects.filter(uid=uid).exists()
    image = key_process().latest_certificate(uid, 0)
    answer = station.place(job, uid)
    assert isinstance(answer, IssueCard)
    assert desk.open_script(answer.sealed_script, station.sealing, uid).certificate == image


def test_a_uid_that_is_active_is_not_issued_again(station: Any, site: Site, uid: bytes) -> None:
    issued(station, site, uid)
    issue(site)
    job = station.next_job()
    answer = station.place(job, uid)
    assert isinstance(answer, Refused)
    assert not answer.final
    assert "take another blank card" in answer.words
    assert isinstance(station.place(job, fresh_uid()), IssueCard)


def test_a_uid_that_would_be_taken_for_a_padded_one_is_not_issued(station: Any, site: Site, uid: bytes) -> None:
    """Seven bytes that end in three zeros name the card of the first four in every table."""
    issue(site)
    answer = station.place(station.next_job(), uid + b"\0\0\0")
    assert isinstance(answer, Refused)
    assert "take another blank card" in answer.words
    assert not Card.objects.exists()


@pytest.mark.parametrize("found", [Found.OURS, Found.UNKNOWN])
def test_a_card_that_is_not_blank_is_not_begun(station: Any, site: Site, uid: bytes, found: Found) -> None:
    issue(site)
    answer = station.place(station.next_job(), uid, found)
    assert isinstance(answer, Refused)
    assert not Card.objects.exists()


@pytest.mark.parametrize("family", [0, 3])
def test_a_card_of_another_family_is_not_begun(station: Any, site: Site, uid: bytes, family: int) -> None:
    issue(site)
    answer = station.ask(CardPlaced(station.next_job(), uid, family, Found.BLANK, b""))
    assert isinstance(answer, Refused)
    assert not Card.objects.exists()


def test_a_desfire_is_issued_with_keys_of_its_own_family(station: Any, site: Site, uid: bytes) -> None:
    issue(site)
    uid += b"\1\2\3"
    answer = station.ask(CardPlaced(station.next_job(), uid, 2, Found.BLANK, b""))
    assert isinstance(answer, IssueCard)
    script = desk.open_script(answer.sealed_script, station.sealing, uid)
    assert script.family == 2
    assert [[len(key) for key in row] for row in script.keys] == [[16], [16, 16, 16]]


def test_a_desfire_that_hides_its_uid_is_not_begun(station: Any, site: Site) -> None:
    issue(site)
    answer = station.ask(CardPlaced(station.next_job(), b"\x08\1\2\3", 2, Found.BLANK, b""))
    assert isinstance(answer, Refused)
    assert not Card.objects.exists()


def test_a_cashier_card_holds_no_money(station: Any, site: Site, uid: bytes) -> None:
    with pytest.raises(OrderRefused):
        issue(site, 1, CardKind.CASHIER)
    issue(site, 0, CardKind.CASHIER)
    answer = station.place(station.next_job(), uid)
    assert isinstance(answer, IssueCard)
    script = desk.open_script(answer.sealed_script, station.sealing, uid)
    certificate = open_certificate(script.certificate, station.keys, uid, 0)
    assert (certificate.kind, certificate.loaded) == (CardKind.CASHIER, 0)
    assert not Posting.objects.exists()


def test_a_failed_card_ends_the_job_with_its_reason(station: Any, site: Site, uid: bytes) -> None:
    issue(site)
    job = station.next_job()
    station.place(job, uid)
    assert station.ask(JobFailed(job, uid, "destroy the card")) == Accepted(job)
    assert isinstance(station.ask(JobDone(job, uid, b"")), Refused)
    done = Job.objects.get(pk=job)
    assert (done.state, done.words) == (Job.State.LOADED, "destroy the card")


def test_a_job_that_fails_before_money_moved_is_only_failed(station: Any, site: Site, uid: bytes) -> None:
    issue(site)
    job = station.next_job()
    assert station.ask(JobFailed(job, uid, "no card came")) == Accepted(job)
    assert Job.objects.get(pk=job).state == Job.State.FAILED


def test_a_load_that_was_not_written_says_that_the_money_is_on_its_way(
    client: Client, station: Any, site: Site, uid: bytes
) -> None:
    card = issued(station, site, uid)
    order_load(site, card.number, amount=50_00, operator=None, now=NOW)
    job = station.next_job()
    assert isinstance(station.place(job, uid, Found.OURS), DeliverLoad)
    assert station.ask(JobFailed(job, uid, "card torn away")) == Accepted(job)
    assert station.ask(Next()) == Idle()
    assert isinstance(station.ask(JobDone(job, uid, b"")), Refused)
    assert Purse.objects.get(uid=uid).loaded == 150_00
    client.force_login(User.objects.create_user("clerk"))
    for language, told in (("en", "give no cash back"), ("zh-hans", "不要退还现金")):
        page = client.get("/desk/jobs/", headers={"Accept-Language": language}).content.decode()
        row = re.findall('<tr class="job-loaded">.*?</tr>', page, re.DOTALL)
        assert len(row) == 1
        assert told in row[0]
        assert "card torn away" in row[0]


def test_done_for_a_card_that_was_never_bound_is_refused(station: Any, site: Site, uid: bytes) -> None:
    issue(site)
    job = station.next_job()
    assert isinstance(station.ask(JobDone(job, uid, b"")), Refused)
    station.place(job, uid)
    assert isinstance(station.ask(JobDone(job, fresh_uid(), b"")), Refused)
    assert Job.objects.get(pk=job).state == Job.State.CARD


def test_a_load_is_issued_once_and_sent_again_as_it_is(station: Any, site: Site, uid: bytes) -> None:
    card = issued(station, site, uid)
    order_load(site, None, amount=50_00, operator=None, now=NOW)
    job = station.next_job()
    first, second = station.place(job, uid, Found.OURS), station.place(job, uid, Found.OURS)
    assert isinstance(first, DeliverLoad)
    assert first == second
    certificate = open_certificate(first.certificate, station.keys, uid, 0)
    assert (certificate.load_sequence, certificate.loaded, certificate.card_number) == (2, 150_00, card.number)
    assert sorted(Posting.objects.values_list("amount", flat=True)) == [50_00, 100_00]
    assert station.ask(JobDone(job, uid, b"")) == Accepted(job)


def test_a_load_for_one_card_is_not_put_on_another(station: Any, site: Site) -> None:
    first, second = fresh_uid(), fresh_uid()
    card = issued(station, site, first)
    issued(station, site, second)
    order_load(site, card.number, amount=50_00, operator=None, now=NOW)
    job = station.next_job()
    for stranger in (second, fresh_uid()):
        answer = station.place(job, stranger, Found.OURS)
        assert isinstance(answer, Refused)
        assert not answer.final
    assert isinstance(station.place(job, first, Found.OURS), DeliverLoad)


def test_a_card_may_not_hold_more_than_the_limit(station: Any, site: Site, uid: bytes) -> None:
    issued(station, site, uid, 1000_00)
    order_load(site, None, amount=1, operator=None, now=NOW)
    answer = station.place(station.next_job(), uid, Found.OURS)
    assert isinstance(answer, Refused)
    assert "1000.00" in answer.words


@pytest.mark.parametrize("found", [Found.BLANK, Found.UNKNOWN])
def test_nothing_is_loaded_for_a_card_that_only_has_the_uid(station: Any, site: Site, uid: bytes, found: Found) -> None:
    issued(station, site, uid)
    order_load(site, None, amount=50_00, operator=None, now=NOW)
    assert isinstance(station.place(station.next_job(), uid, found), Refused)
    assert Certificate.objects.count() == 1


@pytest.mark.parametrize("head", [(3, 0), (2, 1), (9, 9_00)])
def test_nothing_is_loaded_on_a_card_that_is_behind(
    station: Any, site: Site, uid: bytes, head: tuple[int, int]
) -> None:
    """P-R8: a patron shows a copy of his card, gets his cash back when the desk refuses it, and keeps the load."""
    issued(station, site, uid)
    Purse.objects.update(head_counter=head[0], head_debited=head[1])
    order_load(site, None, amount=50_00, operator=None, now=NOW)
    job = station.next_job()
    answer = station.place(job, uid, Found.OURS)
    assert isinstance(answer, Refused)
    assert (answer.final, "behind" in answer.words) == (False, True)
    assert (Certificate.objects.count(), Posting.objects.filter(reason="load").count()) == (1, 1)


@pytest.mark.parametrize("state", [Card.State.LOST, Card.State.CLOSED, Card.State.MOVED])
def test_a_card_out_of_use_is_not_loaded(station: Any, site: Site, uid: bytes, state: str) -> None:
    card = issued(station, site, uid)
    Card.objects.filter(pk=card.pk).update(state=state)
    with pytest.raises(OrderRefused):
        order_load(site, card.number, amount=50_00, operator=None, now=NOW)
    order_load(site, None, amount=50_00, operator=None, now=NOW)
    assert isinstance(station.place(station.next_job(), uid, Found.OURS), Refused)


def test_a_reading_ends_with_what_is_known_here(station: Any, site: Site, uid: bytes) -> None:
    issued(station, site, uid)
    order_reading(site, None, operator=None, now=NOW)
    job = station.next_job()
    assert isinstance(station.place(job, fresh_uid(), Found.OURS), Refused)
    assert station.place(job, uid, Found.OURS) == Accepted(job)
    assert "100.00" in Job.objects.get(pk=job).words


def test_a_job_can_be_given_up_until_a_card_is_bound(station: Any, site: Site, uid: bytes) -> None:
    issue(site)
    job = station.next_job()
    give_up(job, NOW)
    answer = station.place(job, uid)
    assert isinstance(answer, Refused)
    assert answer.final
    issue(site)
    job = station.next_job()
    station.place(job, uid)
    with pytest.raises(OrderRefused):
        give_up(job, NOW)


@pytest.mark.parametrize("amount", [-1, 1000_01])
def test_an_amount_out_of_bounds_is_not_ordered(site: Site, amount: int) -> None:
    with pytest.raises(OrderRefused):
        issue(site, amount)
    with pytest.raises(OrderRefused):
        order_load(site, None, amount=amount, operator=None, now=NOW)

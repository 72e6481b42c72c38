"""Renewing a card's keys, and going on with a job where the card is: only for the card that is bound to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onecard import desk
from onecard.desk import (
    Accepted,
    CardPlaced,
    DeliverLoad,
    Found,
    Idle,
    IssueCard,
    JobDone,
    JobFailed,
    Next,
    Recover,
    Refused,
    RenewKeys,
)
from onecard.sealing import BadSeal
from server.cards.models import Card, Certificate
from server.desk.models import Job
from server.desk.orders import OrderRefused, give_up, order_load, order_renewal
from server.desk.renew import renew
from server.ledger.models import Posting
from server.sites.models import Site
from tests.server.desk.conftest import Station
from tests.server.desk.test_station import NOW, fresh_numbers, fresh_uid, issue, issued, site, uid

__all__ = ("fresh_numbers", "site", "uid")


def renewal(site: Site, number: int | None = None) -> Job:
    return order_renewal(site, number, operator=None, now=NOW)  # type: ignore[arg-type]


def test_a_card_gets_its_own_keys_and_no_money_moves(station: Station, site: Site, uid: bytes) -> None:
    issued(station, site, uid)
    renewal(site)
    job = station.next_job()
    first, second = station.place(job, uid, Found.OURS), station.place(job, uid, Found.UNKNOWN)
    assert isinstance(first, RenewKeys)
    assert isinstance(second, RenewKeys), "a cut may have left it in any state"
    opened = [desk.open_renewal(each.sealed_renewal, station.sealing, uid) for each in (first, second)]
    assert opened[0] == opened[1]
    assert (opened[0].uid, opened[0].family, len(opened[0].versions)) == (uid, 1, 1)
    assert station.ask(JobDone(job, uid, b"")) == Accepted(job)
    assert station.ask(Next()) == Idle()
    assert Job.objects.get(pk=job).state == Job.State.DONE
    assert (Certificate.objects.count(), Posting.objects.count()) == (1, 1)


@pytest.mark.parametrize("found", [Found.BLANK, Found.UNKNOWN])
def test_a_card_that_does_not_open_gets_no_keys(station: Station, site: Site, uid: bytes, found: Found) -> None:
    issued(station, site, uid)
    renewal(site)
    assert isinstance(station.place(station.next_job(), uid, found), Refused)


def test_another_card_than_the_ordered_one_gets_no_keys(station: Station, site: Site, uid: bytes) -> None:
    card = issued(station, site, uid)
    stranger = fresh_uid()
    issued(station, site, stranger)
    renewal(site, card.number)
    job = station.next_job()
    for placed in (stranger, fresh_uid()):
        answer = station.place(job, placed, Found.OURS)
        assert isinstance(answer, Refused)
        assert not answer.final
    assert isinstance(station.place(job, uid, Found.OURS), RenewKeys)
    assert isinstance(station.place(job, stranger, Found.OURS), Refused)


def test_keys_are_given_only_at_the_station_of_the_job(
    station: Station, new_station: Callable[[], Station], site: Site, uid: bytes
) -> None:
    issued(station, site, uid)
    renewal(site)
    job = station.next_job()
    answer = station.place(job, uid, Found.OURS)
    assert isinstance(answer, RenewKeys)
    rogue = new_station()
    assert isinstance(rogue.place(job, uid, Found.OURS), Refused)
    with pytest.raises(BadSeal):
        desk.open_renewal(answer.sealed_renewal, rogue.sealing, uid)


def test_two_cards_at_the_same_time_are_not_both_given_keys(station: Station, site: Site, uid: bytes) -> None:
    """Both questions read the job before either was bound to it."""
    issued(station, site, uid)
    second = fresh_uid()
    issued(station, site, second)
    renewal(site)
    unbound = Job.objects.get(pk=station.next_job())
    assert isinstance(renew(unbound, CardPlaced(unbound.pk, uid, 1, Found.OURS, b""), NOW), RenewKeys)
    assert isinstance(renew(unbound, CardPlaced(unbound.pk, second, 1, Found.OURS, b""), NOW), Refused)


def test_done_for_a_card_that_was_never_bound_is_refused(station: Station, site: Site, uid: bytes) -> None:
    issued(station, site, uid)
    renewal(site)
    job = station.next_job()
    assert isinstance(station.ask(JobDone(job, uid, b"")), Refused)
    station.place(job, uid, Found.OURS)
    assert isinstance(station.ask(JobDone(job, fresh_uid(), b"")), Refused)


def test_a_card_that_is_waste_ends_the_job(station: Station, site: Site, uid: bytes) -> None:
    issued(station, site, uid)
    renewal(site)
    job = station.next_job()
    station.place(job, uid, Found.OURS)
    assert station.ask(JobFailed(job, uid, "torn")) == Accepted(job)
    assert Job.objects.get(pk=job).state == Job.State.FAILED


def test_an_issue_goes_on_at_another_desk_with_the_same_bytes(
    station: Station, new_station: Callable[[], Station], site: Site, uid: bytes
) -> None:
    issue(site)
    job = station.next_job()
    first = station.place(job, uid)
    assert isinstance(first, IssueCard)
    other = new_station()
    order = other.ask(Recover(uid))
    assert isinstance(order, desk.Order)
    assert order.job == job
    assert other.ask(Recover(uid)) == order, "every question may be repeated"
    assert other.next_job() == job
    second = other.place(job, uid, Found.UNKNOWN)
    assert isinstance(second, IssueCard)
    assert desk.open_script(second.sealed_script, other.sealing, uid) == desk.open_script(
        first.sealed_script, station.sealing, uid
    )
    assert isinstance(station.place(job, uid), Refused), "the job is not here any more"
    assert isinstance(station.ask(JobDone(job, uid, b"")), Refused)
    assert other.ask(JobDone(job, uid, b"")) == Accepted(job)
    assert (Card.objects.count(), Certificate.objects.count(), Posting.objects.count()) == (1, 1, 1)


def test_a_load_goes_on_at_another_desk_with_the_same_certificate(
    station: Station, new_station: Callable[[], Station], site: Site, uid: bytes
) -> None:
    issued(station, site, uid)
    order_load(site, None, amount=50_00, operator=None, now=NOW)
    job = station.next_job()
    first = station.place(job, uid, Found.OURS)
    other = new_station()
    assert isinstance(other.ask(Recover(uid)), desk.Order)
    assert isinstance(first, DeliverLoad)
    assert other.place(job, uid, Found.OURS) == first


def test_a_rogue_station_recovers_nothing_of_a_card_without_a_bound_job(
    station: Station, new_station: Callable[[], Station], site: Site, uid: bytes
) -> None:
    issued(station, site, uid)
    job = renewal(site)
    rogue = new_station()
    for nothing in (uid, fresh_uid()):
        answer = rogue.ask(Recover(nothing))
        assert isinstance(answer, Refused)
        assert answer.job == 0
    assert station.next_job() == job.pk, "a job that waits for a card is not taken away"
    assert isinstance(rogue.ask(Recover(uid)), Refused)
    give_up(job.pk, NOW)
    assert isinstance(rogue.ask(Recover(uid)), Refused)


def test_a_desk_with_a_job_of_its_own_finishes_it_first(
    station: Station, new_station: Callable[[], Station], site: Site, uid: bytes
) -> None:
    issue(site)
    issue(site)
    job, other = station.next_job(), new_station()
    station.place(job, uid)
    own = other.next_job()
    answer = other.ask(Recover(uid))
    assert isinstance(answer, Refused)
    assert f"job {own}" in answer.words
    assert Job.objects.get(pk=job).station_id == station.number


def test_a_card_with_an_unfinished_renewal_is_not_begun_again(
    station: Station, new_station: Callable[[], Station], site: Site, uid: bytes
) -> None:
    issued(station, site, uid)
    renewal(site)
    renewal(site)
    station.place(station.next_job(), uid, Found.OURS)
    other = new_station()
    answer = other.place(other.next_job(), uid, Found.OURS)
    assert isinstance(answer, Refused)
    assert "recover" in answer.words


def test_no_renewal_is_ordered_for_a_card_out_of_use(station: Station, site: Site, uid: bytes) -> None:
    card = issued(station, site, uid)
    Card.objects.filter(pk=card.pk).update(state=Card.State.LOST)
    with pytest.raises(OrderRefused):
        renewal(site, card.number)

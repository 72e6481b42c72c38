"""The clerk's page: only for those who signed in; orders as typed; refusals in words."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from onecard.identity import CardNumber, card_number_text
from server.cards.models import Card, HotlistEntry
from server.cards.reports import list_copied
from server.desk.forms import IssueForm
from server.desk.models import Job
from server.desk.orders import order_reading
from server.sites.models import Site
from tests.server.conftest import CardInHand
from tests.server.desk.conftest import Station


@pytest.fixture
def clerk(client: Client) -> Client:
    """Signed in, of the clerks' group."""
    user = User.objects.create_user("clerk")
    user.groups.add(Group.objects.get(name="clerk"))
    client.force_login(user)
    return client


@pytest.mark.parametrize("path", ["/desk/", "/desk/jobs/"])
def test_a_stranger_is_sent_to_the_sign_in(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert "login" in response["Location"]


REPORTS = ("/desk/report-lost/", "/desk/unreport/", "/desk/forgive-copies/")


@pytest.mark.parametrize("path", ["/desk/issue/", "/desk/load/", "/desk/renew-keys/", *REPORTS])
def test_a_stranger_orders_nothing(client: Client, path: str) -> None:
    assert client.post(path, {"site": "WDK", "amount": "1"}).status_code == 302
    assert not Job.objects.exists()


@pytest.mark.parametrize("path", ["/desk/issue/", "/desk/load/", "/desk/renew-keys/", "/desk/jobs/{}/end/", *REPORTS])
def test_who_is_no_clerk_looks_and_changes_nothing(client: Client, path: str) -> None:
    job = order_reading(Site.objects.get(code="WDK"), None, operator=None, now=timezone.now())
    client.force_login(User.objects.create_user("guest"))
    page = client.get("/desk/").content.decode()
    assert 'class="job-new"' in page
    assert "/desk/" not in "".join(re.findall('<form[^>]*action="([^"]*)"', page))
    typed = {"site": "WDK", "kind": "0", "tier": "1", "amount": "1"}
    assert client.post(path.format(job.pk), typed).status_code == 403
    assert [job.state for job in Job.objects.all()] == ["new"]


def test_a_clerk_sees_what_a_clerk_may_do(clerk: Client) -> None:
    order_reading(Site.objects.get(code="WDK"), None, operator=None, now=timezone.now())
    page = clerk.get("/desk/").content.decode()
    assert len([action for action in re.findall('<form[^>]*action="([^"]*)"', page) if "/desk/" in action]) == 5


def test_a_card_is_ordered_as_typed(clerk: Client) -> None:
    response = clerk.post("/desk/issue/", {"site": "WDK", "kind": "0", "tier": "3", "amount": "45.50"})
    assert response.status_code == 302
    job = Job.objects.get()
    assert (job.site_id, job.tier, job.amount, job.operator.username) == ("WDK", 3, 45_50, "clerk")  # type: ignore[union-attr]
    assert 'class="job-new"' in clerk.get("/desk/jobs/").content.decode()


def test_a_renewal_of_keys_is_ordered_and_told_in_both_languages(clerk: Client) -> None:
    assert clerk.post("/desk/renew-keys/", {"site": "WDK", "number": ""}).status_code == 302
    assert Job.objects.get().action == 4
    for language, told in (("en", "renew keys"), ("zh-hans", "更新密钥")):
        assert told in clerk.get("/desk/jobs/", headers={"Accept-Language": language}).content.decode()


@pytest.mark.parametrize("amount", ["x", "-1", "1000.01", "0.001"])
def test_a_wrong_amount_orders_nothing_and_says_so(clerk: Client, amount: str) -> None:
    response = clerk.post("/desk/issue/", {"site": "WDK", "kind": "0", "tier": "1", "amount": amount})
    assert response.status_code == 400
    assert "errorlist" in response.content.decode()
    assert not Job.objects.exists()


def test_a_card_number_with_a_wrong_check_digit_orders_nothing(clerk: Client) -> None:
    response = clerk.post("/desk/load/", {"site": "WDK", "number": "000000000011", "amount": "1"})
    assert response.status_code == 400
    assert not Job.objects.exists()


def test_a_load_of_the_card_that_is_placed_is_ordered(clerk: Client) -> None:
    assert clerk.post("/desk/load/", {"site": "WDK", "number": "", "amount": "20"}).status_code == 302
    assert (Job.objects.get().number, Job.objects.get().amount) == (None, 20_00)


def test_the_form_proposes_the_cinema_where_a_desk_stands(clerk: Client, station: Station) -> None:
    assert 'value="WDK" selected' in clerk.get("/desk/").content.decode()


def test_a_job_is_given_up_by_its_button(clerk: Client) -> None:
    clerk.post("/desk/load/", {"site": "WDK", "number": "", "amount": "20"})
    job = Job.objects.get()
    assert clerk.post(f"/desk/jobs/{job.pk}/end/").status_code == 302
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert clerk.post(f"/desk/jobs/{job.pk}/end/", follow=False).status_code == 302
    assert "不能再放弃" in clerk.get("/desk/").content.decode()


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("issue", {"site": "WDK", "kind": "0", "tier": "1", "amount": "x"}),
        ("issue", {"site": "WDK", "kind": "2", "tier": "1", "amount": "1"}),
        ("issue", {"site": "WDK", "kind": "0", "tier": "1", "amount": "1000.01"}),
        ("load", {"site": "WDK", "number": "000000000011", "amount": "1"}),
        ("load", {"site": "WDK", "number": "000000000018", "amount": "1"}),
        ("report-lost", {"number": "000000000011"}),
        ("report-lost", {"number": "000000000018"}),
        ("report-lost", {"number": ""}),
        ("unreport", {"number": "000000000018"}),
    ],
)
def test_a_chinese_page_says_in_chinese_what_is_wrong(clerk: Client, path: str, typed: dict[str, str]) -> None:
    response = clerk.post(f"/desk/{path}/", typed, headers={"Accept-Language": "zh-hans"})
    assert response.status_code == 400
    told = " ".join(re.findall(r'<ul class="errorlist.*?</ul>', response.content.decode(), re.DOTALL))
    assert told
    assert not re.search(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", " ", told))


def test_jobs_are_in_the_language_of_the_page(clerk: Client) -> None:
    for kind in IssueForm.base_fields["kind"].choices:  # type: ignore[attr-defined]
        clerk.post("/desk/issue/", {"site": "WDK", "kind": kind[0], "tier": "1", "amount": ""})
    clerk.post("/desk/load/", {"site": "WDK", "number": "", "amount": "20"})
    order_reading(Site.objects.get(code="WDK"), None, operator=None, now=timezone.now())
    clerk.post(f"/desk/jobs/{Job.objects.latest('pk').pk}/end/", headers={"Accept-Language": "zh-hans"})
    chinese = clerk.get("/desk/jobs/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert chinese.count("<tr class=") == 6
    assert not re.search(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", " ", chinese))
    english = clerk.get("/desk/jobs/", headers={"Accept-Language": "en"}).content.decode()
    assert "issue cashier card" in english


def told(client: Client, language: str) -> str:
    page = client.get("/desk/", headers={"Accept-Language": language}).content.decode()
    return " ".join(re.findall('<p class="message">(.*?)</p>', page))


def test_a_clerk_puts_a_card_on_the_hotlist_and_takes_it_off(clerk: Client, issue: Callable[..., CardInHand]) -> None:
    number = card_number_text(CardNumber(issue().number))
    english = {"Accept-Language": "en"}
    assert clerk.post("/desk/report-lost/", {"number": number}, headers=english).status_code == 302
    assert Card.objects.get().state == Card.State.LOST
    assert f"Card {number} is reported lost" in told(clerk, "en")
    again = clerk.post("/desk/report-lost/", {"number": number}, headers={"Accept-Language": "zh-hans"})
    assert again.status_code == 400
    assert "已挂失" in again.content.decode()
    assert clerk.post("/desk/unreport/", {"number": number}).status_code == 302
    entries = list(HotlistEntry.objects.order_by("version").values_list("refused", "operator__username"))
    assert entries == [(True, "clerk"), (False, "clerk")]
    page = clerk.get(f"/cards/{int(number)}/", headers={"Accept-Language": "en"}).content.decode()
    assert page.count("<td>clerk</td>") == 2


def test_a_found_card_of_which_copies_were_seen_is_told_to_stay_refused(
    clerk: Client, issue: Callable[..., CardInHand]
) -> None:
    number = CardNumber(issue().number)
    with transaction.atomic():
        list_copied(number, timezone.now())
    clerk.post("/desk/report-lost/", {"number": card_number_text(number)})
    clerk.post("/desk/unreport/", {"number": card_number_text(number)}, headers={"Accept-Language": "en"})
    assert "stays on the hotlist" in told(clerk, "en")


def test_only_who_may_change_the_hotlist_forgives_copies(clerk: Client, issue: Callable[..., CardInHand]) -> None:
    number = CardNumber(issue().number)
    with transaction.atomic():
        list_copied(number, timezone.now())
    typed = {"number": card_number_text(number)}
    assert "forgive-copies" not in clerk.get("/desk/").content.decode()
    assert clerk.post("/desk/forgive-copies/", typed).status_code == 403
    clerk.force_login(User.objects.create_superuser("boss"))
    assert "forgive-copies" in clerk.get("/desk/").content.decode()
    assert clerk.post("/desk/forgive-copies/", typed).status_code == 302
    assert not HotlistEntry.objects.latest("version").refused

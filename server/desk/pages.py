"""/desk/: what clerks order and how far the desks have come.

Whoever signed in may look; ordering, giving up and reporting need the permissions of the group `clerk`; forgiving
copies needs one that the group does not have.
"""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from onecard.identity import CardNumber, card_number_text
from server.cards import reports
from server.desk.forms import IssueForm, LoadForm, RenewalForm, ReportForm
from server.desk.models import Job
from server.desk.orders import OrderRefused, give_up, order_issue, order_load, order_renewal
from server.sites.models import Terminal

JOBS_SHOWN = 100
_orders = permission_required("desk.add_job", raise_exception=True)
_reports = permission_required("cards.add_hotlistentry", raise_exception=True)
_forgives = permission_required("cards.change_hotlistentry", raise_exception=True)
_gives_up = permission_required("desk.change_job", raise_exception=True)


@login_required
@require_GET
def desk(request: HttpRequest) -> HttpResponse:
    """The forms and the newest jobs."""
    return _page(request)


@login_required
@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """The newest jobs alone, for scripts to follow them."""
    return render(request, "desk/jobs.html", {"jobs": _newest()})


@login_required
@_orders
@require_POST
def issue(request: HttpRequest) -> HttpResponse:
    """Order a new card."""
    form = IssueForm(request.POST)
    if form.is_valid():
        facts = form.cleaned_data
        try:
            order_issue(
                facts["site"],
                facts["kind"],
                tier=facts["tier"],
                amount=facts["amount"],
                operator=_clerk(request),
                now=timezone.now(),
            )
        except OrderRefused as error:
            form.add_error(None, str(error))
        else:
            return redirect("desk")
    return _page(request, issue_form=form)


@login_required
@_orders
@require_POST
def load(request: HttpRequest) -> HttpResponse:
    """Order a load."""
    form = LoadForm(request.POST)
    if form.is_valid():
        facts = form.cleaned_data
        try:
            order_load(
                facts["site"],
                facts["number"],
                amount=facts["amount"],
                operator=_clerk(request),
                now=timezone.now(),
            )
        except OrderRefused as error:
            form.add_error(None, str(error))
        else:
            return redirect("desk")
    return _page(request, load_form=form)


@login_required
@_orders
@require_POST
def renew_keys(request: HttpRequest) -> HttpResponse:
    """Order new keys for a card."""
    form = RenewalForm(request.POST)
    if form.is_valid():
        facts = form.cleaned_data
        try:
            order_renewal(facts["site"], facts["number"], operator=_clerk(request), now=timezone.now())
        except OrderRefused as error:
            form.add_error(None, str(error))
        else:
            return redirect("desk")
    return _page(request, renewal_form=form)


@login_required
@_reports
@require_POST
def report_lost(request: HttpRequest) -> HttpResponse:
    """Put a card on the hotlist at its holder's wish."""

    def act(number: CardNumber) -> str:
        reports.report_lost(number, _clerk(request), timezone.now())
        return _("Card %(number)s is reported lost.")

    return _reported(request, act)


@login_required
@_reports
@require_POST
def unreport(request: HttpRequest) -> HttpResponse:
    """Take a card that was found off the hotlist."""

    def act(number: CardNumber) -> str:
        if reports.unreport(number, _clerk(request), timezone.now()):
            return _("Card %(number)s is reported lost no longer.")
        return _("Card %(number)s is reported lost no longer; it stays on the hotlist, for copies of it were seen.")

    return _reported(request, act)


@login_required
@_forgives
@require_POST
def forgive_copies(request: HttpRequest) -> HttpResponse:
    """Take a card off the hotlist of which copies were seen."""

    def act(number: CardNumber) -> str:
        reports.forgive_copies(number, _clerk(request), timezone.now())
        return _("Card %(number)s does not count as copied any more.")

    return _reported(request, act)


@login_required
@_gives_up
@require_POST
def end(request: HttpRequest, job: int) -> HttpResponse:
    """Give a job up."""
    try:
        give_up(job, timezone.now())
    except OrderRefused as error:
        messages.error(request, str(error))
    return redirect("desk")


def _reported(request: HttpRequest, act: Callable[[CardNumber], str]) -> HttpResponse:
    """The page after `act` on the card typed in; its words are shown there."""
    form = ReportForm(request.POST)
    if form.is_valid():
        number: CardNumber = form.cleaned_data["number"]
        try:
            words = act(number)
        except reports.ReportRefused as error:
            form.add_error(None, str(error))
        else:
            messages.info(request, words % {"number": card_number_text(number)})
            return redirect("desk")
    return _page(request, report_form=form)


def _page(
    request: HttpRequest,
    issue_form: forms.Form | None = None,
    load_form: forms.Form | None = None,
    renewal_form: forms.Form | None = None,
    report_form: forms.Form | None = None,
) -> HttpResponse:
    """The page with the one form that was refused, if any, as it was filled in."""
    initial = _site()
    context = {
        "issue_form": issue_form or IssueForm(initial=initial),
        "load_form": load_form or LoadForm(initial=initial),
        "renewal_form": renewal_form or RenewalForm(initial=initial),
        "report_form": report_form or ReportForm(),
        "jobs": _newest(),
    }
    refused = any((issue_form, load_form, renewal_form, report_form))
    return render(request, "desk/desk.html", context, status=400 if refused else 200)


def _newest() -> list[Job]:
    return list(Job.objects.select_related("site", "station", "operator")[:JOBS_SHOWN])


def _site() -> dict[str, object]:
    """The cinema where a desk stands, to spare the clerk the choice."""
    station = Terminal.objects.filter(work=Terminal.Work.DESK, state=Terminal.State.ACTIVE).first()
    return {} if station is None else {"site": station.site_id}


def _clerk(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the page is for people who signed in"
    return request.user

"""/desk/: what clerks order and how far the desks have come.

Whoever signed in may look; ordering and giving up need the permissions of the group `clerk`.
"""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from server.desk.forms import IssueForm, LoadForm, RenewalForm
from server.desk.models import Job
from server.desk.orders import OrderRefused, give_up, order_issue, order_load, order_renewal
from server.sites.models import Terminal

JOBS_SHOWN = 100
_orders = permission_required("desk.add_job", raise_exception=True)
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
@_gives_up
@require_POST
def end(request: HttpRequest, job: int) -> HttpResponse:
    """Give a job up."""
    try:
        give_up(job, timezone.now())
    except OrderRefused as error:
        messages.error(request, str(error))
    return redirect("desk")


def _page(
    request: HttpRequest,
    issue_form: forms.Form | None = None,
    load_form: forms.Form | None = None,
    renewal_form: forms.Form | None = None,
) -> HttpResponse:
    """The page with the one form that was refused, if any, as it was filled in."""
    initial = _site()
    context = {
        "issue_form": issue_form or IssueForm(initial=initial),
        "load_form": load_form or LoadForm(initial=initial),
        "renewal_form": renewal_form or RenewalForm(initial=initial),
        "jobs": _newest(),
    }
    refused = (issue_form, load_form, renewal_form) != (None, None, None)
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

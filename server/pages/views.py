"""The browser's pages. Every one needs a login."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from onecard.identity import BadCardNumber, parse_card_number
from onecard.journal import Level
from onecard.journal.room import level_of
from server.cards.models import Card, Certificate, HotlistEntry
from server.cards.words import NO_CARD_NUMBER
from server.ingest.models import Alarm, Cursor, Flow
from server.pages.cases import cases as open_cases
from server.pages.flows import key_typed, page_of
from server.pages.missing import missing
from server.pages.today import is_silent
from server.pages.today import today as today_now
from server.sites.models import Site, Terminal

_LATEST = 12
_ALARMS = 50
_HOTLIST_OLD = timedelta(days=1)


@require_safe
@login_required
def today(request: HttpRequest) -> HttpResponse:
    """Today's flows and totals by cinema and terminal."""
    context = {"today": today_now(timezone.now()), "page": page_of(Flow.objects.all(), lines=_LATEST)}
    return render(request, "pages/today.html", context)


@require_safe
@login_required
def flows(request: HttpRequest) -> HttpResponse:
    """All flows, newest arrival first; narrowed by cinema, terminal and business day."""
    chosen = Flow.objects.all()
    site, terminal = request.GET.get("site", ""), request.GET.get("terminal", "")
    day = request.GET.get("day", "")
    if site:
        chosen = chosen.filter(terminal__site=site)
    if (number := key_typed(terminal)) is not None:
        chosen = chosen.filter(terminal=number)
    if wanted := _date(day):
        chosen = chosen.filter(business_day=wanted)
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "page": page_of(chosen, request.GET.get("before", "")),
        "sites": Site.objects.all(),
        "site": site,
        "terminal": terminal,
        "day": day,
        "query": query.urlencode(),
    }
    return render(request, "pages/flows.html", context)


@require_safe
@login_required
def terminals(request: HttpRequest) -> HttpResponse:
    """Every terminal: when it was heard, what it holds, what is missing; and the alarms."""
    now = timezone.now()
    lacking = missing()
    received = dict(Cursor.objects.values_list("terminal_id", "received"))
    rows = [
        {
            "terminal": terminal,
            "received": received.get(terminal.number, 0),
            "missing": lacking.get(terminal.number, []),
            "silent": is_silent(terminal, now),
            "room": _room_level(terminal),
            "stale": _is_stale(terminal, now),
        }
        for terminal in Terminal.objects.select_related("site").order_by("site", "number")
    ]
    alarms = Alarm.objects.filter(settled_at=None).select_related("terminal").order_by("-raised_at")[:_ALARMS]
    return render(request, "pages/terminals.html", {"rows": rows, "alarms": alarms})


@require_safe
@login_required
def cases(request: HttpRequest) -> HttpResponse:
    """What is missing of terminals' records and what cards say of it, and what is not believed."""
    return render(request, "pages/cases.html", {"cases": open_cases()})


def _is_stale(terminal: Terminal, now: datetime) -> bool:
    """Whether a card reported lost may still be taken there: its hotlist was the newest too long ago."""
    return terminal.hotlist_at is not None and now - terminal.hotlist_at > _HOTLIST_OLD


def _room_level(terminal: Terminal) -> str:
    """The watermark that the terminal's screen shows too, "FREE" below the first."""
    left = terminal.room_per_mille
    return Level.FREE.name if left is None else level_of(1000 - left).name


@require_safe
@login_required
def find_card(request: HttpRequest) -> HttpResponse:
    """From a number typed in to its card's page."""
    typed = request.GET.get("number", "")
    try:
        number = parse_card_number(typed)
    except BadCardNumber:
        return render(request, "pages/no_card.html", {"why": NO_CARD_NUMBER, "typed": typed}, status=404)
    if not Card.objects.filter(number=number).exists():
        why = _("No card with this number was issued.")
        return render(request, "pages/no_card.html", {"why": why, "typed": typed}, status=404)
    return redirect("card", number=number)


@require_safe
@login_required
def card(request: HttpRequest, number: int) -> HttpResponse:
    """One card: what it is, what it holds as known here, its certificates and its flows."""
    found = Card.objects.select_related("site").filter(number=number).first()
    if found is None:
        raise Http404
    purses = list(found.purse_set.order_by("purse"))
    certificates = Certificate.objects.filter(purse__card=found).select_related("purse").order_by("-feed")[:_ALARMS]
    page = page_of(Flow.objects.filter(uid=bytes(found.uid)), request.GET.get("before", ""))
    context = {
        "card": found,
        "uid": bytes(found.uid).hex(" ").upper(),
        "purses": purses,
        "certificates": certificates,
        "listed": HotlistEntry.objects.filter(card=found).select_related("operator").order_by("-version")[:_ALARMS],
        "page": page,
        "query": "",
    }
    return render(request, "pages/card.html", context)


def _date(text: str) -> date | None:
    """A day as a form sends it; a wrong one narrows nothing."""
    try:
        return parse_date(text)
    except ValueError:
        return None

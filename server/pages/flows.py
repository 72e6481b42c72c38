"""Flows as people see them: one line each, with the one word that says how it stands."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from onecard.kinds import Outcome, Purpose
from server.ingest.models import Flow, FlowOutcome
from server.ledger.accounts import Reason
from server.ledger.models import Posting, Resolution

LINES = 50
_KEY_MAX = (1 << 63) - 1  # the database's integers


class Standing(Enum):
    """How a flow stands; the value is the CSS class."""

    PAID = "paid"
    WAITING = "waiting"
    DOUBT = "doubt"
    REFUNDED = "refunded"
    VOID = "void"
    SEALED = "sealed"


WORDS: dict[Standing, Promise] = {
    Standing.PAID: _("paid"),
    Standing.WAITING: _("not settled yet"),
    Standing.DOUBT: _("in doubt"),
    Standing.REFUNDED: _("refunded"),
    Standing.VOID: _("not debited"),
    Standing.SEALED: _("no debit"),
}

PURPOSES: dict[int, Promise] = {
    Purpose.SALE: _("sale"),
    Purpose.FREE: _("free"),
    Purpose.DELIVERY: _("certificate delivered"),
    Purpose.SEAL: _("sealed"),
    Purpose.SETTLE: _("settled"),
}


@dataclass(frozen=True, slots=True)
class FlowLine:
    """A flow with its standing in words. `left` is P − N after it as its terminal knew them, fen."""

    flow: Flow
    left: int
    standing: str
    word: Promise
    purpose: Promise


@dataclass(frozen=True, slots=True)
class FlowPage:
    """One page of lines, newest arrival first, and where the next one begins (empty: it was the last)."""

    lines: list[FlowLine]
    following: str


def key_typed(text: str) -> int | None:
    """The key that an address names; None when no row can have it."""
    if not text.isdecimal() or len(text) > len(str(_KEY_MAX)):
        return None
    key = int(text)
    return key if key <= _KEY_MAX else None


def page_of(flows: QuerySet[Flow], before: str = "", lines: int = LINES) -> FlowPage:
    """The page that begins after `before`, a former page's `following`. It costs the same however far back."""
    if before:
        bundle, _dot, place = before.partition(".")
        if (at := key_typed(bundle)) is not None and (below := key_typed(place)) is not None:
            flows = flows.filter(Q(bundle_id__lt=at) | Q(bundle_id=at, place__lt=below))
    found = list(flows.select_related("terminal__site").order_by("-bundle_id", "-place")[: lines + 1])
    shown = found[:lines]
    following = f"{shown[-1].bundle_id}.{shown[-1].place}" if len(found) > lines else ""
    return FlowPage(_lines(shown), following)


def _lines(flows: list[Flow]) -> list[FlowLine]:
    places = [flow.place for flow in flows]
    outcomes = dict(FlowOutcome.objects.filter(place__in=places).values_list("place", "outcome"))
    states = dict(Resolution.objects.filter(place__in=places).values_list("place", "state"))
    posted: dict[int, set[str]] = defaultdict(set)
    for place, reason in Posting.objects.filter(place__in=places).values_list("place", "reason"):
        assert place is not None
        posted[place].add(reason)
    lines = []
    for flow in flows:
        standing = _standing(flow, outcomes.get(flow.place), states.get(flow.place), posted[flow.place])
        lines.append(
            FlowLine(
                flow,
                flow.loaded - flow.debited,
                standing.value,
                WORDS[standing],
                PURPOSES.get(flow.purpose, _("other")),
            )
        )
    return lines


def _standing(flow: Flow, outcome: int | None, state: str | None, posted: set[str]) -> Standing:
    if state == Resolution.State.VOID or outcome == Outcome.UNSENT:
        return Standing.VOID
    if flow.amount == 0:
        return Standing.SEALED
    if outcome == Outcome.PAID:
        return Standing.PAID
    if Reason.REFUND in posted:
        return Standing.REFUNDED
    return Standing.DOUBT if outcome is None else Standing.WAITING

"""Posting: from new evidence to resolutions, transfers, purse heads and refunds, a set of bundles at a time.

What a purse needs is decided by server.ledger.purse_account; here it is loaded, certified and written, in one
transaction. The durable head is set before a refund's certificate is issued: it is that certificate's floor (P-R15).
What the head and the open intents say is stated to terminals in the same transaction (P-R12, P-R13).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import transaction

from server.cards.certificates import issue_next_certificate
from server.cards.models import Certificate, Purse
from server.cards.state import STATE_FIELDS, restate
from server.ingest.alarms import raise_alarm
from server.ingest.models import Alarm, Bundle, Flow, FlowOutcome
from server.keyd.client import KeyProcessRefused
from server.ledger.accounts import Reason
from server.ledger.evidence import PurseName, homes, known
from server.ledger.forks import watch
from server.ledger.journal import Transfer, post, posting_day
from server.ledger.models import Resolution
from server.ledger.purse_account import Due, KnownFlow, account_of
from server.ledger.sightings import write_seen
from server.ledger.transfers import refund_name
from server.places import name
from server.sites.models import Site

RECORDS_AT_ONCE = 4000
"""How many records one transaction posts at most (one bundle at least): ingest waits for it."""
_POSTED_FIELDS = ("head_counter", "head_debited", "unattributed", "unsettled")
_PURSES_IN_AN_UPDATE = 300


def post_next(now: datetime) -> bool:
    """Post the oldest bundles not posted yet; whether there were any. Raises what the key process's client raises."""
    with transaction.atomic():
        bundles = _oldest()
        if bundles:
            post_purses(_touched(bundles, now), now)
            Bundle.objects.filter(pk__in=bundles).update(posted=True)
    return bool(bundles)


def post_purses(purses: Sequence[Purse], now: datetime) -> None:
    """Bring the ledger up to date for these purses, whose rows the caller has locked."""
    found, terminals = known(purses), homes()
    open_days = {site.code: posting_day(site, now) for site in Site.objects.all()}
    accounts = {
        purse: account_of(found.books[purse.pk], found.flows[bytes(purse.uid), purse.purse], terminals)
        for purse in purses
    }
    seen = write_seen(accounts)
    transfers: list[Transfer] = []
    states: list[Resolution] = []
    for purse, account in accounts.items():
        of_purse = found.flows[bytes(purse.uid), purse.purse]
        watch(purse, account, of_purse, now)
        purse.head_counter, purse.head_debited = account.head
        purse.unattributed, purse.unsettled = account.unattributed, account.unsettled
        states += [Resolution(place=place, purse=purse, state=state.value) for place, state in account.states]
        by_place = {flow.place: flow for flow in of_purse}
        for due in account.due:
            certificate = None
            if due.reason is Reason.REFUND:
                assert due.place is not None
                certificate = _refund(purse, by_place[due.place], now)
                if certificate is None:
                    continue
            open_day = max(open_days.values()) if due.site is None else open_days[due.site]
            business_day = open_day if due.place is None else found.days[due.place]
            witness = None if due.record is None else seen[purse.pk, due.record]
            transfers.append(_transfer(purse.pk, due, witness, certificate, (business_day, open_day)))
    Resolution.objects.bulk_create(
        states, batch_size=1000, update_conflicts=True, unique_fields=("place",), update_fields=("state",)
    )
    restate(purses)
    Purse.objects.bulk_update(purses, (*_POSTED_FIELDS, *STATE_FIELDS), batch_size=_PURSES_IN_AN_UPDATE)
    post(transfers, now)


def _refund(purse: Purse, flow: KnownFlow, now: datetime) -> int | None:
    """The certificate that gives an abandoned debit back; None when the key process refuses it.

    Then the money stays in doubt, for a person to look at, and nobody else's posting waits for it.
    """
    evidence = flow.evidence
    try:
        return issue_next_certificate(purse, evidence.amount, Certificate.Reason.REFUND, now, flow.place).pk
    except KeyProcessRefused as error:
        about = f"{refund_name(evidence.record.terminal, evidence.sequence)}: {purse.name}: {error}"
        raise_alarm(Alarm.Kind.REFUSED, None, about, now)
        return None


def _transfer(purse: int, due: Due, seen: int | None, certificate: int | None, days: tuple[date, date]) -> Transfer:
    """The row of a transfer that is due; `days` are its business day and its posting day."""
    terminal = None
    if due.record is not None:
        terminal = due.record.terminal
    elif due.place is not None:
        terminal, _sequence = name(due.place)
    return Transfer(
        debit_account=due.debit_account,
        credit_account=due.credit_account,
        amount=due.amount,
        reason=due.reason,
        purse=purse,
        place=due.place,
        seen=seen,
        certificate=certificate,
        site=due.site,
        terminal=terminal,
        business_day=days[0],
        posting_day=days[1],
    )


def _oldest() -> list[int]:
    found: list[int] = []
    records = 0
    for pk, stored in Bundle.objects.filter(posted=False).order_by("pk").values_list("pk", "stored")[:RECORDS_AT_ONCE]:
        if found and records + stored > RECORDS_AT_ONCE:
            break
        found.append(pk)
        records += stored
    return found


def _touched(bundles: Sequence[int], now: datetime) -> list[Purse]:
    """The purses about which the bundles say something, locked in one order."""
    told = FlowOutcome.objects.filter(bundle__in=bundles).values("place")
    names = {
        (bytes(uid), purse)
        for flows in (Flow.objects.filter(bundle__in=bundles), Flow.objects.filter(place__in=told))
        for uid, purse in flows.values_list("uid", "purse")
    }
    found = _purses(names)
    for uid, purse in sorted(names - {(bytes(one.uid), one.purse) for one in found}):
        raise_alarm(Alarm.Kind.UNKNOWN_PURSE, None, f"UID {uid.hex()} purse {purse}", now)
    return found


def _purses(names: Iterable[PurseName]) -> list[Purse]:
    wanted = set(names)
    uids = sorted({uid for uid, _ in wanted})
    return [
        purse
        for start in range(0, len(uids), 500)
        for purse in Purse.objects.select_for_update(of=("self",))
        .select_related("card")
        .filter(uid__in=uids[start : start + 500])
        .order_by("pk")
        if (bytes(purse.uid), purse.purse) in wanted
    ]

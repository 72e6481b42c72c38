"""Posting: from new evidence to resolutions, transfers, purse heads and refunds, a set of bundles at a time.

Rules
- Everything that depends on a purse is done again from all its evidence, so order, delay and repetition of bundles
  change nothing (P-R9); what was posted before is not posted again (constraints of `Posting` are the last guard).
- The purse's durable head is set before a refund's certificate is issued: it is that certificate's floor (P-R15).
- What the head and the open intents say is stated to terminals in the same transaction (P-R12, P-R13).
- `unattributed` follows the head exactly: P − N of a purse and its share of the float are equal at any time, even
  when a terminal contradicts itself: it is counted from what was posted, which stays posted.
- Nothing is refunded from a purse of which more was reported than its N states: somebody lies, and a refund beyond N
  would be money (hole H15). It stays in doubt, with the alarm that the fork raised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from django.db import transaction

from onecard.purse.record import Identity
from onecard.purse.resolution import State, may_refund, resolve
from server.cards.certificates import issue_next_certificate
from server.cards.models import Certificate, Purse
from server.cards.state import STATE_FIELDS, restate
from server.ingest.alarms import raise_alarm
from server.ingest.models import Alarm, Bundle, Flow, FlowOutcome
from server.keyd.client import KeyProcessRefused
from server.ledger.evidence import KnownFlow, PurseName, known_flows
from server.ledger.forks import watch
from server.ledger.journal import Transfer, post, posting_day
from server.ledger.models import FLOAT, UNATTRIBUTED, Posting, Reason, Resolution
from server.ledger.transfers import accounts, left_float, needed, refund_name
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
    flows = known_flows(purses)
    posted: dict[int, set[str]] = defaultdict(set)
    of_these = Posting.objects.filter(purse__in=[purse.pk for purse in purses], place__isnull=False)
    for place, reason in of_these.values_list("place", "reason"):
        assert place is not None
        posted[place].add(reason)
    days = {site.code: posting_day(site, now) for site in Site.objects.all()}
    transfers: list[Transfer] = []
    states: list[Resolution] = []
    for purse in purses:
        new_states, new_transfers = _post_purse(purse, flows[bytes(purse.uid), purse.purse], posted, days, now)
        states += new_states
        transfers += new_transfers
    Resolution.objects.bulk_create(
        states, batch_size=1000, update_conflicts=True, unique_fields=("place",), update_fields=("state",)
    )
    restate(purses)
    Purse.objects.bulk_update(purses, (*_POSTED_FIELDS, *STATE_FIELDS), batch_size=_PURSES_IN_AN_UPDATE)
    post(transfers, now)


def _post_purse(
    purse: Purse,
    flows: Sequence[KnownFlow],
    posted: Mapping[int, set[str]],
    days: Mapping[str, date],
    now: datetime,
) -> tuple[list[Resolution], list[Transfer]]:
    resolution = resolve(Identity(purse.genesis_counter, 0, 0, 0), (flow.evidence for flow in flows))
    watch(purse, resolution, flows, now)
    states: list[Resolution] = []
    wanted: list[tuple[KnownFlow, Reason]] = []
    taken = 0
    for flow in sorted(flows, key=lambda flow: flow.place):
        name = flow.terminal, flow.evidence.sequence
        state, before = resolution.states[name], posted[flow.place]
        if flow.state != state.value:
            states.append(Resolution(place=flow.place, purse=purse, state=state.value))
        if flow.evidence.amount:
            missing = needed(state, flow.evidence.outcome, before, refund_due=name in resolution.refunds)
            wanted += [(flow, reason) for reason in missing]
            taken += flow.evidence.amount if left_float({*before, *missing}) else 0
    unattributed, known = resolution.head.debited - taken, purse.unattributed
    purse.head_counter, purse.head_debited = resolution.head
    purse.unattributed = unattributed
    purse.unsettled = State.OPEN in resolution.states.values()
    transfers: list[Transfer] = []
    for flow, reason in wanted:
        certificate = None
        if reason is Reason.REFUND:
            certificate = _refund(purse, flow, now) if may_refund(resolution.head, taken) else None
            if certificate is None:
                continue
        transfers.append(_transfer(purse, flow, reason, certificate, days[flow.site]))
    if unattributed != known:
        transfers.append(_unattributed(purse, unattributed - known, max(days.values())))
    return states, transfers


def _refund(purse: Purse, flow: KnownFlow, now: datetime) -> int | None:
    """The certificate that gives an abandoned debit back; None when the key process refuses it.

    Then the money stays in doubt, for a person to look at, and nobody else's posting waits for it.
    """
    try:
        return issue_next_certificate(purse, flow.evidence.amount, Certificate.Reason.REFUND, now, flow.place).pk
    except KeyProcessRefused as error:
        about = f"{refund_name(flow.terminal, flow.evidence.sequence)}: {purse.name}: {error}"
        raise_alarm(Alarm.Kind.REFUSED, None, about, now)
        return None


def _transfer(purse: Purse, flow: KnownFlow, reason: Reason, certificate: int | None, day: date) -> Transfer:
    debit, credit = accounts(reason, f"site:{flow.site}")
    return Transfer(
        debit_account=debit,
        credit_account=credit,
        amount=flow.evidence.amount,
        reason=reason,
        purse=purse.pk,
        place=flow.place,
        certificate=certificate,
        site=flow.site,
        terminal=flow.terminal,
        business_day=flow.business_day,
        posting_day=day,
    )


def _unattributed(purse: Purse, change: int, day: date) -> Transfer:
    """What the head states beyond the records here, or less of it now that they came."""
    debit, credit = (FLOAT, UNATTRIBUTED) if change > 0 else (UNATTRIBUTED, FLOAT)
    return Transfer(debit, credit, abs(change), Reason.UNATTRIBUTED, purse.pk, None, None, None, None, day, day)


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

"""The recount: everything that is kept for speed, computed again from what is kept for ever.

Checks
- postings sum to zero over all accounts (I-07), and no purse's share of the float differs from its P − N (I-08);
- the days' sums equal the postings;
- each purse's head, unattributed sum and P equal what resolution, postings and certificates say, and so does the row
  of the state table that terminals are told (P-R13);
- nothing that must be posted is missing; a refund the key process refused, of which an alarm tells, is counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Max, Q, Sum

from onecard.kinds import Outcome
from onecard.purse.record import Identity
from onecard.purse.resolution import State, resolve
from server.cards.models import Certificate, Purse
from server.cards.state import row_of, state_version
from server.ingest.models import Alarm, Bundle, DeclinedTap, Flow, FlowOutcome, Gap, Quarantined
from server.ledger.evidence import known_flows
from server.ledger.models import CASH, FLOAT, IN_DOUBT, UNATTRIBUTED, Posting, Reason, Resolution, RollDay
from server.ledger.transfers import left_float, needed, refund_name

_PURSES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Recount:
    """The ledger's own witness, in fen and counts, and every difference found (none: the books are right).

    `records` is the sum of the durable heads' transaction counters, `debited_fen` of their N, `loaded_fen` of the P
    of the highest certificates. `in_doubt` counts debits without a final word, or abandoned ones of which it is not
    known whether they stand; `waiting` counts bundles not posted yet; `refused` the refunds due that the
    key process refused: a terminal states what cannot be, and a person must look.
    """

    records: int
    debited_fen: int
    loaded_fen: int
    cash_fen: int
    float_fen: int
    sites_fen: int
    in_doubt_fen: int
    unattributed_fen: int
    paid: int
    abandoned: int
    refunded: int
    refused: int
    declined: int
    in_doubt: int
    waiting: int
    gaps: int
    quarantined: int
    alarms: int
    differences: tuple[str, ...]


@transaction.atomic
def verify_ledger() -> Recount:
    """Count everything again, at one moment: writers wait meanwhile."""
    balances = _balances()
    purses = Purse.objects.aggregate(records=Sum("head_counter"), debited=Sum("head_debited"), loaded=Sum("loaded"))
    sales = Flow.objects.filter(amount__gt=0)
    words = Counter(
        dict(
            FlowOutcome.objects.filter(place__in=sales.values("place"))
            .values_list("outcome")
            .annotate(count=Count("pk"))
        )
    )
    silent = sales.exclude(place__in=FlowOutcome.objects.values("place")).exclude(
        place__in=Resolution.objects.filter(state="void").values("place")
    )
    undecided = sales.filter(place__in=FlowOutcome.objects.filter(outcome=Outcome.ABANDONED).values("place")).exclude(
        place__in=Resolution.objects.exclude(state="open").values("place")
    )
    refused: list[str] = []
    differences = (*_account_differences(balances), *_day_differences(), *_purse_differences(refused))
    return Recount(
        records=purses["records"] or 0,
        debited_fen=purses["debited"] or 0,
        loaded_fen=purses["loaded"] or 0,
        cash_fen=-balances[CASH],
        float_fen=balances[FLOAT],
        sites_fen=sum(balance for account, balance in balances.items() if account.startswith("site:")),
        in_doubt_fen=balances[IN_DOUBT],
        unattributed_fen=balances[UNATTRIBUTED],
        paid=words[Outcome.PAID],
        abandoned=words[Outcome.ABANDONED],
        refunded=Certificate.objects.filter(reason=Certificate.Reason.REFUND).count(),
        refused=len(refused),
        declined=DeclinedTap.objects.count(),
        in_doubt=silent.count() + undecided.count(),
        waiting=Bundle.objects.filter(posted=False).count(),
        gaps=Gap.objects.count(),
        quarantined=Quarantined.objects.count(),
        alarms=Alarm.objects.filter(settled_at=None).count(),
        differences=differences,
    )


def _balances() -> Counter[str]:
    """What each account was credited less what it was debited."""
    balances: Counter[str] = Counter()
    for account, amount in Posting.objects.values_list("credit_account").annotate(sum=Sum("amount")):
        balances[account] += amount
    for account, amount in Posting.objects.values_list("debit_account").annotate(sum=Sum("amount")):
        balances[account] -= amount
    return balances


def _account_differences(balances: Counter[str]) -> Iterator[str]:
    if sum(balances.values()):
        yield f"the accounts sum to {sum(balances.values())} fen, not to zero"


def _day_differences() -> Iterator[str]:
    columns = ("site_id", "posting_day", "business_day", "reason")
    recount = {
        (site, terminal or 0, *rest): (count, amount)
        for site, *rest, terminal, count, amount in Posting.objects.filter(site__isnull=False)
        .values_list(*columns, "terminal_id")
        .annotate(count=Count("pk"), sum=Sum("amount"))
    }
    kept = {
        (site, terminal, *rest): (count, amount)
        for site, *rest, terminal, count, amount in RollDay.objects.values_list(*columns, "terminal", "count", "amount")
    }
    for day in sorted(set(recount) | set(kept), key=str):
        if recount.get(day) != kept.get(day):
            yield f"day {day}: kept {kept.get(day)}, recounted {recount.get(day)} (count, fen)"


def _purse_differences(refused: list[str]) -> Iterator[str]:
    """The differences; names of refunds that are missing because they were refused are added to `refused`."""
    alarms = Alarm.objects.filter(kind=Alarm.Kind.REFUSED).values_list("about", flat=True)
    told = {about.partition(":")[0] for about in alarms}
    last = 0
    newest = state_version()
    chosen = Purse.objects.select_related("card").order_by("pk")
    while purses := list(chosen.filter(pk__gt=last)[:_PURSES_AT_ONCE]):
        last = purses[-1].pk
        yield from _differences_of(purses, told, refused)
        yield from _row_differences(purses, newest)


def _differences_of(purses: list[Purse], told: set[str], refused: list[str]) -> Iterator[str]:
    flows = known_flows(purses)
    keys = [purse.pk for purse in purses]
    float_credit = Sum("amount", filter=Q(credit_account=FLOAT), default=0)
    float_debit = Sum("amount", filter=Q(debit_account=FLOAT), default=0)
    shares = {
        purse: credit - debit
        for purse, credit, debit in Posting.objects.filter(purse__in=keys)
        .values_list("purse")
        .annotate(credit=float_credit, debit=float_debit)
    }
    certified = {
        purse: (highest, loaded)
        for purse, highest, loaded in Certificate.objects.filter(purse__in=keys)
        .values_list("purse")
        .annotate(highest=Max("load_sequence"), loaded=Sum("delta"))
    }
    posted: dict[int, set[str]] = {}
    for place, reason in Posting.objects.filter(purse__in=keys, place__isnull=False).values_list("place", "reason"):
        assert place is not None
        posted.setdefault(place, set()).add(reason)
    for purse in purses:
        who = purse.name
        known = flows[bytes(purse.uid), purse.purse]
        resolution = resolve(Identity(purse.genesis_counter, 0, 0, 0), (flow.evidence for flow in known))
        if (purse.head_counter, purse.head_debited) != tuple(resolution.head):
            yield f"{who}: head {purse.head_counter, purse.head_debited}, resolved {tuple(resolution.head)}"
        taken = sum(flow.evidence.amount for flow in known if left_float(posted.get(flow.place, set())))
        if purse.unattributed != resolution.head.debited - taken:
            yield f"{who}: unattributed {purse.unattributed}, N less what was posted {resolution.head.debited - taken}"
        if purse.unsettled != (State.OPEN in resolution.states.values()):
            yield f"{who}: unsettled is {purse.unsettled}"
        if (purse.load_sequence, purse.loaded) != certified.get(purse.pk, (0, 0)):
            yield f"{who}: L and P {purse.load_sequence, purse.loaded}, certified {certified.get(purse.pk, (0, 0))}"
        if shares.get(purse.pk, 0) != purse.balance:
            yield f"{who}: share of the float {shares.get(purse.pk, 0)}, P − N {purse.balance}"
        for flow in known:
            name = flow.terminal, flow.evidence.sequence
            due = name in resolution.refunds and purse.unattributed >= 0
            missing: list[Reason] = needed(
                resolution.states[name], flow.evidence.outcome, posted.get(flow.place, set()), refund_due=due
            )
            if missing == [Reason.REFUND] and refund_name(*name) in told:
                refused.append(refund_name(*name))
            elif flow.evidence.amount and missing:
                yield f"{who}: record {flow.terminal}/{flow.evidence.sequence} lacks {', '.join(missing)}"


def _row_differences(purses: list[Purse], newest: int) -> Iterator[str]:
    """Where terminals are told something else than what the books say; a purse without a certificate has no row yet."""
    for purse in purses:
        told, due = bytes(purse.state_row or b""), row_of(purse)
        if told != due and (told or purse.load_sequence):
            yield f"{purse.name}: the state table states {told.hex() or 'nothing'}, the books {due.hex()}"
        if (purse.state_version or 0) > newest:
            yield f"{purse.name}: its row has version {purse.state_version}, the state table {newest}"

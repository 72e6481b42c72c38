"""What a purse's durable records say against its card or against a terminal: alarms, and the hotlist (P-R13).

Alarms
- Two durable records at one counter (`PURSE_FORK`). A base is durable when what stands on it is, so a base that is not
  the durable record of its counter is seen as this, too. So is a record that states less debited than one before it.
- More debited than loaded (`OVERDRAWN`).
- A durable record that its terminal never journalled (`UNJOURNALLED`): no such terminal is known, or all records of
  that terminal up to a later one on the same purse are here, and it is not among them.

A fork by two durable records that is repeated, or that cost `ONECARD_LARGE_FORK_FEN` or more, puts the card on the
hotlist, with an alarm (`COPIED`). Only what is posted counts: provisional evidence would accuse honest cards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.conf import settings

from onecard.identity import CardNumber
from onecard.money import yuan
from onecard.purse.record import Identity
from onecard.purse.resolution import Resolution
from server.cards.models import Purse
from server.cards.reports import list_copied
from server.ingest.alarms import raise_alarm
from server.ingest.models import Alarm, Gap, Quarantined
from server.ledger.evidence import KnownFlow
from server.sites.models import Terminal


def watch(purse: Purse, resolution: Resolution, flows: Sequence[KnownFlow], now: datetime) -> None:
    """Raise what is to be raised of a purse as just resolved from `flows`. The caller is in a transaction."""
    who = purse.name
    new = {
        counter
        for counter in resolution.forks
        if raise_alarm(Alarm.Kind.PURSE_FORK, None, f"{who} counter {counter}", now)
    }
    if resolution.head.debited > purse.loaded:
        raise_alarm(Alarm.Kind.OVERDRAWN, None, who, now)
    forks = branches(resolution.durable)
    cost = fork_cost(forks, {flow.evidence.record: flow.evidence.amount for flow in flows})
    grave = len(forks) > 1 or cost >= settings.ONECARD_LARGE_FORK_FEN
    if new.intersection(forks) and grave and list_copied(CardNumber(purse.card_id), now):
        about = f"{who}: two records at {len(forks)} counters, {yuan(cost)} yuan"
        raise_alarm(Alarm.Kind.COPIED, None, f"{about}, counter {max(new)}", now)
    for identity in _unjournalled(purse, resolution, flows):
        about = f"{who} counter {identity.counter}: terminal {identity.terminal}, debited {yuan(identity.debited)}"
        raise_alarm(Alarm.Kind.UNJOURNALLED, None, about, now)


def branches(durable: Collection[Identity]) -> dict[int, set[Identity]]:
    """The records of each counter at which more than one stands."""
    found: dict[int, set[Identity]] = defaultdict(set)
    for identity in durable:
        found[identity.counter].add(identity)
    return {counter: records for counter, records in found.items() if len(records) > 1}


def fork_cost(forks: Mapping[int, Collection[Identity]], amounts: Mapping[Identity, int]) -> int:
    """Fen taken beside the dearest record of each counter, as far as the amounts are known here."""
    costs = ([amounts.get(identity, 0) for identity in records] for records in forks.values())
    return sum(sum(taken) - max(taken) for taken in costs)


def _unjournalled(purse: Purse, resolution: Resolution, flows: Sequence[KnownFlow]) -> list[Identity]:
    """Durable records that no terminal can have journalled; those written at the purse's issue need not be."""
    journalled = {flow.evidence.record for flow in flows}
    strange = [
        identity
        for identity in sorted(resolution.durable - journalled)
        if identity.terminal or identity.counter > purse.genesis_counter
    ]
    if not strange:
        return []
    known = set(Terminal.objects.filter(number__in={one.terminal for one in strange}).values_list("number", flat=True))
    return [one for one in strange if one.terminal not in known or _is_missing_from_a_whole_journal(one, flows)]


def _is_missing_from_a_whole_journal(identity: Identity, flows: Sequence[KnownFlow]) -> bool:
    later = [
        flow.evidence.sequence
        for flow in flows
        if flow.terminal == identity.terminal and flow.evidence.record.counter > identity.counter
    ]
    if not later:
        return False
    gaps = Gap.objects.filter(terminal=identity.terminal, first__lt=min(later))
    apart = Quarantined.objects.filter(terminal=identity.terminal, sequence__lt=min(later))
    return not gaps.exists() and not apart.exists()

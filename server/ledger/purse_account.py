"""What one purse needs posted: a function of all its evidence and of what was posted before. Pure.

The poster loads, asks here, issues the certificates and writes; the fleet simulation asks here too. No clock, no
database, no days: who writes a transfer knows the days of its flow.

Rules
- Everything is concluded again from all the evidence, so order, delay and repetition change nothing (P-R9); what was
  posted before is not posted again.
- A debit that only cards tell of is posted as that (server.ledger.seen), never as a flow.
- `unattributed` follows the head exactly: P − N of a purse and its share of the float are equal at any time, even
  when a terminal contradicts itself: it is counted from what was posted, which stays posted.
- Nothing is refunded from a purse of which more was reported than its N states: somebody lies, and a refund beyond N
  would be money (hole H15). It stays in doubt, with the alarm that the fork raised.
- The caller writes down the head before it issues a refund's certificate: it is that certificate's floor (P-R15).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from onecard.purse.bounds import Bound
from onecard.purse.gossip import card_debits
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, Resolution, State, may_refund, resolve
from server.ledger.accounts import FLOAT, UNATTRIBUTED, Reason, site_account
from server.ledger.seen import Home, Seen, moves, placed
from server.ledger.transfers import accounts, left_float, needed


class Books(NamedTuple):
    """A purse as the books have it. `genesis` is its first durable record, written at the desk; `loaded` its P and
    `unattributed` what is posted to that account, both fen; `seen` the debits posted that only cards tell of."""

    genesis: Identity
    loaded: int
    unattributed: int
    seen: Sequence[Seen] = ()


class KnownFlow(NamedTuple):
    """A flow as the ledger needs it: where it is (any number that rises with time at one terminal), what was concluded
    of it and posted for it so far."""

    place: int
    evidence: Evidence
    state: State | None
    posted: Collection[str]

    @property
    def terminal(self) -> int:
        """The number of the terminal that journaled it."""
        return self.evidence.record.terminal


class Due(NamedTuple):
    """A transfer to be written: for the flow at `place`, for a debit that only cards tell of (`record`), or for the
    purse as a whole. A REFUND is posted with the certificate that gives the money back, or not at all."""

    place: int | None
    reason: Reason
    amount: int
    debit_account: str
    credit_account: str
    site: str | None = None
    record: Identity | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The conclusion. `states` are those that changed, by place, and `seen` the seen debits that did; `unsettled`: some
    flow may yet stand (P-R12). `overdrawn`: more is debited than loaded; that and `forks` are alarmed (P-R13)."""

    resolution: Resolution
    unattributed: int
    unsettled: bool
    states: tuple[tuple[int, State], ...]
    seen: tuple[Seen, ...]
    due: tuple[Due, ...]
    overdrawn: bool

    @property
    def head(self) -> Bound:
        """The purse's durable head."""
        return self.resolution.head

    @property
    def forks(self) -> tuple[int, ...]:
        """Counters at which durable records contradict each other."""
        return self.resolution.forks


def account_of(books: Books, flows: Sequence[KnownFlow], homes: Mapping[int, Home]) -> Account:
    """What the purse's `flows`, all that are known, need posted; by place. `homes` are the terminals, by number."""
    evidence = [flow.evidence for flow in flows]
    resolution = resolve(books.genesis, evidence)
    states: list[tuple[int, State]] = []
    wanted: list[tuple[KnownFlow, Reason]] = []
    taken = 0
    for flow in sorted(flows, key=_place):
        item = flow.evidence
        name = item.record.terminal, item.sequence
        state = resolution.states[name]
        if state is not flow.state:
            states.append((flow.place, state))
        if item.amount:
            lost, due = homes[flow.terminal].lost, name in resolution.refunds
            missing = needed(state, item.outcome, flow.posted, refund_due=due, lost=lost)
            wanted += [(flow, reason) for reason in missing]
            taken += item.amount if left_float(flow.posted) or left_float(missing) else 0
    now_seen = placed(card_debits(books.genesis, resolution.durable, evidence), homes)
    taken += sum(seen.amount for seen in now_seen.values())
    refundable = may_refund(resolution.head, taken)
    transfers = [_due(flow, reason, homes) for flow, reason in wanted if refundable or reason is not Reason.REFUND]
    changed, of_seen = _seen({seen.record: seen for seen in books.seen}, now_seen)
    transfers += of_seen
    unattributed = resolution.head.debited - taken
    if unattributed != books.unattributed:
        transfers.append(_unattributed(unattributed - books.unattributed))
    return Account(
        resolution=resolution,
        unattributed=unattributed,
        unsettled=State.OPEN in resolution.states.values(),
        states=tuple(states),
        seen=tuple(changed),
        due=tuple(transfers),
        overdrawn=resolution.head.debited > books.loaded,
    )


def _place(flow: KnownFlow) -> int:
    return flow.place


def _due(flow: KnownFlow, reason: Reason, homes: Mapping[int, Home]) -> Due:
    site = homes[flow.terminal].site
    debit, credit = accounts(reason, site_account(site))
    return Due(flow.place, reason, flow.evidence.amount, debit, credit, site)


def _seen(before: Mapping[Identity, Seen], after: Mapping[Identity, Seen]) -> tuple[list[Seen], list[Due]]:
    """The seen debits that changed, and their transfers; what has gone is withdrawn to the float."""
    changed: list[Seen] = []
    due: list[Due] = []
    for record in sorted({*before, *after}):
        old, new = before.get(record), after.get(record)
        if old == new:
            continue
        changed.append(new or before[record]._replace(account=FLOAT))
        due += [
            Due(None, move.reason, move.amount, move.debit_account, move.credit_account, move.site, record)
            for move in moves(old, new)
        ]
    return changed, due


def _unattributed(change: int) -> Due:
    """What the head states beyond the records here, or less of it now that they came."""
    debit, credit = (FLOAT, UNATTRIBUTED) if change > 0 else (UNATTRIBUTED, FLOAT)
    return Due(None, Reason.UNATTRIBUTED, abs(change), debit, credit)

"""What one purse needs posted: a function of all its evidence and of what was posted before. Pure.

The poster loads, asks here, issues the certificates and writes; the fleet simulation asks here too. No clock, no
database, no days: who writes a transfer knows the days of its flow.

Rules
- Everything is concluded again from all the evidence, so order, delay and repetition change nothing (P-R9); what was
  posted before is not posted again.
- `unattributed` follows the head exactly: P − N of a purse and its share of the float are equal at any time, even
  when a terminal contradicts itself: it is counted from what was posted, which stays posted.
- Nothing is refunded from a purse of which more was reported than its N states: somebody lies, and a refund beyond N
  would be money (hole H15). It stays in doubt, with the alarm that the fork raised.
- The caller writes down the head before it issues a refund's certificate: it is that certificate's floor (P-R15).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from onecard.purse.bounds import Bound
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, State, may_refund, resolve
from server.ledger.accounts import FLOAT, UNATTRIBUTED, Reason, site_account
from server.ledger.transfers import accounts, left_float, needed


class Books(NamedTuple):
    """A purse as the books have it. `genesis` is its first durable record, written at the desk; `loaded` its P and
    `unattributed` what is posted to that account, both fen."""

    genesis: Identity
    loaded: int
    unattributed: int


class KnownFlow(NamedTuple):
    """A flow as the ledger needs it: where it is (any number that rises with time at one terminal), the code of its
    cinema, what was concluded of it and posted for it so far."""

    place: int
    evidence: Evidence
    site: str
    state: State | None
    posted: Collection[str]


class Due(NamedTuple):
    """A transfer to be written: for the flow at `place`, or for the purse as a whole (None). A REFUND is posted with
    the certificate that gives the money back, or not at all."""

    place: int | None
    reason: Reason
    amount: int
    debit_account: str
    credit_account: str


@dataclass(frozen=True, slots=True)
class Account:
    """The conclusion. `states` are those that changed, by place; `unsettled`: some flow has no final word and may yet
    stand (P-R12). `forks` are the counters that must be alarmed (P-R13), `overdrawn` more debited than loaded."""

    head: Bound
    unattributed: int
    unsettled: bool
    states: tuple[tuple[int, State], ...]
    due: tuple[Due, ...]
    forks: tuple[int, ...]
    overdrawn: bool


def account_of(books: Books, flows: Sequence[KnownFlow]) -> Account:
    """What the purse's `flows`, all that are known, need posted; by place."""
    resolution = resolve(books.genesis, [flow.evidence for flow in flows])
    states: list[tuple[int, State]] = []
    wanted: list[tuple[KnownFlow, Reason]] = []
    taken = 0
    for flow in sorted(flows, key=_place):
        evidence = flow.evidence
        name = evidence.record.terminal, evidence.sequence
        state = resolution.states[name]
        if state is not flow.state:
            states.append((flow.place, state))
        if evidence.amount:
            missing = needed(state, evidence.outcome, flow.posted, refund_due=name in resolution.refunds)
            wanted += [(flow, reason) for reason in missing]
            taken += evidence.amount if left_float((*flow.posted, *missing)) else 0
    refundable = may_refund(resolution.head, taken)
    due = [_due(flow, reason) for flow, reason in wanted if refundable or reason is not Reason.REFUND]
    unattributed = resolution.head.debited - taken
    if unattributed != books.unattributed:
        due.append(_unattributed(unattributed - books.unattributed))
    return Account(
        head=resolution.head,
        unattributed=unattributed,
        unsettled=State.OPEN in resolution.states.values(),
        states=tuple(states),
        due=tuple(due),
        forks=resolution.forks,
        overdrawn=resolution.head.debited > books.loaded,
    )


def _place(flow: KnownFlow) -> int:
    return flow.place


def _due(flow: KnownFlow, reason: Reason) -> Due:
    return Due(flow.place, reason, flow.evidence.amount, *accounts(reason, site_account(flow.site)))


def _unattributed(change: int) -> Due:
    """What the head states beyond the records here, or less of it now that they came."""
    debit, credit = (FLOAT, UNATTRIBUTED) if change > 0 else (UNATTRIBUTED, FLOAT)
    return Due(None, Reason.UNATTRIBUTED, abs(change), debit, credit)

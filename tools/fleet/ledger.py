"""The centre's books in memory: purses, their flows, and the accounts that follow from them.

What a purse needs posted is the product's to say (`server.ledger.purse_account`); here are its rows, the certificates
that refunds need, and the sums. A transfer moves fen from one account to another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from onecard.kinds import Outcome
from onecard.purse.bounds import Bound
from onecard.purse.intent import evidence
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, State
from onecard.records import Intent
from server.ledger.accounts import CASH, FLOAT, Reason
from server.ledger.purse_account import Books, KnownFlow, account_of
from server.ledger.seen import Home, Seen
from server.places import name as flow_name
from server.places import place

FlowName = tuple[int, int]
"""Terminal number and sequence of an intent."""


@dataclass(slots=True)
class PurseRow:
    """What the centre knows of a purse. `flows` are by place (`server.places`)."""

    uid: bytes
    genesis: Identity
    loaded: int = 0
    load_sequence: int = 0
    image: bytes = b""
    head: Bound = field(default=Bound(0, 0))
    unattributed: int = 0
    unsettled: bool = False
    float_fen: int = 0
    flows: dict[int, KnownFlow] = field(default_factory=dict)
    seen: dict[Identity, Seen] = field(default_factory=dict)
    """Debits posted that only cards tell of, by record."""
    forks: tuple[int, ...] = ()
    overdrawn: bool = False

    def flow(self, name: FlowName) -> KnownFlow | None:
        """The flow of that name."""
        return self.flows.get(place(*name))


class Ledger:
    """Purses by UID (purse 0 of each), and accounts."""

    def __init__(self, issue: Callable[[PurseRow, int], None], restate: Callable[[PurseRow], None]) -> None:
        """`issue(row, delta)` issues the purse's next certificate, P + delta; `restate(row)` states the row anew to
        the terminals, after each change."""
        self.rows: dict[bytes, PurseRow] = {}
        self.accounts: Counter[str] = Counter()
        self.refunding: Callable[[bytes, FlowName, int], None] = lambda uid, name, amount: None
        """Told of each refund before its certificate is issued."""
        self._issue = issue
        self._restate = restate
        self.homes: dict[int, Home] = {}
        """Where each terminal stands, by number."""
        self._touched: dict[bytes, None] = {}

    def add(self, row: PurseRow) -> None:
        """A card is issued."""
        self.rows[row.uid] = row

    def load(self, row: PurseRow, amount: int) -> None:
        """Cash is taken, value is put in the purse."""
        if amount:
            self._move(row, CASH, FLOAT, amount)
        self._issue(row, amount)
        self._restate(row)

    def note(self, terminal: int, sequence: int, intent: Intent) -> None:
        """An intent arrived."""
        row = self.rows[intent.uid]
        at = place(terminal, sequence)
        row.flows[at] = KnownFlow(at, evidence(intent, sequence, terminal, None), None, ())
        self._touched[row.uid] = None

    def tell(self, uid: bytes, terminal: int, intent: int, outcome: Outcome) -> None:
        """Its outcome arrived; a second word on one intent is not believed (P-R6)."""
        row, at = self.rows[uid], place(terminal, intent)
        known = row.flows.get(at)
        if known is not None and known.evidence.outcome is None:
            row.flows[at] = known._replace(evidence=_with(known.evidence, outcome))
            self._touched[row.uid] = None

    def declare_lost(self, terminal: int) -> None:
        """A person says that a terminal is destroyed: what stands of it goes to its cinema."""
        self.homes[terminal] = self.homes[terminal]._replace(lost=True)

    def post_all(self) -> None:
        """Look again at every purse."""
        self._touched = dict.fromkeys(self.rows)
        self.post()

    def post(self) -> None:
        """Bring the books up to date for every purse about which something arrived."""
        touched, self._touched = list(self._touched), {}
        for uid in touched:
            self._post(self.rows[uid])

    def _post(self, row: PurseRow) -> None:
        books = Books(row.genesis, row.loaded, row.unattributed, tuple(row.seen.values()))
        account = account_of(books, list(row.flows.values()), self.homes)
        row.head, row.unattributed, row.unsettled = account.head, account.unattributed, account.unsettled
        row.forks, row.overdrawn = account.forks, account.overdrawn
        for at, state in account.states:
            row.flows[at] = row.flows[at]._replace(state=state)
        for seen in account.seen:
            row.seen[seen.record] = seen
            if seen.account == FLOAT:
                del row.seen[seen.record]
        for due in account.due:
            if due.reason is Reason.REFUND:
                assert due.place is not None
                self.refunding(row.uid, flow_name(due.place), due.amount)
                self._issue(row, due.amount)
            self._move(row, due.debit_account, due.credit_account, due.amount)
            if due.place is not None:
                flow = row.flows[due.place]
                row.flows[due.place] = flow._replace(posted=(*flow.posted, due.reason))
        self._restate(row)

    def _move(self, row: PurseRow, debit: str, credit: str, amount: int) -> None:
        self.accounts[debit] -= amount
        self.accounts[credit] += amount
        row.float_fen += amount * ((credit == FLOAT) - (debit == FLOAT))


def is_refunded(flow: KnownFlow | None) -> bool:
    """Whether a certificate gave the debit back."""
    return flow is not None and Reason.REFUND in flow.posted


def stands(flow: KnownFlow) -> bool:
    """Whether the centre says so."""
    return flow.state is State.STANDS


def _with(known: Evidence, outcome: Outcome) -> Evidence:
    return Evidence(known.sequence, known.record, known.base, known.seen, known.amount, outcome)

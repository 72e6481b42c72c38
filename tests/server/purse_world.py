"""One honest card among terminals, and books that post what they are told in any order: for tests of the ledger.

Nothing here decides: the card counts, terminals journal, the books write down what account_of says is due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from onecard.kinds import Outcome
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, State
from server.ledger.accounts import FLOAT, Reason
from server.ledger.purse_account import Account, Books, KnownFlow, account_of
from server.ledger.seen import Home, Seen
from server.places import place

GENESIS = Identity(2, 0, 0, 0)
LOADED = 100_000
SITES = {7: "WDK", 8: "JSG", 9: "XDA"}


class Tap(NamedTuple):
    """What happens at a tap: whether the record landed on the card, and the word that its terminal journals."""

    terminal: int
    amount: int
    landed: bool
    word: Outcome | None
    blank: int
    """How many of the two slots below the newest were unreadable."""


class Told(NamedTuple):
    """A journal record that reaches the books, or (no evidence) the word that a terminal is lost."""

    terminal: int
    evidence: Evidence | None
    outcome: Outcome | None


@dataclass
class Card:
    """The truth: what landed on the card, in order, and what the terminals journaled about it."""

    chain: list[Identity] = field(default_factory=lambda: [GENESIS])
    journal: list[Told] = field(default_factory=list)
    sequences: Counter[int] = field(default_factory=Counter)

    def tap(self, tap: Tap) -> None:
        """One tap, journaled as INTENT and, if there is a word, OUTCOME."""
        base = self.chain[-1]
        self.sequences[tap.terminal] += 2
        sequence = self.sequences[tap.terminal]
        record = Identity(base.counter + 1, base.debited + tap.amount, tap.terminal, sequence & 0xFF)
        seen = (base, *self.chain[-3:-1][tap.blank :])
        evidence = Evidence(sequence, record, base, seen, tap.amount, None)
        self.journal.append(Told(tap.terminal, evidence, None))
        if tap.word is not None:
            self.journal.append(Told(tap.terminal, evidence, tap.word))
        if tap.landed:
            self.chain.append(record)


@dataclass
class Ledger:
    """Books of one purse, in memory."""

    loaded: int = LOADED
    unattributed: int = 0
    accounts: Counter[str] = field(default_factory=lambda: Counter({FLOAT: LOADED}))
    seen: dict[Identity, Seen] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)
    posted: dict[int, list[Reason]] = field(default_factory=dict)
    intents: dict[int, Evidence] = field(default_factory=dict)
    words: dict[int, Outcome] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    last: Account | None = None

    def hear(self, records: Iterable[Told]) -> None:
        """Take records in, and post what they make due."""
        for told in records:
            if told.evidence is None:
                self.lost.add(told.terminal)
            elif told.outcome is None:
                self.intents[place(told.terminal, told.evidence.sequence)] = told.evidence
            else:
                self.words[place(told.terminal, told.evidence.sequence)] = told.outcome
        self.last = account = self.due()
        for due in account.due:
            assert due.amount > 0
            self.accounts[due.debit_account] -= due.amount
            self.accounts[due.credit_account] += due.amount
            if due.place is not None:
                assert due.reason not in self.posted.setdefault(due.place, [])
                self.posted[due.place].append(due.reason)
            if due.reason is Reason.REFUND:
                self.loaded += due.amount
        self.states.update(account.states)
        for seen in account.seen:
            if seen.account == FLOAT:
                del self.seen[seen.record]
            else:
                self.seen[seen.record] = seen
        self.unattributed = account.unattributed
        assert self.accounts[FLOAT] == self.loaded - account.head.debited

    def due(self) -> Account:
        """What is due now."""
        flows = [
            KnownFlow(
                at,
                replace(intent, outcome=self.words.get(at)),
                self.states.get(at),
                tuple(self.posted.get(at, ())),
            )
            for at, intent in self.intents.items()
        ]
        homes = {number: Home(site, number in self.lost) for number, site in SITES.items()}
        books = Books(GENESIS, self.loaded, self.unattributed, tuple(self.seen.values()))
        return account_of(books, flows, homes)

    def end(self) -> tuple[object, ...]:
        """All that must not depend on the order."""
        assert self.last is not None
        kept = {account: sum_ for account, sum_ in self.accounts.items() if sum_}
        return self.last.head, self.last.forks, self.last.unsettled, self.states, self.seen, self.loaded, kept


def told_in(parts: Sequence[Sequence[Told]]) -> Ledger:
    """Books that were told these parts, one posting each."""
    ledger = Ledger()
    for part in parts:
        ledger.hear(part)
    return ledger

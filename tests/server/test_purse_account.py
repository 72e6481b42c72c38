"""What a purse needs posted, decided without a database."""

from __future__ import annotations

from onecard.kinds import Outcome
from onecard.purse.bounds import Bound
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, State
from server.ledger.accounts import Reason
from server.ledger.purse_account import Books, Due, KnownFlow, account_of
from server.places import place

GENESIS = Identity(2, 0, 0, 0)
BOOKS = Books(GENESIS, loaded=10_000, unattributed=0)


def told(terminal: int, sequence: int, base: Identity, amount: int, outcome: Outcome | None) -> KnownFlow:
    """A flow on `base`, new to the books."""
    record = Identity(base.counter + 1, base.debited + amount, terminal, sequence & 0xFF)
    evidence = Evidence(sequence, record, base, (base,), amount, outcome)
    return KnownFlow(place(terminal, sequence), evidence, "WDK", None, ())


def test_an_open_debit_needs_nothing_and_leaves_the_purse_unsettled() -> None:
    sale = told(7, 10, GENESIS, 3000, None)
    account = account_of(BOOKS, [sale])
    assert account.due == ()
    assert account.unsettled
    assert account.states == ((sale.place, State.OPEN),)
    assert account.head == Bound(2, 0)


def test_nothing_is_refunded_from_a_purse_of_which_more_was_reported_than_its_head_states() -> None:
    """Hole H15: two branches, each with an abandoned debit that a null record made durable."""
    flows = []
    for terminal in (7, 8):
        sale = told(terminal, 10, GENESIS, 3000, Outcome.ABANDONED)
        flows += [sale, told(terminal, 12, sale.evidence.record, 0, Outcome.ACKED)]
    account = account_of(BOOKS, flows)
    assert account.forks == (3, 4)
    assert {due.reason for due in account.due} == {Reason.DOUBT, Reason.UNATTRIBUTED}
    assert account.unattributed == -3000


def test_a_paid_sale_is_owed_to_its_site_and_what_it_stands_on_is_unattributed() -> None:
    lost = Identity(3, 1300, 9, 5)
    sale = told(7, 10, lost, 500, Outcome.PAID)
    account = account_of(BOOKS, [sale])
    assert account.head == Bound(4, 1800)
    assert account.due == (
        Due(sale.place, Reason.SALE, 500, "float", "site:WDK"),
        Due(None, Reason.UNATTRIBUTED, 1300, "float", "unattributed"),
    )
    assert not account.unsettled


def test_what_was_posted_before_is_not_needed_again() -> None:
    sale = told(7, 10, GENESIS, 500, Outcome.PAID)._replace(state=State.STANDS, posted=("sale",))
    account = account_of(BOOKS, [sale])
    assert (account.states, account.due) == ((), ())


def test_more_debited_than_loaded_is_overdrawn() -> None:
    sale = told(7, 10, GENESIS, 10_001, Outcome.PAID)
    assert account_of(BOOKS, [sale]).overdrawn
    assert not account_of(BOOKS._replace(loaded=10_001), [sale]).overdrawn

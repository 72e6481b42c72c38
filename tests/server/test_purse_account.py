"""What a purse needs posted, decided without a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onecard.kinds import Outcome
from onecard.purse.bounds import Bound
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, State
from server.ledger.accounts import Reason
from server.ledger.purse_account import Books, Due, KnownFlow, account_of
from server.ledger.seen import Home, Seen
from server.places import place

GENESIS = Identity(2, 0, 0, 0)
BOOKS = Books(GENESIS, loaded=10_000, unattributed=0)
HOMES = {7: Home("WDK", False), 8: Home("JSG", False)}


def told(
    terminal: int, sequence: int, base: Identity, amount: int, outcome: Outcome | None, *also_seen: Identity
) -> KnownFlow:
    """A flow on `base`, new to the books."""
    record = Identity(base.counter + 1, base.debited + amount, terminal, sequence & 0xFF)
    evidence = Evidence(sequence, record, base, (base, *also_seen), amount, outcome)
    return KnownFlow(place(terminal, sequence), evidence, None, ())


def test_an_open_debit_needs_nothing_and_leaves_the_purse_unsettled() -> None:
    sale = told(7, 10, GENESIS, 3000, None)
    account = account_of(BOOKS, [sale], HOMES)
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
    account = account_of(BOOKS, flows, HOMES)
    assert account.forks == (3, 4)
    assert {due.reason for due in account.due} == {Reason.DOUBT, Reason.UNATTRIBUTED}
    assert account.unattributed == -3000


def test_a_paid_sale_is_owed_to_its_site_and_what_it_stands_on_is_unattributed() -> None:
    lost = Identity(4, 1300, 8, 5)
    sale = told(7, 10, lost, 500, Outcome.PAID)
    account = account_of(BOOKS, [sale], HOMES)
    assert account.head == Bound(5, 1800)
    assert account.due == (
        Due(sale.place, Reason.SALE, 500, "float", "site:WDK", "WDK"),
        Due(None, Reason.UNATTRIBUTED, 1300, "float", "unattributed"),
    )
    assert not account.unsettled


def test_what_was_posted_before_is_not_needed_again() -> None:
    sale = told(7, 10, GENESIS, 500, Outcome.PAID)._replace(state=State.STANDS, posted=("sale",))
    account = account_of(BOOKS, [sale], HOMES)
    assert (account.states, account.due) == ((), ())


def test_more_debited_than_loaded_is_overdrawn() -> None:
    sale = told(7, 10, GENESIS, 10_001, Outcome.PAID)
    assert account_of(BOOKS, [sale], HOMES).overdrawn
    assert not account_of(BOOKS._replace(loaded=10_001), [sale], HOMES).overdrawn


def test_a_debit_that_only_a_card_tells_of_is_in_doubt_with_its_site_named_until_its_terminal_is_lost() -> None:
    seen = Identity(3, 1300, 8, 5)
    sale = told(7, 10, seen, 500, Outcome.PAID, GENESIS)
    account = account_of(BOOKS, [sale], HOMES)
    assert account.seen == (Seen(seen, 1300, "JSG", "in_doubt"),)
    assert account.due[1:] == (Due(None, Reason.CARD, 1300, "float", "in_doubt", "JSG", seen),)
    assert account.unattributed == 0
    again = account_of(BOOKS._replace(seen=account.seen), [sale], HOMES)
    assert (again.seen, again.due[1:]) == ((), ())
    lost = account_of(BOOKS._replace(seen=account.seen), [sale], HOMES | {8: Home("JSG", True)})
    assert lost.seen == (Seen(seen, 1300, "JSG", "site:JSG"),)
    assert lost.due[1:] == (Due(None, Reason.LOST, 1300, "in_doubt", "site:JSG", "JSG", seen),)


def test_a_journal_that_comes_after_all_takes_the_place_of_what_cards_told() -> None:
    seen = Identity(3, 1300, 8, 5)
    sale = told(7, 10, seen, 500, Outcome.PAID, GENESIS)
    late = told(8, 5, GENESIS, 1300, Outcome.PAID)
    assert late.evidence.record == seen
    books = BOOKS._replace(seen=(Seen(seen, 1300, "JSG", "site:JSG"),))
    account = account_of(books, [sale, late], HOMES | {8: Home("JSG", True)})
    assert account.seen == (Seen(seen, 1300, "JSG", "float"),)
    assert [(due.reason, due.place) for due in account.due] == [
        (Reason.SALE, sale.place),
        (Reason.SALE, late.place),
        (Reason.FOUND, None),
        (Reason.WITHDRAWN, None),
    ]
    assert account.unattributed == 0


def test_a_seen_debit_that_turns_out_to_be_of_another_amount_is_posted_anew() -> None:
    """Its base is another one than a liar had said."""
    seen = Identity(3, 1300, 8, 5)
    sale = told(7, 10, seen, 500, Outcome.PAID, GENESIS)
    account = account_of(BOOKS._replace(seen=(Seen(seen, 300, "JSG", "in_doubt"),)), [sale], HOMES)
    assert account.seen == (Seen(seen, 1300, "JSG", "in_doubt"),)
    assert [(due.reason, due.amount) for due in account.due[1:]] == [(Reason.WITHDRAWN, 300), (Reason.CARD, 1300)]


def test_a_record_of_a_terminal_that_nobody_knows_stays_unattributed() -> None:
    sale = told(7, 10, Identity(3, 1300, 99, 5), 500, Outcome.PAID, GENESIS)
    account = account_of(BOOKS, [sale], HOMES)
    assert (account.seen, account.unattributed) == ((), 1300)


@pytest.mark.parametrize("word", [None, *Outcome])
def test_a_lost_terminals_flow_without_a_word_is_settled_to_its_site_and_its_late_word_counts(
    word: Outcome | None,
) -> None:
    """Whatever the word, the accounts end as if it had come before the declaration."""
    lost = HOMES | {8: Home("JSG", True)}
    silent = told(8, 5, GENESIS, 1300, None)
    flows = [silent, told(7, 10, silent.evidence.record, 500, Outcome.PAID, GENESIS)]
    first = account_of(BOOKS, flows, lost)
    assert [due.reason for due in first.due if due.place == silent.place] == [Reason.DOUBT, Reason.LOST]
    told_now = silent._replace(
        evidence=replace(silent.evidence, outcome=word), posted=("doubt", "lost"), state=State.STANDS
    )
    second = account_of(BOOKS, [told_now, flows[1]], lost)
    reasons = [due.reason for due in second.due if due.place == silent.place]
    assert reasons == ([Reason.FOUND, Reason.REFUND] if word is Outcome.ABANDONED else [])

"""The ledger is a function of the set of evidence: any order, any repetition, any split into postings, one end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from onecard.kinds import Outcome
from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence, State
from server.ledger.accounts import FLOAT, IN_DOUBT, UNATTRIBUTED
from tests.server.purse_world import GENESIS, LOADED, SITES, Card, Tap, Told, told_in

_DEAD = 9
_FATES = [(True, Outcome.PAID)] * 3 + [
    (True, None),
    (False, None),
    (True, Outcome.ABANDONED),
    (False, Outcome.ABANDONED),
    (False, Outcome.UNSENT),
]
_NULL = Tap(7, 0, landed=True, word=Outcome.ACKED, blank=0)


@st.composite
def _taps(draw: st.DrawFn) -> Tap:
    landed, word = draw(st.sampled_from(_FATES))
    amount = draw(st.sampled_from([0, 5, 30]))
    if word is Outcome.PAID and not amount:
        word = Outcome.ACKED
    return Tap(draw(st.sampled_from(sorted(SITES))), amount, landed, word, draw(st.sampled_from([0, 0, 0, 1, 2])))


def _card(taps: Sequence[Tap]) -> Card:
    card = Card()
    for tap in taps:
        card.tap(tap)
    return card


@st.composite
def _shuffled(draw: st.DrawFn, told: Sequence[Told]) -> list[list[Told]]:
    """The records in another order, some twice, cut into postings."""
    again = draw(st.lists(st.sampled_from(told), max_size=4)) if told else []
    order = draw(st.permutations([*told, *again]))
    cuts = sorted({0, len(order), *draw(st.lists(st.integers(0, len(order)), max_size=6))})
    return [order[a:b] for a, b in pairwise(cuts)] or [[]]


_histories = st.lists(_taps(), max_size=12).map(_card)
_lost = st.sets(st.sampled_from(sorted(SITES))).map(lambda numbers: [Told(n, None, None) for n in sorted(numbers)])


@given(st.data(), _histories, _lost)
def test_resolution_and_every_account_are_a_function_of_the_set_of_evidence(
    data: st.DataObject, card: Card, lost: list[Told]
) -> None:
    """P-R9, I11; a journal that comes after its terminal was declared lost among the orders."""
    told = [record for record in [*card.journal, *lost] if data.draw(st.booleans())]
    once = told_in([told])
    other = told_in(data.draw(_shuffled(told)))
    assert other.end() == once.end()
    again = other.due()
    assert (again.due, again.states, again.seen) == ((), (), ())


@given(_histories, st.booleans())
def test_a_destroyed_terminals_debits_are_rebuilt_or_an_exact_sum(card: Card, declared: bool) -> None:
    """F11: nothing is invented, nothing is lost. A record of the living stays open when only the dead one's records
    lead to it."""
    card.tap(_NULL)
    journal = [told for told in card.journal if told.terminal != _DEAD]
    ledger = told_in([journal, [Told(_DEAD, None, None)] if declared else []])
    truth = {after: after.debited - before.debited for before, after in pairwise(card.chain)}
    for record, seen in ledger.seen.items():
        assert seen.amount == truth[record]
        assert record.terminal == _DEAD
        assert seen.account == ("site:XDA" if declared else IN_DOUBT)
    open_ = {ledger.intents[at].record for at, state in ledger.states.items() if state is State.OPEN}
    gone = sum(amount for record, amount in truth.items() if record.terminal == _DEAD or record in open_)
    assert sum(seen.amount for seen in ledger.seen.values()) + ledger.accounts[UNATTRIBUTED] == gone
    assert ledger.accounts[FLOAT] == ledger.loaded - card.chain[-1].debited


@given(st.lists(_taps(), max_size=8).map(_card), st.data())
def test_when_every_journal_is_here_and_one_null_record_is_acknowledged_nothing_is_in_doubt(
    card: Card, data: st.DataObject
) -> None:
    """I-08, I-11 for taps that have their final word."""
    card.tap(_NULL)
    spoken = {(told.terminal, told.evidence.sequence) for told in card.journal if told.evidence and told.outcome}
    silent = [
        told._replace(outcome=Outcome.ABANDONED)
        for told in card.journal
        if told.evidence and told.outcome is None and (told.terminal, told.evidence.sequence) not in spoken
    ]
    ledger = told_in(data.draw(_shuffled([*card.journal, *silent])))
    assert ledger.accounts[IN_DOUBT] == ledger.accounts[UNATTRIBUTED] == 0
    assert State.OPEN not in ledger.states.values()
    refunded = ledger.loaded - LOADED
    paid = sum(balance for account, balance in ledger.accounts.items() if account.startswith("site:"))
    assert card.chain[-1].debited == paid + refunded


_identities = st.builds(
    Identity, st.integers(3, 6), st.integers(0, 3), st.sampled_from(sorted(SITES)), st.integers(0, 1)
)


@st.composite
def _lies(draw: st.DrawFn) -> list[Told]:
    """Intents on anything, words that contradict cards: what a thief with terminals' keys can upload."""
    told = []
    for number, terminal in enumerate(draw(st.lists(st.sampled_from(sorted(SITES)), max_size=8)), start=1):
        base = draw(st.one_of(st.just(GENESIS), _identities))
        amount = draw(st.integers(0, 2))
        record = Identity(base.counter + 1, base.debited + amount, terminal, number & 1)
        seen = (base, *draw(st.lists(_identities, max_size=2)))
        evidence = Evidence(number, record, base, seen, amount, None)
        told.append(Told(terminal, evidence, None))
        word = draw(st.sampled_from([None, *Outcome]))
        if word is not None:
            told.append(Told(terminal, evidence, word))
    return told


@given(st.data(), _lies(), _lost)
def test_whatever_a_thief_uploads_in_whatever_order_the_head_and_states_are_one_and_no_money_is_made(
    data: st.DataObject, told: list[Told], lost: list[Told]
) -> None:
    """Hole H15. Only which of his own lies was refunded first may depend on the order."""
    records = [*told, *lost]
    once = told_in([records])
    other = told_in(data.draw(_shuffled(records)))
    assert other.last is not None
    assert once.last is not None
    assert (other.last.head, other.last.forks, other.states) == (once.last.head, once.last.forks, once.states)
    assert other.seen == once.seen
    for ledger in (once, other):
        assert ledger.last is not None
        assert ledger.loaded - ledger.last.head.debited <= LOADED

"""Whatever happens, whenever a terminal asks, from whatever it holds: it ends with the table that a fresh one gets."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onecard.downlink import Table
from onecard.hotlist import HOTLIST, number_bytes
from onecard.identity import CardNumber
from onecard.kinds import Outcome
from onecard.packed_table import PackedTable, open_change
from onecard.state_table import STATE
from server.cards.certificates import issue_next_certificate
from server.cards.models import Card, Certificate, Purse
from server.cards.reports import ReportRefused, list_copied, report_lost, unreport
from server.cards.state import row_of
from server.ingest.changes import changes, newest_versions
from server.ledger.posting import post_next
from server.ledger.verify import verify_ledger
from tests.server.conftest import NOW

_CARDS, _TELLERS = 3, 2
_FORMS = {Table.STATE: STATE, Table.HOTLIST: HOTLIST}


@dataclass(frozen=True)
class Held:
    """What a terminal has in force."""

    tables: dict[Table, PackedTable] = field(default_factory=lambda: {t: PackedTable(f) for t, f in _FORMS.items()})

    def asks(self, rows_in_a_chunk: int, taken: int | None = None) -> Held:
        """After one reply, of which the first `taken` changes arrived."""
        newest = {table: version for table, version in newest_versions(1).items() if table in _FORMS}
        have = {table: held.version for table, held in self.tables.items()}
        tables = dict(self.tables)
        for change in list(changes(have, newest, 1, {Table.STATE: rows_in_a_chunk}))[:taken]:
            step = open_change(_FORMS[change.table], change.base, change.version, change.body)
            tables[change.table] = tables[change.table].apply(step)
        return Held(tables)

    def in_step(self, rows_in_a_chunk: int) -> Held:
        """After as many replies as it takes until nothing more comes."""
        later = self.asks(rows_in_a_chunk)
        return self if later == self else later.in_step(rows_in_a_chunk)


_cards, _tellers = st.integers(0, _CARDS - 1), st.integers(0, _TELLERS - 1)
_steps = st.one_of(
    st.tuples(st.just("load"), _cards, st.booleans()),
    st.tuples(st.just("sale"), _cards, _tellers, st.sampled_from([Outcome.PAID, Outcome.ABANDONED, None])),
    st.tuples(st.just("post"), _tellers),
    st.tuples(st.just("report"), _cards, st.sampled_from([report_lost, unreport, None])),
    st.tuples(st.just("ask"), st.integers(0, 1 << 16), st.integers(1, 3), st.sampled_from([0, 1, 2, None])),
)


@pytest.fixture
def chain(client, enrol, issue, sale):
    """Plays steps on cards and terminals of its own; gives what terminals held on the way. Nothing of it stays."""
    tellers, cards = [enrol() for _ in range(_TELLERS)], [issue(10_000) for _ in range(_CARDS)]
    journals, rings = [list(teller.records) for teller in tellers], [list(card.ring) for card in cards]

    def step(held, what, *told):
        match what, told:
            case "load", (place, kept):
                with contextlib.suppress(RuntimeError), transaction.atomic():
                    purse = Purse.objects.select_related("card").get(uid=cards[place].uid)
                    issue_next_certificate(purse, 0, Certificate.Reason.LOAD, NOW)
                    if not kept:
                        raise RuntimeError
            case "sale", (place, teller, outcome):
                sale(tellers[teller], cards[place], 1, outcome)
            case "post", (teller,):
                client.post("/sync/v1/bundle", tellers[teller].bundle(), content_type="application/cbor")
                while post_next(NOW):
                    pass
            case "report", (place, act):
                number = CardNumber(cards[place].number)
                with contextlib.suppress(ReportRefused):
                    _ = act(number, None, NOW) if act else list_copied(number, NOW)
            case "ask", (which, size, taken):
                held.append(held[which % len(held)].asks(size, taken))

    def play(steps):
        for teller, records in zip(tellers, journals, strict=True):
            teller.records[:] = records
        for card, ring in zip(cards, rings, strict=True):
            card.ring[:] = ring
        held = [Held()]
        for one in steps:
            step(held, *one)
        return held

    return play


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_steps, max_size=30), size=st.integers(1, 4))
def test_from_any_base_a_terminal_ends_with_the_table_of_a_fresh_one(chain, steps, size):
    with transaction.atomic():
        held = chain(steps)
        fresh = Held().in_step(size)
        assert all(terminal.in_step(size) == fresh for terminal in held)
        rows = sorted(row_of(purse) for purse in Purse.objects.select_related("card"))
        assert fresh.tables[Table.STATE].rows == b"".join(rows)
        refused = {number for number in Card.objects.values_list("number", flat=True) if _is_refused(number)}
        assert fresh.tables[Table.HOTLIST].rows == b"".join(sorted(number_bytes(CardNumber(n)) for n in refused))
        lost = set(Card.objects.filter(state=Card.State.LOST).values_list("number", flat=True))
        assert lost <= refused
        assert verify_ledger().differences == ()
        transaction.set_rollback(True)


def _is_refused(number: int) -> bool:
    newest = Card.objects.get(number=number).hotlistentry_set.order_by("-version").first()
    return newest is not None and newest.refused

"""Cards on and off the hotlist: what a card's state allows, and what terminals are told (P-R23)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import translation

from onecard.hotlist import HOTLIST, number_bytes
from onecard.identity import CardNumber
from onecard.packed_table import PackedTable
from server.cards.hotlist import hotlist_after, hotlist_version
from server.cards.models import Card, HotlistEntry
from server.cards.reports import ReportRefused, forgive_copies, list_copied, report_lost, unreport
from server.cards.state import state_version

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english():
    """Refusals are told in the language of who asks; a page asked for before leaves its own behind."""
    with translation.override("en"):
        yield


@pytest.fixture
def number(issue):
    return CardNumber(issue().number)


def is_refused(number):
    return number_bytes(number) in PackedTable(HOTLIST).apply(hotlist_after(0))


def copied(number):
    with transaction.atomic():
        return list_copied(number, NOW)


@pytest.mark.parametrize("act", [report_lost, unreport, forgive_copies])
def test_a_card_that_was_not_issued_here_is_not_reported(database, act):
    with pytest.raises(ReportRefused, match="not issued here"):
        act(CardNumber(18), None, NOW)
    assert not HotlistEntry.objects.exists()


@pytest.mark.parametrize("state", ["lost", "moved", "closed"])
def test_only_a_card_in_use_is_reported_lost(number, state):
    Card.objects.update(state=state)
    with pytest.raises(ReportRefused, match="Nothing was changed"):
        report_lost(number, None, NOW)
    assert (Card.objects.get().state, HotlistEntry.objects.count()) == (state, 0)


@pytest.mark.parametrize("state", ["issued", "moved", "closed"])
def test_only_a_lost_card_is_unreported(number, state):
    Card.objects.update(state=state)
    with pytest.raises(ReportRefused, match="Nothing was changed"):
        unreport(number, None, NOW)
    assert (Card.objects.get().state, HotlistEntry.objects.count()) == (state, 0)


def test_copies_that_were_not_seen_are_not_forgiven(number):
    with pytest.raises(ReportRefused, match="does not count as copied"):
        forgive_copies(number, None, NOW)


def test_a_lost_card_is_refused_until_it_is_found(number):
    clerk, state = User.objects.create_user("clerk"), state_version()
    report_lost(number, clerk, NOW)
    assert is_refused(number)
    assert Card.objects.get().state == Card.State.LOST
    entry = HotlistEntry.objects.get()
    assert (entry.reason, entry.operator, entry.listed_at, hotlist_version()) == ("lost", clerk, NOW, 2)
    assert unreport(number, clerk, NOW)
    assert not is_refused(number)
    assert (Card.objects.get().state, hotlist_version()) == (Card.State.ISSUED, 3)
    report_lost(number, clerk, NOW)
    assert is_refused(number)
    assert state_version() == state  # no row states that a card is lost


def test_finding_a_card_forgives_no_copy(number):
    report_lost(number, None, NOW)
    assert copied(number)
    assert not unreport(number, None, NOW)
    assert is_refused(number)
    forgive_copies(number, None, NOW)
    assert not is_refused(number)


def test_forgiving_copies_finds_no_card(number):
    assert copied(number)
    report_lost(number, None, NOW)
    forgive_copies(number, None, NOW)
    assert is_refused(number)
    assert unreport(number, None, NOW)
    assert not is_refused(number)


def test_a_card_is_listed_as_copied_once_until_it_is_forgiven(number):
    assert [copied(number), copied(number)] == [True, False]
    forgive_copies(number, None, NOW)
    assert copied(number)
    assert is_refused(number)


def test_state_and_entry_change_together_or_not(number):
    with pytest.raises(RuntimeError), transaction.atomic():
        report_lost(number, None, NOW)
        raise RuntimeError
    assert (Card.objects.get().state, hotlist_version()) == (Card.State.ISSUED, 1)


@pytest.mark.parametrize("statement", ["UPDATE cards_hotlistentry SET refused = 0", "DELETE FROM cards_hotlistentry"])
def test_the_database_refuses_to_change_what_was_listed(number, statement):
    report_lost(number, None, NOW)
    with pytest.raises(DatabaseError, match="never change"), connection.cursor() as cursor:
        cursor.execute(statement)

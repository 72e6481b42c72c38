"""The session's table: total, reachable, and true to docs/purse.md."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from firmware.config import SaleMode
from firmware.session import Action, Duty, Event, State, Step, Table, home, session_table
from firmware.session_picture import picture

_DOUBT = (State.IN_DOUBT, State.DOUBT_REFUSED)
_PAGE = Path(__file__).parents[2] / "docs/session.md"


@pytest.fixture(params=SaleMode)
def mode(request: pytest.FixtureRequest) -> SaleMode:
    chosen: SaleMode = request.param
    return chosen


@pytest.fixture
def table(mode: SaleMode) -> Table:
    return session_table(mode)


def _next(table: Table, state: State, *events: Event) -> State:
    for event in events:
        step = table[state].steps.get(event)
        state = step.state if step else state
    return state


def test_every_event_in_every_state_is_defined_or_ignored_by_name(table: Table) -> None:
    for row in table.values():
        assert row.steps.keys() | row.ignored == set(Event)
        assert not row.steps.keys() & row.ignored


def test_every_step_leads_to_a_state_of_the_table_and_every_state_is_reached(table: Table, mode: SaleMode) -> None:
    led_to = {step.state for row in table.values() for step in row.steps.values()}
    assert led_to <= table.keys()
    assert table.keys() - led_to <= {State.SIGNED_OFF}
    assert home(mode) in led_to


def test_a_failing_journal_ends_every_state_and_only_a_restart_ends_that(table: Table) -> None:
    assert all(_next(table, state, Event.FAILED) is State.BROKEN for state in table)
    assert not table[State.BROKEN].steps


def test_only_armed_begins_a_sale_and_only_the_doubt_may_go_on_with_one(table: Table) -> None:
    assert {state for state, row in table.items() if row.duty is Duty.TAP} == {State.ARMED, State.IN_DOUBT}


def test_no_sale_inquiry_or_sign_off_begins_while_one_is_in_doubt(table: Table) -> None:
    """P-R5."""
    for state in _DOUBT:
        keys = (Event.DIGIT, Event.OK, Event.BALANCE_KEY, Event.TOTALS_KEY, Event.SHIFT_KEY, Event.MENU_KEY)
        for event in (*keys, Event.BLOCKED):
            assert _next(table, state, event) is state


def test_cancel_and_time_out_abandon_a_sale_in_doubt(table: Table) -> None:
    """P-R6."""
    for state, event in product(_DOUBT, (Event.CANCEL, Event.TIME_UP)):
        assert table[state].steps[event].action is Action.ABANDON
    abandoning = {
        (state, event)
        for state, row in table.items()
        for event, step in row.steps.items()
        if step.action is Action.ABANDON
    }
    assert abandoning == set(product(_DOUBT, (Event.CANCEL, Event.TIME_UP)))


def test_the_doubt_ends_only_by_a_final_word(table: Table) -> None:
    ends = {event for state in _DOUBT for event, step in table[state].steps.items() if step.state not in _DOUBT}
    final = {Event.PAID, Event.ABANDONED, Event.DECLINED, Event.CANCEL, Event.TIME_UP, Event.FAILED}
    assert ends == final


def test_both_doubt_states_share_one_run_of_their_timer(table: Table) -> None:
    assert table[State.IN_DOUBT].timer is table[State.DOUBT_REFUSED].timer


@pytest.mark.parametrize("state", [State.PAID, State.ALREADY_PAID])
def test_a_paid_card_cannot_be_debited_before_it_was_taken_away(state: State, table: Table) -> None:
    """A card still lying there answers "already paid"."""
    stays = {state, State.PAID, State.ALREADY_PAID}
    for event in set(Event) - {Event.CARD_LEFT, Event.FAILED}:
        assert _next(table, state, event) in stays
    assert table[_next(table, state, Event.CARD_LEFT)].duty is not Duty.TAP


def test_show_mode_needs_a_key_after_the_card_was_taken_away() -> None:
    table = session_table(SaleMode.SHOW)
    after = _next(table, State.PAID, Event.CARD_LEFT)
    assert after is State.READY
    assert _next(table, after, Event.TIME_UP) is State.READY
    assert _next(table, after, Event.PAID_CARD_SEEN) is State.ALREADY_PAID
    assert _next(table, after, Event.DIGIT, Event.DIGIT, Event.OK) is State.ARMED


def test_fixed_mode_needs_the_card_away_and_the_interval_over() -> None:
    table = session_table(SaleMode.FIXED)
    assert _next(table, State.PAID, Event.CARD_LEFT) is State.RESTING
    assert _next(table, State.RESTING, Event.PAID_CARD_SEEN) is State.ALREADY_PAID
    assert _next(table, State.RESTING, Event.OK, Event.DIGIT, Event.CARD_SEEN) is State.RESTING
    assert _next(table, State.RESTING, Event.TIME_UP) is State.ARMED


def test_a_common_sale_takes_three_keys() -> None:
    table = session_table(SaleMode.SHOW)
    keys = (Event.DIGIT, Event.DIGIT, Event.OK)
    assert _next(table, State.READY, *keys) is State.ARMED


def test_a_blocked_till_begins_no_sale_and_can_still_sign_off(table: Table, mode: SaleMode) -> None:
    assert _next(table, home(mode), Event.BLOCKED) is State.OUT_OF_SERVICE
    assert table[State.OUT_OF_SERVICE].duty is Duty.AUTHORISE
    assert _next(table, State.OUT_OF_SERVICE, Event.UNBLOCKED) is home(mode)
    assert _next(table, State.OUT_OF_SERVICE, Event.SHIFT_KEY, Event.OK) is State.SIGNED_OFF


def test_nothing_is_sold_before_a_sign_on(table: Table) -> None:
    for event in set(Event) - {Event.SIGNED_ON, Event.AUTHORISED, Event.DECLINED, Event.FAILED, Event.MENU_KEY}:
        assert _next(table, State.SIGNED_OFF, event) is State.SIGNED_OFF
    assert table[State.SIGNED_OFF].steps[Event.SIGNED_ON].action is Action.OPEN_SHIFT


def test_an_authorisation_card_turns_the_port_where_a_card_is_awaited_and_nowhere_while_a_sale_is_in_doubt(
    table: Table, mode: SaleMode
) -> None:
    turning = {state for state, row in table.items() if Event.AUTHORISED in row.steps}
    assert turning == {State.SIGNED_OFF, State.ARMED, State.STATUS, State.OUT_OF_SERVICE}
    assert not turning & set(_DOUBT)
    for state in turning:
        assert table[state].steps[Event.AUTHORISED].action is Action.TURN_PORT
        assert table[state].duty in (Duty.SIGN_ON, Duty.TAP, Duty.AUTHORISE)
    assert _next(table, State.SIGNED_OFF, Event.AUTHORISED, Event.CARD_LEFT) is State.SIGNED_OFF
    assert _next(table, home(mode), Event.MENU_KEY, Event.AUTHORISED, Event.CARD_LEFT) is home(mode)
    assert _next(table, State.STATUS, Event.DECLINED, Event.CARD_LEFT) is home(mode)


def test_the_status_page_and_the_wish_to_send_change_nothing_else(table: Table, mode: SaleMode) -> None:
    """Also before a sign-on: a terminal that knows no card yet can be helped."""
    for page, origin in ((State.STATUS, home(mode)), (State.STATUS_SIGNED_OFF, State.SIGNED_OFF)):
        assert _next(table, origin, Event.MENU_KEY) is page
        assert table[page].steps[Event.OK] == Step(Action.SYNC, page)
        for event in (Event.CANCEL, Event.MENU_KEY, Event.TIME_UP):
            assert table[page].steps[event] == Step(Action.NONE, origin)
        keyed = {event for event in table[page].steps if event not in (Event.AUTHORISED, Event.DECLINED)}
        assert keyed == {Event.OK, Event.CANCEL, Event.MENU_KEY, Event.TIME_UP, Event.FAILED}
    assert _next(table, State.OUT_OF_SERVICE, Event.MENU_KEY) is State.STATUS


def test_the_page_in_docs_is_the_table() -> None:
    assert _PAGE.read_text() == picture(), "write it anew: python -m firmware.session_picture > docs/session.md"

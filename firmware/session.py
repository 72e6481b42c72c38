"""The session: what the till is doing, as one table. Pure.

Rules of this file
- Everything that decides what may happen next is in the table; what must be known to act (amounts, cards, timers'
  lengths) is not here.
- The table is total: for every state each event either leads somewhere or is ignored by name (`ROWS`).
- Only ARMED begins a sale. After a sale it is reached by way of the card's removal, and then by a key, or, in
  fixed-amount mode, by the interval that begins with the removal. A card that comes back before is already paid.
- Between IN_DOUBT and the end of its sale no other sale, inquiry or sign-off can begin (P-R5).
- An authorisation card turns the courier's port wherever a card is awaited and no sale is in doubt; also out of
  service, because a full journal is what couriers come for.
- A state that shows a result ends when no card lies on the reader, never by the card that it is about.
- A journal that fails ends everything, from any state.

Show mode waits for a sale in READY, fixed-amount mode in ARMED: that is *home*. docs/session.md is made from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import TypeAlias

from firmware.config import SaleMode


@unique
class State(Enum):
    """What the till is doing."""

    SIGNED_OFF = "signed off"
    SIGN_ON_REFUSED = "sign-on refused"
    WELCOME = "welcome"
    READY = "ready"
    EARLY_CARD = "early card"
    FILM_CHOSEN = "film chosen"
    TICKETS_CHOSEN = "tickets chosen"
    ARMED = "armed"
    PAID = "paid"
    ALREADY_PAID = "already paid"
    REFUSED = "refused"
    DROPPED = "dropped"
    RESTING = "resting"
    IN_DOUBT = "in doubt"
    DOUBT_REFUSED = "doubt refused"
    ABANDONED = "abandoned"
    INQUIRY = "inquiry"
    INQUIRY_SHOWN = "inquiry shown"
    TOTALS = "totals"
    STATUS = "status"
    STATUS_SIGNED_OFF = "status, signed off"
    CLOSING = "closing"
    NOT_AUTHORISED = "not authorised"
    PORT_TURNED = "port turned"
    PORT_TURNED_SIGNED_OFF = "port turned, signed off"
    OUT_OF_SERVICE = "out of service"
    BROKEN = "broken"


@unique
class Event(Enum):
    """What can happen to it."""

    DIGIT = "digit"
    OK = "OK"
    CANCEL = "cancel"
    BALANCE_KEY = "balance key"
    TOTALS_KEY = "totals key"
    SHIFT_KEY = "shift key"
    MENU_KEY = "menu key"
    CARD_SEEN = "card seen"
    PAID_CARD_SEEN = "card of the last sale seen"
    CARD_LEFT = "card left"
    SIGNED_ON = "staff card accepted"
    AUTHORISED = "authorisation card accepted"
    SHOWN = "card shown"
    PAID = "paid"
    DECLINED = "declined"
    DECLINED_IN_DOUBT = "declined, still in doubt"
    IN_DOUBT = "in doubt"
    ABANDONED = "abandoned"
    TIME_UP = "time up"
    BLOCKED = "selling blocked"
    UNBLOCKED = "selling allowed"
    FAILED = "journal failed"


@unique
class Action(Enum):
    """What is done on the way to the next state."""

    NONE = "—"
    OPEN_SHIFT = "open the shift"
    CLOSE_SHIFT = "close the shift"
    TAKE_FILM = "take the film class"
    TAKE_TICKETS = "take the number of tickets"
    OPEN_SALE = "open the sale"
    DROP_SALE = "drop the sale"
    ABANDON = "abandon the sale in doubt"
    TURN_PORT = "turn the courier's port"
    SYNC = "ask the daemon to send now"


@unique
class Duty(Enum):
    """What the reader is asked to do, again and again, while a state lasts."""

    REST = "nothing"
    SIGN_ON = "identify a staff card"
    AUTHORISE = "identify an authorisation card"
    TAP = "debit"
    INQUIRE = "show the balance"
    WATCH = "notice a card"
    WAIT_AWAY = "wait until no card is there"


@unique
class Timer(Enum):
    """What a state waits for at most. States with the same timer share one run of it."""

    NONE = "no limit"
    KEYS = "keys"
    SALE = "armed sale"
    RESULT = "result"
    INTERVAL = "interval"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to."""

    action: Action
    state: State


@dataclass(frozen=True, slots=True)
class Row:
    """One state: its duty, its timer, what it reacts to; it ignores every other event, and the table says so."""

    duty: Duty
    timer: Timer
    steps: Mapping[Event, Step]

    @property
    def ignored(self) -> frozenset[Event]:
        """The events that change nothing here."""
        return frozenset(Event) - self.steps.keys()


Table: TypeAlias = Mapping[State, Row]


def home(mode: SaleMode) -> State:
    """Where a signed-on till waits for the next sale."""
    return State.ARMED if mode is SaleMode.FIXED else State.READY


def session_table(mode: SaleMode) -> Table:
    """The rows of every state that a till in this mode can reach."""
    rows = _shared(home(mode)) | (_fixed() if mode is SaleMode.FIXED else _show())
    return {state: rows[state] for state in State if state in rows}


def _go(state: State, action: Action = Action.NONE) -> Step:
    return Step(action, state)


def _row(duty: Duty, timer: Timer, steps: Mapping[Event, Step]) -> Row:
    return Row(duty, timer, {**steps, Event.FAILED: _go(State.BROKEN)})


_MENU = {
    Event.BALANCE_KEY: _go(State.INQUIRY),
    Event.TOTALS_KEY: _go(State.TOTALS),
    Event.SHIFT_KEY: _go(State.CLOSING),
    Event.MENU_KEY: _go(State.STATUS),
    Event.BLOCKED: _go(State.OUT_OF_SERVICE),
}
_SALE_RESULTS = {
    Event.PAID: _go(State.PAID),
    Event.DECLINED: _go(State.REFUSED),
    Event.IN_DOUBT: _go(State.IN_DOUBT),
}
_PORT = {
    Event.AUTHORISED: _go(State.PORT_TURNED, Action.TURN_PORT),
    Event.DECLINED: _go(State.NOT_AUTHORISED),
}
_GIVE_UP = {
    Event.CANCEL: _go(State.ABANDONED, Action.ABANDON),
    Event.TIME_UP: _go(State.ABANDONED, Action.ABANDON),
}


def _shared(at_home: State) -> dict[State, Row]:
    away = {Event.CARD_LEFT: _go(at_home)}
    back = {Event.CANCEL: _go(at_home), Event.TIME_UP: _go(at_home)}
    return {
        State.SIGNED_OFF: _row(
            Duty.SIGN_ON,
            Timer.NONE,
            {
                Event.SIGNED_ON: _go(State.WELCOME, Action.OPEN_SHIFT),
                Event.AUTHORISED: _go(State.PORT_TURNED_SIGNED_OFF, Action.TURN_PORT),
                Event.DECLINED: _go(State.SIGN_ON_REFUSED),
                Event.MENU_KEY: _go(State.STATUS_SIGNED_OFF),
            },
        ),
        State.SIGN_ON_REFUSED: _row(Duty.WAIT_AWAY, Timer.NONE, {Event.CARD_LEFT: _go(State.SIGNED_OFF)}),
        State.WELCOME: _row(Duty.WAIT_AWAY, Timer.NONE, away),
        State.IN_DOUBT: _row(
            Duty.TAP,
            Timer.DOUBT,
            _SALE_RESULTS
            | _GIVE_UP
            | {Event.ABANDONED: _go(State.ABANDONED), Event.DECLINED_IN_DOUBT: _go(State.DOUBT_REFUSED)},
        ),
        State.DOUBT_REFUSED: _row(Duty.WAIT_AWAY, Timer.DOUBT, _GIVE_UP | {Event.CARD_LEFT: _go(State.IN_DOUBT)}),
        State.ABANDONED: _row(Duty.WAIT_AWAY, Timer.NONE, away),
        State.INQUIRY: _row(
            Duty.INQUIRE,
            Timer.KEYS,
            back | {Event.SHOWN: _go(State.INQUIRY_SHOWN), Event.DECLINED: _go(State.INQUIRY_SHOWN)},
        ),
        State.INQUIRY_SHOWN: _row(Duty.WAIT_AWAY, Timer.NONE, away),
        State.TOTALS: _row(Duty.REST, Timer.KEYS, back | {Event.OK: _go(at_home), Event.TOTALS_KEY: _go(at_home)}),
        State.STATUS: _row(Duty.AUTHORISE, Timer.KEYS, _status(State.STATUS, at_home) | _PORT),
        State.STATUS_SIGNED_OFF: _row(Duty.REST, Timer.KEYS, _status(State.STATUS_SIGNED_OFF, State.SIGNED_OFF)),
        State.CLOSING: _row(Duty.REST, Timer.KEYS, back | {Event.OK: _go(State.SIGNED_OFF, Action.CLOSE_SHIFT)}),
        State.NOT_AUTHORISED: _row(Duty.WAIT_AWAY, Timer.NONE, away),
        State.PORT_TURNED: _row(Duty.WAIT_AWAY, Timer.NONE, away),
        State.PORT_TURNED_SIGNED_OFF: _row(Duty.WAIT_AWAY, Timer.NONE, {Event.CARD_LEFT: _go(State.SIGNED_OFF)}),
        State.OUT_OF_SERVICE: _row(
            Duty.AUTHORISE,
            Timer.NONE,
            _PORT
            | {
                Event.UNBLOCKED: _go(at_home),
                Event.TOTALS_KEY: _go(State.TOTALS),
                Event.SHIFT_KEY: _go(State.CLOSING),
                Event.MENU_KEY: _go(State.STATUS),
            },
        ),
        State.BROKEN: Row(Duty.REST, Timer.NONE, {}),
    }


def _status(itself: State, back_to: State) -> dict[Event, Step]:
    """The status page: a look at it and the wish to send change nothing else."""
    back = dict.fromkeys((Event.CANCEL, Event.MENU_KEY, Event.TIME_UP), _go(back_to))
    return back | {Event.OK: _go(itself, Action.SYNC)}


def _fixed() -> dict[State, Row]:
    taken = {Event.CARD_LEFT: _go(State.RESTING)}
    return {
        State.ARMED: _row(Duty.TAP, Timer.NONE, _MENU | _SALE_RESULTS | {Event.AUTHORISED: _PORT[Event.AUTHORISED]}),
        State.PAID: _row(Duty.WAIT_AWAY, Timer.RESULT, taken | {Event.TIME_UP: _go(State.ALREADY_PAID)}),
        State.ALREADY_PAID: _row(Duty.WAIT_AWAY, Timer.NONE, taken),
        State.REFUSED: _row(Duty.WAIT_AWAY, Timer.NONE, {Event.CARD_LEFT: _go(State.ARMED)}),
        State.RESTING: _row(
            Duty.WATCH,
            Timer.INTERVAL,
            {Event.PAID_CARD_SEEN: _go(State.ALREADY_PAID), Event.TIME_UP: _go(State.ARMED)},
        ),
    }


def _show() -> dict[State, Row]:
    taken = {Event.CARD_LEFT: _go(State.READY)}
    hasty = dict.fromkeys((Event.DIGIT, Event.OK), _go(State.ALREADY_PAID))
    film = {Event.DIGIT: _go(State.FILM_CHOSEN, Action.TAKE_FILM)}
    dropped = dict.fromkeys((Event.CANCEL, Event.TIME_UP), _go(State.READY, Action.DROP_SALE))
    order = {Event.DIGIT: _go(State.TICKETS_CHOSEN, Action.TAKE_TICKETS), Event.OK: _go(State.ARMED, Action.OPEN_SALE)}
    return {
        State.READY: _row(
            Duty.WATCH,
            Timer.NONE,
            _MENU | film | {Event.CARD_SEEN: _go(State.EARLY_CARD), Event.PAID_CARD_SEEN: _go(State.ALREADY_PAID)},
        ),
        State.EARLY_CARD: _row(Duty.WAIT_AWAY, Timer.NONE, film | taken),
        State.FILM_CHOSEN: _row(Duty.REST, Timer.KEYS, order | dropped),
        State.TICKETS_CHOSEN: _row(Duty.REST, Timer.KEYS, order | dropped),
        State.ARMED: _row(
            Duty.TAP,
            Timer.SALE,
            _SALE_RESULTS
            | dropped
            | {Event.AUTHORISED: _PORT[Event.AUTHORISED], Event.BLOCKED: _go(State.OUT_OF_SERVICE)},
        ),
        State.PAID: _row(Duty.WAIT_AWAY, Timer.RESULT, taken | hasty | {Event.TIME_UP: _go(State.ALREADY_PAID)}),
        State.ALREADY_PAID: _row(Duty.WAIT_AWAY, Timer.NONE, taken),
        State.REFUSED: _row(
            Duty.WAIT_AWAY,
            Timer.NONE,
            {Event.CARD_LEFT: _go(State.ARMED), Event.CANCEL: _go(State.DROPPED, Action.DROP_SALE)},
        ),
        State.DROPPED: _row(Duty.WAIT_AWAY, Timer.NONE, taken),
    }

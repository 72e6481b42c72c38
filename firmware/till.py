"""The till: the session's table made to act on cards, keys, time and the journal.

One call each: `press` a key, `look` at the reader once, `tick` the time. What is on the screen follows from `view`.
"""

from __future__ import annotations

from collections.abc import Callable

from firmware.books import Books
from firmware.config import SaleMode, TerminalConfig
from firmware.courier_port import CourierPort
from firmware.intake import Intake, fixed_quote
from firmware.logbook import CLOSED_SHOP, Logbook
from firmware.results import Abandoned, Declined, InDoubt, NoCard, Paid, Shown
from firmware.session import Action, Duty, Event, State, Timer, home, session_table
from firmware.tap import Teller
from firmware.view import Basket, Block, Result, View
from hardware.keypad.keys import Key
from hardware.reader import Reader, ReaderError
from onecard.identity import CardNumber
from onecard.journal import Journal, JournalError, JournalFull, Level
from onecard.kinds import Action as CardAction
from onecard.kinds import CardKind, DeclineReason
from onecard.money import Fen
from onecard.tariff import Quote

KEYS_SECONDS = 30.0
SALE_SECONDS = 120.0
RESULT_SECONDS = 3.0
LINGER_SECONDS = 4.0
"""How long a result stays on the screen after its card was taken away, unless a key is pressed."""
RETRY_SECONDS = 0.5
"""Between two tries on a card in doubt that lies there and does not take its record."""
_EMPTY_LOOKS = 2
"""A card has left when so many looks in a row found none: one may miss it at the edge of the field."""
_DAY_SECONDS = 86_400

_KEY_EVENTS = {
    Key.OK: Event.OK,
    Key.CANCEL: Event.CANCEL,
    Key.BALANCE: Event.BALANCE_KEY,
    Key.TOTALS: Event.TOTALS_KEY,
    Key.SHIFT: Event.SHIFT_KEY,
    Key.MENU: Event.MENU_KEY,
}
_RESULTS = frozenset(
    {
        State.WELCOME,
        State.SIGN_ON_REFUSED,
        State.PAID,
        State.ALREADY_PAID,
        State.REFUSED,
        State.ABANDONED,
        State.DROPPED,
        State.INQUIRY_SHOWN,
        State.NOT_AUTHORISED,
        State.PORT_TURNED,
        State.PORT_TURNED_SIGNED_OFF,
    }
)
_QUIET = frozenset({State.SIGNED_OFF, State.READY, State.ARMED, State.RESTING})


class Till:
    """One terminal's session."""

    def __init__(
        self,
        config: TerminalConfig,
        reader: Reader,
        teller: Teller,
        journal: Journal,
        log: Logbook,
        *,
        books: Books,
        intake: Intake,
        port: CourierPort,
    ) -> None:
        self._config = config
        self._reader = reader
        self._teller = teller
        self._journal = journal
        self._log = log
        self._books = books
        self._intake = intake
        self._port = port
        self._clock = log.clock
        self._table = session_table(config.sale.mode)
        self._result: Result = NoCard()
        self._last_paid: Paid | None = None
        self._basket = Basket()
        self._unknown_film: int | None = None
        self._instead = False
        self._results = 0
        self.reader_lost = False
        self._empty_looks = 0
        self._look_after = float("-inf")
        self._linger: tuple[State, float] | None = None
        self._doubt: int | None = None
        self.state = State.SIGNED_OFF
        self.trouble = ""  # what the world did last, for the log
        self.syncs_wanted = 0  # how often somebody asked to send at once
        self._since = self._clock.monotonic()
        self._resume()

    @property
    def duty(self) -> Duty:
        """What the next `look` does."""
        return self._table[self.state].duty

    def press(self, key: Key) -> None:
        """A key was pressed."""
        self._linger = None
        self._unknown_film = None
        if key.digit is None:
            if key in _KEY_EVENTS:
                self._guarded(lambda: self._happen(_KEY_EVENTS[key]))
            return
        step = self._table[self.state].steps.get(Event.DIGIT)
        match step.action if step else Action.NONE:
            case Action.TAKE_FILM:
                tariff = self._intake.tariff
                if tariff is None or key.digit not in tariff.films:
                    self._unknown_film = key.digit
                    return
                self._basket = Basket(film_class=key.digit)
            case Action.TAKE_TICKETS:
                if key.digit == 0:
                    return
                self._basket = Basket(self._basket.film_class, key.digit)
            case _:
                pass
        self._guarded(lambda: self._happen(Event.DIGIT))

    def look(self) -> None:
        """Ask the reader once for what the state wants of it."""
        if self._clock.monotonic() < self._look_after or self.duty is Duty.REST:
            return
        try:
            self._guarded(self._look)
        except ReaderError as error:
            self.reader_lost = True  # nothing is decided by it; what was in doubt stays so
            self.trouble = str(error)
        else:
            self.reader_lost = False

    def tick(self) -> None:
        """Let time pass: time-outs, and blocks that come and go."""
        limit = self._seconds(self._table[self.state].timer)
        if limit is not None and self._clock.monotonic() - self._since >= limit:
            self._guarded(lambda: self._happen(Event.TIME_UP))
        event = Event.UNBLOCKED if self.block() is None else Event.BLOCKED
        self._guarded(lambda: self._happen(event))

    def fail(self) -> None:
        """The journal failed outside a call of ours."""
        self._happen(Event.FAILED)

    def block(self) -> Block | None:
        """Why no new sale may begin (P-R22, F14)."""
        backlog, limits = self._books.backlog, self._intake.limits
        if backlog.fen >= limits.unsent_cap:
            return Block.UNSENT_MONEY
        oldest_at = backlog.oldest_at
        if oldest_at is not None and self._clock.now().at - oldest_at >= limits.unsent_days * _DAY_SECONDS:
            return Block.UNSENT_TIME
        return Block.JOURNAL_FULL if self._journal.room.level is Level.FULL else None

    def view(self) -> View:
        """What the screen is about now."""
        now, screen = self._clock.monotonic(), self.state
        if self._linger is not None and self.state in _QUIET and now < self._linger[1]:
            screen = self._linger[0]
        return View(
            state=self.state,
            screen=screen,
            results=self._results,
            result=self._result,
            basket=self._basket,
            unknown_film=self._unknown_film,
            instead=self._instead,
            block=self.block(),
            reader_lost=self.reader_lost,
            doubt_seconds=max(0, int(self._intake.limits.in_doubt_seconds - (now - self._since))),
        )

    def _resume(self) -> None:
        """Where a start finds the session: an open shift goes on, a sale in doubt is asked for again (P-R6)."""
        shift, sale = self._books.shift, self._books.memory.open_sale
        self._log.shop = shift.shop
        if sale is not None:
            self._basket = Basket(sale.intent.film_class, max(1, sale.intent.tickets))
            self._result = InDoubt(sale.intent.uid, Fen(sale.intent.amount))
            self._doubt = sale.sequence
            self.state = State.IN_DOUBT
        elif shift.is_open:
            self.state = home(self._config.sale.mode)

    def _look(self) -> None:
        match self.duty:
            case Duty.SIGN_ON:
                self._note(self._teller.identify(CardAction.SIGN_ON, CardAction.TECHNICIAN_MENU), Event.SIGNED_ON)
            case Duty.AUTHORISE:
                self._note(self._teller.identify(CardAction.TECHNICIAN_MENU), Event.AUTHORISED)
            case Duty.INQUIRE:
                self._note(self._teller.inquire(settle=True), Event.SHOWN)
            case Duty.TAP:
                self._tap()
            case Duty.WATCH:
                self._watch()
            case Duty.WAIT_AWAY:
                self._empty_looks = 0 if self._reader.poll() else self._empty_looks + 1
                if self._empty_looks >= _EMPTY_LOOKS:
                    self._happen(Event.CARD_LEFT)
            case Duty.REST:
                pass

    def _watch(self) -> None:
        uids = [target.uid for target in self._reader.poll()]
        if not uids:
            return
        paid = self._last_paid is not None and self._last_paid.uid in uids
        if paid:
            assert self._last_paid is not None
            self._result = self._last_paid
        self._happen(Event.PAID_CARD_SEEN if paid else Event.CARD_SEEN)

    def _tap(self) -> None:
        before = self._books.memory.open_sale
        result = self._teller.tap(self._price)
        if isinstance(result, NoCard):
            return
        sale = self._books.memory.open_sale
        if sale is not None and sale.sequence != self._doubt:
            self._doubt, self._since = sale.sequence, self._clock.monotonic()
        if isinstance(result, InDoubt):
            self._look_after = self._clock.monotonic() + RETRY_SECONDS
        if isinstance(result, Paid):
            self._last_paid = result
        ended = before is not None and (sale is None or sale.sequence != before.sequence)
        self._note(result, Event.PAID, instead=ended and before is not None and result.uid != before.intent.uid)

    def _note(self, result: Result, accepted: Event, *, instead: bool = False) -> None:
        """Keep a result and let it happen; `accepted` is what it means when it is none of the refusals."""
        in_doubt = self._books.memory.open_sale is not None
        match result:
            case NoCard():
                return
            case Declined():
                event = Event.DECLINED_IN_DOUBT if in_doubt else Event.DECLINED
            case InDoubt():
                event = Event.IN_DOUBT
            case Abandoned():
                event = Event.ABANDONED
            case Shown(kind=CardKind.AUTHORISATION) if accepted is not Event.SHOWN:
                event = Event.AUTHORISED
            case Paid() | Shown():
                event = accepted
        self._result = result
        self._instead = instead
        self._results += 1
        self._happen(event)

    def _price(self, tier: int) -> Quote | None:
        sale = self._config.sale
        if sale.mode is SaleMode.FIXED:
            return fixed_quote(sale.fixed_amount, sale.film_class, tier)
        if self._basket.tickets == 0:
            return None
        return self._intake.quote(tier, self._basket.film_class, self._basket.tickets)

    def _guarded(self, work: Callable[[], None]) -> None:
        """A full journal refuses new work and no more; one that fails ends the session."""
        try:
            work()
        except JournalFull:  # what was asked for is refused, and nothing of it was begun; `block` says why
            self._note(Declined(DeclineReason.OUT_OF_SERVICE), Event.PAID)
        except JournalError as error:
            self.trouble = str(error)
            self.fail()

    def _happen(self, event: Event) -> None:
        step = self._table[self.state].steps.get(event)
        if step is None:
            return
        self._act(step.action)
        left, self.state = self.state, step.state
        if step.state is left:
            return
        if left in _RESULTS and step.state not in _RESULTS:
            self._linger = (left, self._clock.monotonic() + LINGER_SECONDS)
        self._empty_looks = 0
        if self._table[left].timer is not self._table[self.state].timer:
            self._since = self._clock.monotonic()

    def _act(self, action: Action) -> None:
        match action:
            case Action.OPEN_SHIFT:
                assert isinstance(self._result, Shown)
                self._open_shift(self._result.card_number)
            case Action.CLOSE_SHIFT:
                self._log.write(self._books.shift.closing(self._clock.now()), durable=True)
                self._log.shop = CLOSED_SHOP
            case Action.OPEN_SALE:
                self._basket = Basket(self._basket.film_class, max(1, self._basket.tickets))
                self._last_paid = None
            case Action.DROP_SALE:
                self._basket = Basket()
            case Action.ABANDON:
                abandoned = self._teller.abandon()
                assert abandoned is not None
                self._result = abandoned
                self._results += 1
            case Action.TURN_PORT:
                assert isinstance(self._result, Shown)
                self._basket = Basket()
                self._port.turn(self._result)
            case Action.SYNC:
                self.syncs_wanted += 1
            case Action.NONE | Action.TAKE_FILM | Action.TAKE_TICKETS:
                pass  # what was keyed is in the basket already

    def _open_shift(self, operator: CardNumber) -> None:
        opening = self._books.shift.opening(operator, self._clock.now(), self._config.cut_off_hour)
        self._log.write(opening, durable=True)
        self._log.shop = self._books.shift.shop

    def _seconds(self, timer: Timer) -> float | None:
        match timer:
            case Timer.NONE:
                return None
            case Timer.KEYS:
                return KEYS_SECONDS
            case Timer.SALE:
                return SALE_SECONDS
            case Timer.RESULT:
                return RESULT_SECONDS
            case Timer.INTERVAL:
                return float(self._config.sale.interval_seconds)
            case Timer.DOUBT:
                return float(self._intake.limits.in_doubt_seconds)

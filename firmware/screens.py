"""What the screen says: from a view of the till and its surroundings to a frame. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from firmware.ages import age_text
from firmware.config import Language, SaleMode, SaleSettings
from firmware.logbook import Shop
from firmware.results import Abandoned, Declined, InDoubt, Paid, Shown
from firmware.session import State
from firmware.shift import Totals
from firmware.status_page import Standing, status_lines
from firmware.view import Block, View
from firmware.words import CARD_KINDS, PRICE_REASONS, REFUSALS, Phrase
from hardware.display.frame import Frame, Role, Row, Tone
from onecard.identity import card_number_text, day_date
from onecard.journal import Level
from onecard.money import yuan
from onecard.tariff import FilmClass, Reason, Tariff


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the screen shows beside the session. Ages are in seconds, None when there is nothing to be that old."""

    language: Language
    sale: SaleSettings
    tariff: Tariff | None
    shop: Shop
    shift_number: int
    totals: Totals
    queue: int
    oldest_age: int | None
    hotlist_age: int | None
    room_percent: int
    room_level: Level
    online: bool
    upload_soon: bool
    clock_trusted: bool
    keypad_lost: bool
    tables_lacking: bool
    alarm: str
    port_seconds: float  # 0.0 while the courier's port is closed
    standing: Standing


_MINUTE = 60
_TITLES = {
    State.SIGNED_OFF: (Tone.CALM, Phrase.SIGN_ON),
    State.SIGN_ON_REFUSED: (Tone.BAD, Phrase.SIGN_ON_REFUSED),
    State.WELCOME: (Tone.GOOD, Phrase.WELCOME),
    State.READY: (Tone.CALM, Phrase.READY),
    State.EARLY_CARD: (Tone.CALM, Phrase.EARLY_CARD),
    State.FILM_CHOSEN: (Tone.CALM, Phrase.READY),
    State.TICKETS_CHOSEN: (Tone.CALM, Phrase.READY),
    State.ARMED: (Tone.CALM, Phrase.TAP_CARD),
    State.PAID: (Tone.GOOD, Phrase.PAID),
    State.ALREADY_PAID: (Tone.GOOD, Phrase.ALREADY_PAID),
    State.REFUSED: (Tone.BAD, Phrase.REFUSED),
    State.DROPPED: (Tone.CALM, Phrase.DROPPED),
    State.RESTING: (Tone.CALM, Phrase.ONE_MOMENT),
    State.IN_DOUBT: (Tone.DOUBT, Phrase.IN_DOUBT),
    State.DOUBT_REFUSED: (Tone.DOUBT, Phrase.STILL_IN_DOUBT),
    State.ABANDONED: (Tone.BAD, Phrase.ABANDONED),
    State.INQUIRY: (Tone.CALM, Phrase.INQUIRY),
    State.INQUIRY_SHOWN: (Tone.GOOD, Phrase.INQUIRY),
    State.TOTALS: (Tone.CALM, Phrase.TOTALS),
    State.STATUS: (Tone.CALM, Phrase.STATUS),
    State.STATUS_SIGNED_OFF: (Tone.CALM, Phrase.STATUS),
    State.CLOSING: (Tone.CALM, Phrase.CLOSING),
    State.NOT_AUTHORISED: (Tone.BAD, Phrase.NOT_AUTHORISED),
    State.PORT_TURNED: (Tone.GOOD, Phrase.PORT_CLOSED),
    State.PORT_TURNED_SIGNED_OFF: (Tone.GOOD, Phrase.PORT_CLOSED),
    State.OUT_OF_SERVICE: (Tone.STOPPED, Phrase.OUT_OF_SERVICE),
    State.BROKEN: (Tone.STOPPED, Phrase.BROKEN),
}
_BLOCKS = {
    Block.UNSENT_MONEY: Phrase.UNSENT_MONEY,
    Block.UNSENT_TIME: Phrase.UNSENT_TIME,
    Block.JOURNAL_FULL: Phrase.JOURNAL_FULL,
}

_PORT_TURNED = (State.PORT_TURNED, State.PORT_TURNED_SIGNED_OFF)
_LEVELS = {
    Level.WARN: Phrase.ROOM_WARN,
    Level.COURIER: Phrase.ROOM_COURIER,
    Level.FULL: Phrase.JOURNAL_FULL,
}


def frame(view: View, around: Surroundings) -> Frame:
    """The frame to show."""
    return _Screen(view, around).frame()


def stopped_frame(language: Language) -> Frame:
    """What stays on the screen after an orderly stop."""
    return Frame("stopped", 0, Tone.STOPPED, (Row(Role.TITLE, Phrase.STOPPED.say(language)),))


class _Screen:
    def __init__(self, view: View, around: Surroundings) -> None:
        self._view = view
        self._around = around
        self._rows: list[Row] = []

    def frame(self) -> Frame:
        view, around = self._view, self._around
        tone, title = _TITLES[view.screen]
        if isinstance(view.result, Declined) and view.screen is State.INQUIRY_SHOWN:
            tone, title = Tone.BAD, Phrase.REFUSED
        if view.screen in _PORT_TURNED and around.port_seconds:
            title = Phrase.PORT_OPENED
        self._add(Role.TITLE, title.say(around.language, shift=around.shift_number))
        if view.reader_lost:
            tone = Tone.STOPPED
            self._say(Phrase.READER_LOST)
        if around.alarm:
            self._add(Role.MESSAGE, around.alarm)
        if around.port_seconds:
            self._say(Phrase.PORT_OPEN, minutes=-int(-around.port_seconds // _MINUTE))
        if around.keypad_lost:
            self._say(Phrase.KEYPAD_LOST)
        if around.room_level in _LEVELS and view.block is not Block.JOURNAL_FULL:
            self._say(_LEVELS[around.room_level])
        self._body()
        self._status()
        return Frame(view.state.value, view.results, tone, tuple(self._rows))

    def _body(self) -> None:
        view = self._view
        match view.screen:
            case State.SIGNED_OFF:
                self._say(Phrase.TAP_STAFF_CARD)
                if self._around.shift_number:
                    self._say(Phrase.TOTALS, shift=self._around.shift_number)
                    self._totals()
            case State.WELCOME:
                shop = self._around.shop
                self._say(Phrase.SHIFT_OPENED, shift=shop.shift, day=day_date(shop.business_day).isoformat())
            case State.READY:
                self._films()
            case State.EARLY_CARD:
                self._films()
            case State.FILM_CHOSEN | State.TICKETS_CHOSEN:
                self._order()
                self._say(Phrase.CHOOSE_TICKETS if view.screen is State.FILM_CHOSEN else Phrase.PRESS_OK)
            case State.ARMED:
                self._order()
            case State.TOTALS:
                self._totals()
            case State.STATUS | State.STATUS_SIGNED_OFF:
                for line in status_lines(self._around.standing, self._around.language):
                    self._add(Role.MESSAGE, line)
                if view.screen is State.STATUS:
                    self._say(Phrase.TAP_AUTHORISATION)
            case State.CLOSING:
                self._totals()
                self._say(Phrase.CONFIRM_CLOSING)
            case State.OUT_OF_SERVICE:
                if view.block is not None:
                    self._say(_BLOCKS[view.block])
            case State.BROKEN:
                self._say(Phrase.BROKEN_CURE)
            case State.INQUIRY:
                self._say(Phrase.TAP_CARD)
            case State.PORT_TURNED | State.PORT_TURNED_SIGNED_OFF:
                if self._around.port_seconds:
                    self._say(Phrase.PORT_CONNECT)
            case State.RESTING | State.DROPPED:
                pass
            case _:
                self._result()

    def _result(self) -> None:
        view = self._view
        match view.result:
            case Paid() as paid:
                self._add(Role.AMOUNT, yuan(paid.amount))
                self._say(Phrase.BALANCE, Role.BALANCE, balance=yuan(paid.balance))
                if view.screen is State.ALREADY_PAID:
                    self._say(Phrase.TAKE_CARD, Role.REASON)
                else:
                    self._reason(paid)
            case Declined(reason, _, balance):
                refusal = REFUSALS[reason]
                if balance is not None:
                    self._say(Phrase.BALANCE, Role.BALANCE, balance=yuan(balance))
                self._add(Role.REASON, refusal.what.say(self._around.language))
                self._add(Role.MESSAGE, refusal.cure.say(self._around.language))
                if view.screen is State.DOUBT_REFUSED:
                    self._doubt()
            case InDoubt(_, amount):
                self._add(Role.AMOUNT, yuan(amount))
                self._doubt()
            case Abandoned(_, amount):
                self._add(Role.AMOUNT, yuan(amount))
                self._say(Phrase.NO_GOODS)
            case Shown() as shown:
                self._add(Role.AMOUNT, yuan(shown.balance))
                self._say(Phrase.CARD, number=card_number_text(shown.card_number))
                self._add(Role.MESSAGE, CARD_KINDS[shown.kind].say(self._around.language))
                if shown.loaded:
                    self._say(Phrase.LOADED)
            case _:
                pass
        if view.instead:
            self._say(Phrase.FIRST_ABANDONED)

    def _doubt(self) -> None:
        self._say(Phrase.SAME_CARD)
        self._say(Phrase.CANCEL_DOUBT, seconds=-(-self._view.doubt_seconds // 10) * 10)

    def _reason(self, paid: Paid) -> None:
        """Why the price is what it is; a re-tap knows its amount and no more."""
        quote = paid.quote
        if quote is None:
            return
        if quote.price != paid.amount:
            self._say(Phrase.FREE)
            return
        if quote.reason is not Reason.LIST:
            percent = f"{quote.per_mille / 10:g}"
            self._add(Role.MESSAGE, PRICE_REASONS[quote.reason].say(self._around.language, percent=percent))
        if quote.price != quote.list_price:
            self._say(Phrase.WAS, price=yuan(quote.list_price))

    def _films(self) -> None:
        tariff = self._around.tariff
        if self._view.unknown_film is not None:
            self._say(Phrase.NO_SUCH_FILM, digit=self._view.unknown_film)
        if tariff is None:
            self._say(Phrase.NO_TARIFF)
            return
        self._say(Phrase.CHOOSE_FILM)
        for film in sorted(tariff.films.values(), key=lambda film: film.id):
            self._say(Phrase.FILM, key=film.id, name=film.name, price=yuan(film.list_price))

    def _order(self) -> None:
        if self._around.sale.mode is SaleMode.FIXED:
            self._add(Role.AMOUNT, yuan(self._around.sale.fixed_amount))
            return
        film, tickets = self._film(), max(1, self._view.basket.tickets)
        if film is not None:
            self._add(Role.AMOUNT, yuan(film.list_price * tickets))
            self._say(Phrase.TICKETS, name=film.name, tickets=tickets)

    def _film(self) -> FilmClass | None:
        tariff = self._around.tariff
        return tariff.films.get(self._view.basket.film_class) if tariff else None

    def _totals(self) -> None:
        totals = self._around.totals
        self._say(Phrase.TOTAL_PAID, count=totals.paid_count, amount=yuan(totals.paid_fen))
        self._say(Phrase.TOTAL_ABANDONED, count=totals.abandoned_count, amount=yuan(totals.abandoned_fen))
        self._say(Phrase.TOTAL_DECLINED, count=totals.declined_count)

    def _status(self) -> None:
        """Two lines, always there: the line and what waits for it; what this terminal knows and has room for."""
        around, language = self._around, self._around.language
        first = [(Phrase.STATUS_ONLINE if around.online else Phrase.STATUS_OFFLINE).say(language)]
        first.append(Phrase.STATUS_QUEUE.say(language, count=around.queue))
        if around.oldest_age is not None:
            first.append(Phrase.STATUS_OLDEST.say(language, age=age_text(around.oldest_age, language)))
        if around.upload_soon:
            first.append(Phrase.STATUS_WARN.say(language))
        if around.hotlist_age is None:
            second = [Phrase.STATUS_NO_HOTLIST.say(language)]
        else:
            second = [Phrase.STATUS_HOTLIST.say(language, age=age_text(around.hotlist_age, language))]
        second.append(Phrase.STATUS_ROOM.say(language, percent=around.room_percent))
        if around.standing.divisor > 1:
            second.append(Phrase.STATUS_LOWERED.say(language))
        if not around.clock_trusted:
            second.append(Phrase.STATUS_CLOCK.say(language))
        if around.tables_lacking:
            second.append(Phrase.STATUS_TABLES_LACKING.say(language))
        if around.standing.refused_files:
            second.append(Phrase.STATUS_REFUSED_FILE.say(language, name=around.standing.refused_files[0]))
        self._add(Role.STATUS, " · ".join(first))
        self._add(Role.STATUS, " · ".join(second))

    def _say(self, phrase: Phrase, role: Role = Role.MESSAGE, **filled: object) -> None:
        self._add(role, phrase.say(self._around.language, **filled))

    def _add(self, role: Role, text: str) -> None:
        self._rows.append(Row(role, text))

"""Every screen a terminal has, as (name, view, surroundings): for the golden texts, and for looking at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from firmware.config import Language, SaleMode, SaleSettings
from firmware.logbook import Shop
from firmware.results import Abandoned, Declined, InDoubt, NoCard, Paid, Shown
from firmware.screens import Surroundings
from firmware.session import State
from firmware.shift import Totals
from firmware.status_page import Standing
from firmware.view import Basket, Block, View
from onecard.clock import Instant
from onecard.downlink import Table
from onecard.identity import CardNumber, DayNumber, card_number
from onecard.journal import Level
from onecard.kinds import CardKind, ClockQuality, DeclineReason
from onecard.money import Fen
from onecard.tariff import FilmClass, Quote, Tariff, Tier, TimeSlot

_UID = bytes.fromhex("d610b626")
_FILMS = {
    1: FilmClass(1, "普通片", Fen(5000), Fen(3000)),
    2: FilmClass(2, "大片", Fen(8000), Fen(6000)),
    3: FilmClass(3, "3D片", Fen(9000), Fen(6000)),
    4: FilmClass(4, "点映", Fen(12000), Fen(9000)),
}
_TARIFF = Tariff(3, 0, 500, 1000, {1: Tier(1, "银卡")}, _FILMS, (TimeSlot(1, "全天", 127, 0, 1440),), {(1, 1, 1): 700})
_MIDDAY = Instant(1_795_060_800, ClockQuality.TRUSTED)
_FIXED = SaleSettings(SaleMode.FIXED, Fen(1000), 0, 2)

_STANDING = Standing(
    terminal=7,
    software="0.1.0",
    versions={Table.TARIFF: 3, Table.HOTLIST: 9, Table.CERTIFICATES: 112},
    contact_age=40,
    error="",
    refused_files=(),
    sync_asked=False,
    divisor=1,
)

_VIEW = View(
    state=State.READY,
    screen=State.READY,
    results=3,
    result=NoCard(),
    basket=Basket(),
    unknown_film=None,
    instead=False,
    block=None,
    reader_lost=False,
    doubt_seconds=0,
)


def surroundings(language: Language) -> Surroundings:
    """An ordinary afternoon."""
    return Surroundings(
        language=language,
        sale=SaleSettings(SaleMode.SHOW, Fen(0), 0, 0),
        tariff=_TARIFF,
        shop=Shop(12, DayNumber(9824), CardNumber(18)),
        shift_number=12,
        totals=Totals(41, 205_500, 1, 3500, 6),
        queue=12,
        oldest_age=3 * 3600,
        hotlist_age=9 * 86_400,
        room_percent=97,
        room_level=Level.FREE,
        online=True,
        upload_soon=False,
        clock_trusted=True,
        keypad_lost=False,
        tables_lacking=False,
        alarm="",
        port_seconds=0.0,
        standing=_STANDING,
    )


def _paid(quote: Quote | None, amount: int) -> Paid:
    return Paid(77, card_number(5), _UID, Fen(amount), Fen(12_850), quote)


def scenes(language: Language) -> Iterator[tuple[str, View, Surroundings]]:
    """Each screen once, and each reason once."""
    plain = surroundings(language)

    def view(state: State, **changes: object) -> View:
        return replace(_VIEW, state=state, screen=state, **changes)  # type: ignore[arg-type]

    discount = _TARIFF.quote(1, 1, 2, _MIDDAY)
    clock = _TARIFF.quote(1, 1, 1, Instant(_MIDDAY.at, ClockQuality.UNKNOWN))
    assert discount is not None
    assert clock is not None
    floor = replace(_TARIFF, discounts={(1, 2, 1): 500}).quote(1, 2, 1, _MIDDAY)
    assert floor is not None
    refused = replace(_STANDING, refused_files=("hotlist", "tariff"))
    away = replace(_STANDING, contact_age=3 * 86_400, error="https://onecard.example.cn cannot be reached")
    new = replace(_STANDING, versions={}, contact_age=None, sync_asked=True)
    order = Basket(1, 2)
    staff = Shown(_UID, card_number(1), CardKind.CASHIER, 0, Fen(0), loaded=False)
    patron = Shown(_UID, card_number(5), CardKind.STORED_VALUE, 1, Fen(15_000), loaded=True)
    yield "signed off, first start", view(State.SIGNED_OFF), replace(plain, shift_number=0, tariff=None, online=False)
    yield "signed off", view(State.SIGNED_OFF), plain
    yield "sign-on refused", view(State.SIGN_ON_REFUSED, result=Declined(DeclineReason.WRONG_KIND, _UID)), plain
    yield "welcome", view(State.WELCOME, result=staff), plain
    yield "ready", view(State.READY), plain
    yield "ready, unknown film class", view(State.READY, unknown_film=9), plain
    yield "ready, no tariff", view(State.READY), replace(plain, tariff=None)
    yield "early card", view(State.EARLY_CARD), plain
    yield "film chosen", view(State.FILM_CHOSEN, basket=Basket(1)), plain
    yield "tickets chosen", view(State.TICKETS_CHOSEN, basket=order), plain
    yield "armed", view(State.ARMED, basket=order), plain
    yield "armed, fixed amount", view(State.ARMED), replace(plain, sale=_FIXED)
    yield "resting", view(State.RESTING), replace(plain, sale=_FIXED)
    yield "paid at list price", view(State.PAID, result=_paid(None, 5000)), plain
    yield "paid at member price", view(State.PAID, result=_paid(discount, discount.price)), plain
    yield "paid at price floor", view(State.PAID, result=_paid(floor, floor.price)), plain
    yield "free entry", view(State.PAID, result=_paid(discount, 0)), plain
    yield (
        "paid, list price by the clock",
        view(State.PAID, result=_paid(clock, 5000)),
        replace(plain, clock_trusted=False),
    )
    yield "paid instead", view(State.PAID, result=_paid(None, 5000), instead=True), plain
    yield "already paid", view(State.ALREADY_PAID, result=_paid(discount, discount.price)), plain
    yield "in doubt", view(State.IN_DOUBT, result=InDoubt(_UID, Fen(7000)), doubt_seconds=97), plain
    moved = Declined(DeclineReason.CARD_BEHIND, _UID)
    yield "doubt refused", view(State.DOUBT_REFUSED, result=moved, doubt_seconds=50), plain
    yield "abandoned", view(State.ABANDONED, result=Abandoned(_UID, Fen(7000))), plain
    yield "dropped", view(State.DROPPED), plain
    for reason in DeclineReason:
        balance = Fen(2000) if reason is DeclineReason.SHORT_OF_MONEY else None
        name = f"refused, {reason.name.lower().replace('_', ' ')}"
        yield name, view(State.REFUSED, result=Declined(reason, _UID, balance)), plain
    yield "inquiry", view(State.INQUIRY), plain
    yield "inquiry shown", view(State.INQUIRY_SHOWN, result=patron), plain
    hot = Declined(DeclineReason.HOTLISTED, _UID)
    yield "inquiry refused", view(State.INQUIRY_SHOWN, result=hot), plain
    yield "totals", view(State.TOTALS), plain
    yield "status", view(State.STATUS), plain
    yield "status, server away", view(State.STATUS), replace(plain, online=False, standing=away)
    yield "limits lowered", view(State.READY), replace(plain, online=False, standing=replace(away, divisor=3))
    yield "status, limits lowered", view(State.STATUS), replace(plain, online=False, standing=replace(away, divisor=10))
    yield "status, files refused", view(State.STATUS), replace(plain, standing=refused)
    yield "status, signed off", view(State.STATUS_SIGNED_OFF), replace(plain, online=False, standing=new)
    yield "closing", view(State.CLOSING), plain
    technician = Shown(_UID, card_number(9), CardKind.AUTHORISATION, 0, Fen(0), loaded=False)
    opened = replace(plain, port_seconds=600.0)
    yield "not authorised", view(State.NOT_AUTHORISED, result=Declined(DeclineReason.WRONG_KIND, _UID)), plain
    yield "port opened", view(State.PORT_TURNED, result=technician), opened
    yield "port closed", view(State.PORT_TURNED, result=technician), plain
    yield "port opened, signed off", view(State.PORT_TURNED_SIGNED_OFF, result=technician), opened
    yield "ready, port open", view(State.READY), replace(plain, port_seconds=61.5)
    for block in Block:
        yield (
            f"out of service, {block.value}",
            view(State.OUT_OF_SERVICE, block=block),
            replace(plain, online=False, upload_soon=True),
        )
    yield "broken", view(State.BROKEN), plain
    yield "reader lost", view(State.SIGNED_OFF, reader_lost=True), plain
    yield "keypad lost", view(State.READY), replace(plain, keypad_lost=True, standing=refused)
    yield "tables not kept", view(State.READY), replace(plain, tables_lacking=True)
    yield (
        "nothing known yet",
        view(State.READY),
        replace(plain, online=False, queue=2, oldest_age=40, hotlist_age=None, room_percent=100),
    )
    for level, percent in ((Level.WARN, 29), (Level.COURIER, 9), (Level.FULL, 0)):
        yield f"room, {level.name}", view(State.READY), replace(plain, room_percent=percent, room_level=level)
    yield "alarm", view(State.SIGNED_OFF), replace(plain, alarm="the server has another record 9: call the centre")

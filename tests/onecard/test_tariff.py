"""The tariff: what a ticket costs and why; one wire form; the same answer on terminal and server."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecard import cbor, tariff
from onecard.clock import Instant
from onecard.kinds import ClockQuality
from onecard.money import Fen
from onecard.tariff import BadTariff, FilmClass, Quote, Reason, Tariff, Tier, TimeSlot, decode, encode, in_force

_WEEKDAYS, _WEEKEND = 0b0011111, 0b1100000
_EVENING = 18 * 60


def _tariff(**changes: Any) -> Tariff:
    plain = Tariff(
        version=3,
        effective_at=1_700_000_000,
        lowest=500,
        highest=1000,
        tiers={1: Tier(1, "银卡"), 2: Tier(2, "金卡")},
        films={1: FilmClass(1, "国产", Fen(6000), Fen(3300)), 4: FilmClass(4, "艺术", Fen(4501), Fen(0))},
        slots=(TimeSlot(1, "日场", _WEEKDAYS, 0, _EVENING), TimeSlot(3, "周末", _WEEKEND, 0, tariff.MINUTES)),
        discounts={(1, 1, 1): 900, (1, 4, 1): 950, (2, 1, 1): 500, (2, 4, 3): 1000},
    )
    return dataclasses.replace(plain, **changes)


def _at(*local: int, quality: ClockQuality = ClockQuality.TRUSTED) -> Instant:
    """A Beijing time; the zone has had no summer time since 1991."""
    utc = datetime(*local, tzinfo=UTC)  # type: ignore[arg-type, misc]
    return Instant(int(utc.timestamp()) - 8 * 3600, quality)


_MONDAY_NOON = _at(2026, 3, 2, 12, 0)


def _quote(tier: int, film_class: int, instant: Instant = _MONDAY_NOON, tickets: int = 1) -> Quote:
    quote = _tariff().quote(tier, film_class, tickets, instant)
    assert quote is not None
    return quote


# Refused tariffs.


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"discounts": {(1, 1, 1): 499}}, "499 is not in 500 … 1000"),
        ({"highest": 900, "discounts": {(1, 1, 1): 901}}, "901 is not in 500 … 900"),
        ({"highest": 1001}, "within 0 … 1000"),
        ({"lowest": -1}, "within 0 … 1000"),
        ({"lowest": 950, "highest": 900, "discounts": {}}, "within 0 … 1000"),
        ({"discounts": {(3, 1, 1): 900}}, "does not have"),
        ({"discounts": {(1, 2, 1): 900}}, "does not have"),
        ({"discounts": {(1, 1, 2): 900}}, "does not have"),
        ({"discounts": {}, "films": {1: FilmClass(1, "国产", Fen(6000), Fen(6001))}}, "floor"),
        ({"discounts": {}, "films": {1: FilmClass(1, "国产", Fen(6000), Fen(-1))}}, "floor"),
        ({"discounts": {}, "films": {1: FilmClass(1, "国产", Fen(1_000_001), Fen(0))}}, "10000.00"),
        ({"discounts": {}, "films": {256: FilmClass(256, "国产", Fen(1), Fen(0))}}, "number 256"),
        ({"discounts": {}, "tiers": {0: Tier(0, "无")}}, "number 0"),
        ({"discounts": {}, "tiers": {2: Tier(1, "银卡")}}, "its own"),
        ({"discounts": {}, "slots": (TimeSlot(0, "无", 1, 0, 1),)}, "number 0"),
        ({"discounts": {}, "slots": (TimeSlot(1, "夜", 1, 60, 60),)}, "no span"),
        ({"discounts": {}, "slots": (TimeSlot(1, "夜", 1, 1380, 120),)}, "no span"),
        ({"discounts": {}, "slots": (TimeSlot(1, "夜", 1, 0, 1441),)}, "no span"),
        ({"discounts": {}, "slots": (TimeSlot(1, "夜", 128, 0, 60),)}, "no span"),
        ({"discounts": {}, "slots": (TimeSlot(1, "夜", 1, 0, 60), TimeSlot(1, "早", 2, 0, 60))}, "one number"),
        ({"version": 0}, "out of range"),
        ({"version": 1 << 32}, "out of range"),
        ({"effective_at": -1}, "out of range"),
    ],
)
def test_a_tariff_that_contradicts_itself_is_refused(changes: dict[str, Any], why: str) -> None:
    """Whoever builds it learns at once, not the terminal at a tap: an INTENT holds these numbers in a byte or four."""
    with pytest.raises(BadTariff, match=why) as refusal:
        _tariff(**changes)
    assert refusal.value.version == changes.get("version", 3)


def _parts() -> list[Any]:
    return cbor.decode_array(encode(_tariff()), cbor.RECORD)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 2),
        (0, "1"),
        (1, "3"),
        (1, 0),
        (2, b""),
        (3, []),
        (4, 1001),
        (5, 7),
        (5, [[1]]),
        (5, [[1, b"x"]]),
        (5, [[1, "a", 0]]),
        (5, [[1, "a"], [1, "b"], [2, "c"]]),
        (5, [[2, "a"], [1, "b"]]),
        (6, [[1, "a", 1]]),
        (6, [[1, "a", 10, 11], [4, "b", 1, 1]]),
        (6, [[4, "a", 1, 1], [1, "b", 1, 1]]),
        (7, [[1, "a", 127, 0]]),
        (7, [[1, "a", 127, 0, 1441], [3, "b", 1, 0, 1]]),
        (8, [[1, 1, 1]]),
        (8, [[1, 1, 1, "900"]]),
        (8, [[1, 1, 1, 900], [1, 1, 1, 950]]),
        (8, [[2, 1, 1, 900], [1, 1, 1, 950]]),
        (8, [[1, 1, 2, 900]]),
    ],
)
def test_a_wire_form_with_an_odd_part_is_refused(place: int, value: Any) -> None:
    parts = _parts()
    parts[place] = value
    with pytest.raises(BadTariff):
        decode(cbor.encode(parts))


def test_a_missing_or_extra_part_is_refused() -> None:
    for parts in (_parts()[:-1], [*_parts(), 0], []):
        with pytest.raises(BadTariff, match="nine parts"):
            decode(cbor.encode(parts))


@pytest.mark.parametrize("raw", [b"", b"\xa0", b"\x80\x00", b"\x98\x00", b"\x00"])
def test_what_is_not_strict_cbor_is_refused(raw: bytes) -> None:
    with pytest.raises(BadTariff):
        decode(raw)


# Quotes.


def test_a_film_class_without_a_price_is_not_quoted() -> None:
    assert _tariff().quote(1, 2, 1, _MONDAY_NOON) is None


@pytest.mark.parametrize("tickets", [0, -1])
def test_at_least_one_ticket_is_quoted(tickets: int) -> None:
    with pytest.raises(AssertionError):
        _tariff().quote(1, 1, tickets, _MONDAY_NOON)


def test_an_untrusted_clock_earns_no_time_slot_discount() -> None:
    quote = _quote(2, 1, dataclasses.replace(_MONDAY_NOON, quality=ClockQuality.UNKNOWN), 2)
    assert (quote.price, quote.reason, quote.time_slot, quote.per_mille) == (12000, Reason.CLOCK, 0, 1000)
    kept = dataclasses.replace(_MONDAY_NOON, quality=ClockQuality.KEPT)
    assert _quote(2, 1, kept).reason is Reason.FLOOR


def test_the_floor_holds_whatever_the_discount() -> None:
    quote = _quote(2, 1, tickets=3)
    assert (quote.price, quote.list_price, quote.per_mille, quote.reason) == (9900, 18000, 500, Reason.FLOOR)


def test_the_discount_is_rounded_for_one_ticket_and_then_multiplied() -> None:
    quote = _quote(1, 4, tickets=3)
    assert quote.price == 3 * 4276  # 4501 × 0.95 = 4275.95
    assert quote.reason is Reason.DISCOUNT


@pytest.mark.parametrize(("tier", "film_class"), [(2, 4), (9, 1), (0, 1)])
def test_without_a_discount_the_list_price_is_asked(tier: int, film_class: int) -> None:
    quote = _quote(tier, film_class)
    assert quote.price == quote.list_price
    assert quote.reason is Reason.LIST


def test_a_discount_of_nothing_is_the_list_price() -> None:
    quote = _quote(2, 4, _at(2026, 3, 7, 12, 0))
    assert (quote.price, quote.reason, quote.time_slot) == (4501, Reason.LIST, 3)


@pytest.mark.parametrize(
    ("instant", "slot"),
    [
        (_at(2026, 3, 2, 0, 0), 1),  # Monday's first minute
        (_at(2026, 3, 2, 17, 59, 59), 1),
        (_at(2026, 3, 2, 18, 0), 0),  # the end does not belong to the slot
        (_at(2026, 3, 6, 17, 0), 1),  # Friday
        (_at(2026, 3, 6, 23, 59), 0),
        (_at(2026, 3, 7, 0, 0), 3),  # Saturday's first minute, in UTC still Friday
        (_at(2026, 3, 8, 23, 59, 59), 3),
        (_at(2026, 3, 9, 0, 0), 1),
    ],
)
def test_slots_are_local_minutes_of_local_weekdays(instant: Instant, slot: int) -> None:
    assert _quote(1, 1, instant).time_slot == slot


def test_the_first_slot_that_covers_counts() -> None:
    both = (TimeSlot(5, "特惠", 127, 600, 900), TimeSlot(1, "日场", 127, 0, _EVENING))
    quote = _tariff(slots=both, discounts={(1, 1, 1): 900}).quote(1, 1, 1, _MONDAY_NOON)
    assert quote is not None
    assert (quote.time_slot, quote.reason) == (5, Reason.LIST)


@given(st.integers(0, 3), st.sampled_from((1, 4)), st.integers(1, 255), st.integers(0, 7 * 24 * 60))
def test_a_price_is_never_below_the_floor_nor_above_the_list_price(
    tier: int, film_class: int, tickets: int, minute: int
) -> None:
    quote = _quote(tier, film_class, Instant(_MONDAY_NOON.at + 60 * minute, ClockQuality.TRUSTED), tickets)
    film = _tariff().films[film_class]
    assert film.floor * tickets <= quote.price <= quote.list_price == film.list_price * tickets < 1 << 32
    assert (quote.tier, quote.film_class, quote.tickets, quote.tariff_version) == (tier, film_class, tickets, 3)


# In force.


def test_a_tariff_comes_into_force_at_its_effective_time() -> None:
    now, next_week = _tariff(version=3, effective_at=100), _tariff(version=4, effective_at=200)
    assert in_force([next_week, now], 99) is None
    assert in_force([next_week, now], 100) is now
    assert in_force([now, next_week], 199) is now
    assert in_force([next_week, now], 200) is next_week
    assert in_force([], 200) is None


def test_the_highest_version_counts_not_the_latest_time() -> None:
    """A correction replaces a tariff that came into force after it was drawn up."""
    corrected, later = _tariff(version=5, effective_at=100), _tariff(version=4, effective_at=200)
    assert in_force([later, corrected], 300) is corrected


# The wire.


def test_the_same_quote_after_a_round_trip() -> None:
    there = decode(encode(_tariff()))
    assert there == _tariff()
    assert encode(there) == encode(_tariff())
    for minute in range(0, 7 * 24 * 60, 30):
        instant = Instant(_MONDAY_NOON.at + 60 * minute, ClockQuality.TRUSTED)
        for tier in (0, 1, 2):
            for film_class in (1, 2, 4):
                assert there.quote(tier, film_class, 2, instant) == _tariff().quote(tier, film_class, 2, instant)


def test_the_order_of_tables_in_memory_does_not_show_on_the_wire() -> None:
    plain = _tariff()
    backwards = _tariff(
        tiers=dict(reversed(plain.tiers.items())),
        films=dict(reversed(plain.films.items())),
        discounts=dict(reversed(plain.discounts.items())),
    )
    assert encode(backwards) == encode(plain)

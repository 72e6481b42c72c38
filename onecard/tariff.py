"""The tariff: tier × film class × time slot → a quote with its reason. The same code prices and re-prices.

A tariff version has a discount range of its own (per-mille of the list price; the cinema's is 500 … 1000, 5折 to full),
and comes into force at its effective time. The price of one ticket is the list price scaled by the per-mille, half a
fen up, never below the film class's price floor and never above the list price; several tickets are that many times
one. An untrusted clock earns no time-slot discount: the list price is asked, and the reason says so.

Wire form: strict CBOR `[1, version, effective_at, lowest, highest, tiers, films, slots, discounts]` with
tiers `[id, name]…`, films `[id, name, list price, floor]…`, slots `[id, name, weekdays, from, to]…` and discounts
`[tier, film, slot, per-mille]…`; tiers, films and discounts in the order of their numbers, slots in the order in which
they are tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from itertools import pairwise
from typing import TypeVar

from onecard import cbor
from onecard.clock import Instant
from onecard.errors import OnecardError
from onecard.kinds import ClockQuality
from onecard.money import Fen, scale, yuan

FULL = 1000
MINUTES = 24 * 60
ID_MAX = 255
"""Tiers, film classes and slots are one byte of an INTENT; 0 there means none."""
PRICE_MAX = Fen(1_000_000)
"""A ticket costs at most this, so that 255 of them fit an INTENT and a purse."""
_SCHEMA = 1
_Key = TypeVar("_Key", int, tuple[int, int, int])
_Row = TypeVar("_Row")
_LIMITS = cbor.Limits(size=1 << 20, items=20_000, depth=4)


class BadTariff(OnecardError):
    """A tariff that contradicts itself or cannot be read."""

    def __init__(self, version: int | None, why: str) -> None:
        self.version = version
        self.why = why
        super().__init__(f"tariff {'?' if version is None else version}: {why}")


@dataclass(frozen=True, slots=True)
class Tier:
    """A member level."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class FilmClass:
    """A class of films with its list price and the lowest price it may be sold at, in fen a ticket."""

    id: int
    name: str
    list_price: Fen
    floor: Fen


@dataclass(frozen=True, slots=True)
class TimeSlot:
    """A span of local minutes [start, end) on the weekdays of a mask (bit 0 Monday … bit 6 Sunday)."""

    id: int
    name: str
    weekdays: int
    start: int
    end: int

    def covers(self, weekday: int, minute: int) -> bool:
        """Whether the slot holds local `minute` of `weekday` (0 Monday)."""
        return bool(self.weekdays >> weekday & 1) and self.start <= minute < self.end


@unique
class Reason(Enum):
    """Why a quote is what it is."""

    LIST = "list price"
    DISCOUNT = "member discount"
    FLOOR = "price floor"
    CLOCK = "list price: the clock is not trusted"


@dataclass(frozen=True, slots=True)
class Quote:
    """A price and why. `price` and `list_price` are for all `tickets`; `time_slot` 0 means none applied."""

    price: Fen
    list_price: Fen
    per_mille: int
    reason: Reason
    tier: int
    film_class: int
    time_slot: int
    tickets: int
    tariff_version: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of the price table. Building an inconsistent one raises `BadTariff`."""

    version: int
    effective_at: int
    lowest: int
    highest: int
    tiers: Mapping[int, Tier]
    films: Mapping[int, FilmClass]
    slots: tuple[TimeSlot, ...]
    discounts: Mapping[tuple[int, int, int], int]

    def __post_init__(self) -> None:
        if not 0 < self.version < 1 << 32 or not 0 <= self.effective_at < 1 << 37:
            raise BadTariff(self.version, "its version or effective time is out of range")
        if not 0 <= self.lowest <= self.highest <= FULL:
            raise BadTariff(self.version, f"its range {self.lowest} … {self.highest} is not within 0 … {FULL}")
        slots = {slot.id: slot for slot in self.slots}
        if len(slots) != len(self.slots):
            raise BadTariff(self.version, "two time slots have one number")
        numbered: list[tuple[int, Tier | FilmClass | TimeSlot]] = [
            *self.tiers.items(),
            *self.films.items(),
            *slots.items(),
        ]
        for number, row in numbered:
            if not 1 <= row.id == number <= ID_MAX:
                raise BadTariff(self.version, f"{row.name!r} has number {row.id}, not 1 … {ID_MAX} or not its own")
        for film in self.films.values():
            if not 0 <= film.floor <= film.list_price <= PRICE_MAX:
                raise BadTariff(self.version, f"film class {film.name!r}: floor ≤ list price ≤ {yuan(PRICE_MAX)} fails")
        for slot in self.slots:
            if not (0 <= slot.start < slot.end <= MINUTES and 0 <= slot.weekdays < 128):
                raise BadTariff(self.version, f"time slot {slot.name!r} is no span of a day's minutes on weekdays")
        for (tier, film_class, slot_id), per_mille in self.discounts.items():
            where = f"discount of tier {tier}, film class {film_class}, slot {slot_id}"
            if not (tier in self.tiers and film_class in self.films and slot_id in slots):
                raise BadTariff(self.version, f"{where}: names something the tariff does not have")
            if not self.lowest <= per_mille <= self.highest:
                raise BadTariff(self.version, f"{where}: {per_mille} is not in {self.lowest} … {self.highest}")

    def slot_at(self, instant: Instant) -> TimeSlot | None:
        """The first slot that holds the instant's local time."""
        local = instant.local()
        minute = local.hour * 60 + local.minute
        return next((slot for slot in self.slots if slot.covers(local.weekday(), minute)), None)

    def quote(self, tier: int, film_class: int, tickets: int, instant: Instant) -> Quote | None:
        """The price of `tickets` (at least 1) for a member of `tier` now; None when the film class is not priced."""
        assert tickets >= 1
        film = self.films.get(film_class)
        if film is None:
            return None
        slot = self.slot_at(instant)
        per_mille = self.discounts.get((tier, film_class, slot.id), FULL) if slot else FULL
        reason = Reason.LIST if per_mille == FULL else Reason.DISCOUNT
        if instant.quality is ClockQuality.UNKNOWN:
            slot, per_mille, reason = None, FULL, Reason.CLOCK
        price = scale(film.list_price, per_mille)
        if price < film.floor:
            price, reason = film.floor, Reason.FLOOR
        return Quote(
            price=Fen(price * tickets),
            list_price=Fen(film.list_price * tickets),
            per_mille=per_mille,
            reason=reason,
            tier=tier,
            film_class=film_class,
            time_slot=slot.id if slot else 0,
            tickets=tickets,
            tariff_version=self.version,
        )


def in_force(tariffs: Iterable[Tariff], at: int) -> Tariff | None:
    """Of the tariffs effective at or before `at`, the one with the highest version."""
    return max((t for t in tariffs if t.effective_at <= at), key=lambda t: t.version, default=None)


def encode(tariff: Tariff) -> bytes:
    """The wire form."""
    return cbor.encode(
        [
            _SCHEMA,
            tariff.version,
            tariff.effective_at,
            tariff.lowest,
            tariff.highest,
            [[tier.id, tier.name] for _, tier in sorted(tariff.tiers.items())],
            [[film.id, film.name, film.list_price, film.floor] for _, film in sorted(tariff.films.items())],
            [[slot.id, slot.name, slot.weekdays, slot.start, slot.end] for slot in tariff.slots],
            [[*key, per_mille] for key, per_mille in sorted(tariff.discounts.items())],
        ]
    )


def decode(raw: bytes) -> Tariff:
    """The tariff of a wire form. Raises `BadTariff` for anything else."""
    try:
        match cbor.decode_array(raw, _LIMITS):
            case [
                1,
                int(version),
                int(effective_at),
                int(low),
                int(high),
                list(tiers),
                list(films),
                list(slots),
                list(rows),
            ]:
                return Tariff(
                    version=version,
                    effective_at=effective_at,
                    lowest=low,
                    highest=high,
                    tiers=_unique(version, ((tier.id, tier) for tier in map(_tier, tiers))),
                    films=_unique(version, ((film.id, film) for film in map(_film, films))),
                    slots=tuple(map(_slot, slots)),
                    discounts=_unique(version, map(_discount, rows)),
                )
            case _:
                raise BadTariff(None, "it does not have the nine parts of schema 1")
    except cbor.BadCbor as error:
        raise BadTariff(None, str(error)) from error


def _unique(version: int, rows: Iterable[tuple[_Key, _Row]]) -> dict[_Key, _Row]:
    """Rows in their order by key, which rises: one tariff has one wire form."""
    pairs = list(rows)
    if any(before >= after for (before, _), (after, _) in pairwise(pairs)):
        raise BadTariff(version, "rows are not in the order of their numbers, or one comes twice")
    return dict(pairs)


def _tier(row: cbor.Value) -> Tier:
    match row:
        case [int(number), str(name)]:
            return Tier(number, name)
    raise BadTariff(None, f"tier {row!r} is not [id, name]")


def _film(row: cbor.Value) -> FilmClass:
    match row:
        case [int(number), str(name), int(price), int(floor)]:
            return FilmClass(number, name, Fen(price), Fen(floor))
    raise BadTariff(None, f"film class {row!r} is not [id, name, list price, floor]")


def _slot(row: cbor.Value) -> TimeSlot:
    match row:
        case [int(number), str(name), int(days), int(start), int(end)]:
            return TimeSlot(number, name, days, start, end)
    raise BadTariff(None, f"time slot {row!r} is not [id, name, weekdays, from, to]")


def _discount(row: cbor.Value) -> tuple[tuple[int, int, int], int]:
    match row:
        case [int(tier), int(film), int(slot), int(per_mille)]:
            return (tier, film, slot), per_mille
    raise BadTariff(None, f"discount {row!r} is not [tier, film class, slot, per-mille]")

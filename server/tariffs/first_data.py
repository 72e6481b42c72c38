"""The first tariff: five tiers, four film classes, weekday and weekend slots, 5折 to full price."""

from __future__ import annotations

from onecard.money import Fen
from onecard.tariff import FULL, MINUTES, FilmClass, Tariff, Tier, TimeSlot

_WEEKDAYS, _WEEKEND = 0b0011111, 0b1100000
_EVENING = 18 * 60
_TIERS = ("普通卡", "银卡", "金卡", "白金卡", "钻石卡")
_SLOTS = (
    TimeSlot(1, "平日日场", _WEEKDAYS, 0, _EVENING),
    TimeSlot(2, "平日晚场", _WEEKDAYS, _EVENING, MINUTES),
    TimeSlot(3, "周末", _WEEKEND, 0, MINUTES),
)
_FILMS = (
    FilmClass(1, "国产影片", Fen(6000), Fen(3000)),
    FilmClass(2, "进口影片", Fen(8000), Fen(4000)),
    FilmClass(3, "巨幕立体", Fen(12000), Fen(7000)),
    FilmClass(4, "艺术影片", Fen(5000), Fen(2000)),
)
_PER_MILLE = {1: (900, 800, 700, 600, 500), 2: (950, 900, 850, 800, 700), 3: (1000, 950, 900, 850, 800)}
_GIANT_SCREEN, _GIANT_SCREEN_MORE = 3, 100


def first_tariff() -> Tariff:
    """Version 1, in force from 2020-01-01 00:00 UTC."""
    return Tariff(
        version=1,
        effective_at=1_577_836_800,
        lowest=500,
        highest=FULL,
        tiers={number: Tier(number, name) for number, name in enumerate(_TIERS, start=1)},
        films={film.id: film for film in _FILMS},
        slots=_SLOTS,
        discounts={
            (tier, film.id, slot): min(FULL, per_mille + (_GIANT_SCREEN_MORE if film.id == _GIANT_SCREEN else 0))
            for slot, row in _PER_MILLE.items()
            for tier, per_mille in enumerate(row, start=1)
            for film in _FILMS
        },
    )

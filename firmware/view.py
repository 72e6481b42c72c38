"""What the screen is about: the till's side of it, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import TypeAlias

from firmware.results import TapResult
from firmware.session import State


@unique
class Block(Enum):
    """Why the terminal sells nothing for now."""

    UNSENT_MONEY = "unsent money"
    UNSENT_TIME = "unsent time"
    JOURNAL_FULL = "journal full"


@dataclass(frozen=True, slots=True)
class Basket:
    """What is being sold: a film class and tickets; zeros before they are keyed."""

    film_class: int = 0
    tickets: int = 0


Result: TypeAlias = TapResult


@dataclass(frozen=True, slots=True)
class View:
    """What the screen is about. `screen` is `state`, or the result state that still lingers."""

    state: State
    screen: State
    results: int
    result: Result
    basket: Basket
    unknown_film: int | None
    instead: bool  # the sale of a card before this one was given up for it
    block: Block | None
    reader_lost: bool
    doubt_seconds: int

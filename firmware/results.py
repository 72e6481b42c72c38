"""What one presentation of a card came to. Expected outcomes are values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from onecard.identity import CardNumber
from onecard.kinds import CardKind, DeclineReason
from onecard.money import Fen
from onecard.tariff import Quote


@dataclass(frozen=True, slots=True)
class NoCard:
    """Nothing lies on the reader."""


@dataclass(frozen=True, slots=True)
class Paid:
    """The debit stands and is journaled: goods may be given."""

    sequence: int
    card_number: CardNumber
    uid: bytes
    amount: Fen
    balance: Fen
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class Declined:
    """Refused; nothing was charged. `balance` when it is known."""

    reason: DeclineReason
    uid: bytes = b""
    balance: Fen | None = None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It is not known whether the card was debited: the same card again, please."""

    uid: bytes
    amount: Fen


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The open sale is over without goods; should its debit stand, the server refunds it."""

    uid: bytes
    amount: Fen


@dataclass(frozen=True, slots=True)
class Shown:
    """A card that was looked at: who it is and what it holds."""

    uid: bytes
    card_number: CardNumber
    kind: CardKind
    tier: int
    balance: Fen
    loaded: bool  # a newer certificate was put on it just now


TapResult: TypeAlias = NoCard | Paid | Declined | InDoubt | Abandoned | Shown

"""The world as a value: one card and the terminals that may see it. Restoring a state is using the value again.

A terminal is what its journal holds, how much of it is durable, and what it learned that no journal tells: certificates
read off cards, and the L seen in force. `dark`: it has no power; its next use begins with a start. `delivered` are the
certificates in its inbox, which a start finds again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import NamedTuple

from hardware.sam.software import SoftwareSam
from onecard.kinds import Outcome
from onecard.purse import certificate as certificates
from onecard.purse.certificate import Certificate
from onecard.records import Intent, OutcomeRecord, Record, RecordKind, decode_record
from tests.tears.journal import Entry
from tools.bench.till import Issuer

ISSUER = Issuer()
SAM = SoftwareSam(ISSUER.terminal_keys)
UID = bytes.fromhex("04782e21801d80")
LOADED = 50_000
PRICE = 1000
GENESIS_COUNTER = 2
"""Of the last record that the desk wrote."""
_MONEY = (RecordKind.INTENT, RecordKind.OUTCOME)


class Terminal(NamedTuple):
    """One terminal, between two uses."""

    number: int
    entries: tuple[Entry, ...] = ()
    durable: int = 0
    dark: bool = True
    learned: frozenset[bytes] = frozenset()
    on_card: int = 1
    delivered: tuple[bytes, ...] = ()

    def records(self) -> Iterable[tuple[int, Record]]:
        """(sequence, record), oldest first, durable or not."""
        return ((place, decoded(entry)) for place, entry in enumerate(self.entries, 1))

    @property
    def money(self) -> Hashable:
        """What of it decides about money."""
        told = tuple((at, entry) for at, entry in enumerate(self.entries, 1) if entry.kind in _MONEY)
        kept = sum(at <= self.durable for at, _ in told)
        return self.number, told, kept, self.dark, self.learned, self.on_card, self.delivered


class Word(NamedTuple):
    """What a patron was told at a terminal about the sale with this intent."""

    terminal: int
    sequence: int
    outcome: Outcome


class World(NamedTuple):
    """A state. `told` is what was ever shown; `certificates` all that the issuer made for the card, oldest first;
    `cash` what was paid for them."""

    card: Hashable
    terminals: tuple[Terminal, ...]
    told: frozenset[Word]
    certificates: tuple[bytes, ...]
    cash: int
    weak_tears: int = 0
    """Cuts so far that may have left weak cells: three of them may cost the card its ring (docs/purse.md, (e))."""

    def with_terminal(self, place: int, terminal: Terminal) -> World:
        """The world with one terminal replaced."""
        return self._replace(terminals=(*self.terminals[:place], terminal, *self.terminals[place + 1 :]))

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for states that are one: card with its weak bits, journals' money, what was shown."""
        return self.card, tuple(terminal.money for terminal in self.terminals), self.told, self.certificates


@lru_cache(maxsize=1 << 14)
def decoded(entry: Entry) -> Record:
    """The record of an entry."""
    return decode_record(entry.kind, entry.payload)


@lru_cache(maxsize=1 << 10)
def stated(image: bytes) -> Certificate:
    """The certificate of 96 bytes that the issuer made."""
    return certificates.verified(image, ISSUER.terminal_keys)


def outcomes(terminal: Terminal, *, durable: bool) -> dict[int, list[Outcome]]:
    """The final words on each intent, in order; those that are durable, or all."""
    found: dict[int, list[Outcome]] = {}
    for sequence, record in terminal.records():
        if isinstance(record, OutcomeRecord) and (sequence <= terminal.durable or not durable):
            found.setdefault(record.intent, []).append(Outcome(record.outcome))
    return found


def intents(terminal: Terminal) -> dict[int, Intent]:
    """The durable intents by sequence."""
    return {
        sequence: record
        for sequence, record in terminal.records()
        if isinstance(record, Intent) and sequence <= terminal.durable
    }

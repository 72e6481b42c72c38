"""Cases for people: what each terminal lacks, what cards say of it, and what it sent that is not believed.

A ring record tells the low byte of its intent's sequence and no more, so a debit that only cards tell of is put to a
missing range when that byte fits no other one; it may also have come after the last record here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count

from onecard.purse.record import sequence_byte
from server.ingest.models import Quarantined
from server.ingest.ranges import Range
from server.ledger.accounts import FLOAT
from server.ledger.models import LostTerminal, SeenDebit
from server.pages.missing import Missing, missing
from server.sites.models import Terminal


@dataclass(frozen=True, slots=True)
class CardsSay:
    """How many taps only cards tell of, and their fen."""

    count: int = 0
    fen: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """What cards tell of one terminal: by missing range, what fits several of them, what came after the last record."""

    ranges: tuple[CardsSay, ...]
    several: CardsSay
    later: CardsSay


@dataclass(frozen=True, slots=True)
class Lack:
    """A missing range and what cards say of it."""

    part: Missing
    cards: CardsSay


@dataclass(frozen=True, slots=True)
class Case:
    """One terminal that somebody must look at. `apart` is by reason: how many of its records are in quarantine."""

    terminal: Terminal
    lacks: list[Lack]
    several: CardsSay
    later: CardsSay
    apart: list[tuple[str, int]]
    lost: LostTerminal | None


def cases() -> list[Case]:
    """Every terminal that lacks records, of which only cards tell something, or that sent what is not believed."""
    lacking = missing()
    seen: dict[int, list[tuple[int, int]]] = defaultdict(list)
    rows = SeenDebit.objects.exclude(account=FLOAT).order_by("pk")
    for number, byte, amount in rows.values_list("terminal_id", "sequence_byte", "amount"):
        seen[number].append((byte, amount))
    apart: dict[int, list[tuple[str, int]]] = defaultdict(list)
    counted = Quarantined.objects.values_list("terminal_id", "reason").annotate(count=Count("pk"))
    for number, reason, count in counted.order_by("terminal_id", "reason"):
        apart[number].append((str(Quarantined.Reason(reason).label), count))
    lost = {row.terminal_id: row for row in LostTerminal.objects.all()}
    numbers = {*lacking, *seen, *apart}
    found = []
    for terminal in Terminal.objects.filter(number__in=numbers).select_related("site").order_by("number"):
        parts = lacking.get(terminal.number, [])
        told = sort_out([(part.first, part.last) for part in parts], seen[terminal.number])
        lacks = [Lack(part, cards) for part, cards in zip(parts, told.ranges, strict=True)]
        found.append(Case(terminal, lacks, told.several, told.later, apart[terminal.number], lost.get(terminal.number)))
    return found


def sort_out(ranges: Sequence[Range], debits: Iterable[tuple[int, int]]) -> Told:
    """Put debits, (low byte of the sequence, fen), to the missing ranges. Pure."""
    counts: Counter[int] = Counter()
    amounts: Counter[int] = Counter()
    several, later = len(ranges), len(ranges) + 1
    for byte, fen in debits:
        fitting = [at for at, (first, last) in enumerate(ranges) if has_byte(first, last, byte)]
        where = later if not fitting else fitting[0] if len(fitting) == 1 else several
        counts[where] += 1
        amounts[where] += fen
    say = [CardsSay(counts[at], amounts[at]) for at in range(later + 1)]
    return Told(tuple(say[:several]), say[several], say[later])


def has_byte(first: int, last: int, byte: int) -> bool:
    """Whether a sequence from `first` to `last` has this low byte."""
    return sequence_byte(byte - first) <= last - first

"""The explorer's world: one debit ring as physics leaves it, and the journals of its terminals.

Physics of one 16-byte block write (docs/purse.md, assumptions): not begun | old content left weak | garbage | new
content weak, no ack | new content stable, no ack | new content stable, ack. A weak block reads as its content or as
garbage, freshly at every presentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from itertools import product
from typing import NamedTuple, TypeAlias

from onecard.kinds import Outcome
from onecard.purse.plan import Write
from onecard.purse.record import DebitRecord, LoadReference
from onecard.purse.resolution import Evidence, Resolution, resolve
from onecard.purse.ring import SLOTS, Ring

PRICE = 1
DESK = 900
NOBODY = -1
"""Garbage in a block; no sale that an intent pays."""
REFERENCE = LoadReference.of(0, 1)
GENESIS = tuple(DebitRecord(counter, REFERENCE, 0, DESK, 0) for counter in range(SLOTS))
ACKNOWLEDGED = (Outcome.PAID, Outcome.ACKED)


class Mutation(Enum):
    """A rule switched off, or a tempting shortcut put in its place; the hole of docs/purse.md it opens."""

    COMMIT_ON_READ = auto()  # H1: paid when the record reads back though no ack came
    PAID_ON_SEEN = auto()  # H2: a re-tap that sees the own record pays without writing
    VOID_ON_READ = auto()  # H3: a re-tap that sees the base calls the sale void, for ever
    REFUND_ON_READ = auto()  # H4: the server refunds an abandoned debit that somebody read
    REFRESH = auto()  # H5: a re-tap rewrites the newest record in place, whoever wrote it
    REFUND_OPEN = auto()  # H6: the server refunds a durable sale still in doubt
    WRITE_FIRST = auto()  # H7: the card is written before the journal
    NO_SCRUB = auto()  # H8: unreadable blocks are left as they are before an append
    NO_RETAP_SCRUB = auto()  # H9: and before a re-tap's own rewrite
    NO_NONCE = auto()  # H10: sequences are not burned
    REWRITE_THE_LAST = auto()  # H11: a re-tap writes over the only readable record
    BASE_BEHIND = auto()  # I7: a re-tap holds the base against what is known to stand on the own record


@dataclass(frozen=True, slots=True)
class Scope:
    """How far to search."""

    intents: int
    terminals: int = 2
    weak_cells: bool = True
    mutation: Mutation | None = None


class Block(NamedTuple):
    """One ring block: which record (index into the history, or garbage), and whether it reads reliably."""

    record: int
    weak: bool


class Told(NamedTuple):
    """One journaled intent. `base` and `seen` are indices of records; `sale` is the intent a seal pays, or nobody."""

    terminal: int
    sequence: int
    base: int
    seen: tuple[int, ...]
    sale: int
    word: int  # an Outcome, or 0 while there is none


class World(NamedTuple):
    """A state: the card, the journals in one order, and what mutants have granted or lost (bit sets of records)."""

    blocks: tuple[Block, ...]
    intents: tuple[Told, ...]
    refunded: int = 0
    voided: int = 0
    unjournaled: int = 0


View: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What follows from the intents alone. `chain[i]` is the bit set of record i and all it stands on."""

    records: tuple[DebitRecord, ...]
    chain: tuple[int, ...]
    evidence: tuple[Evidence, ...]
    durable: int
    resolution: Resolution


@lru_cache(maxsize=1 << 16)
def history_of(intents: tuple[Told, ...]) -> History:
    records, chain = list(GENESIS), [0b001, 0b011, 0b111]
    evidence: list[Evidence] = []
    durable = chain[-1]
    for told in intents:
        base = records[told.base]
        amount = PRICE if told.sale == NOBODY else 0
        record = DebitRecord(base.counter + 1, REFERENCE, base.debited + amount, told.terminal, told.sequence & 0xFF)
        chain.append(chain[told.base] | 1 << len(records))
        records.append(record)
        if told.word in ACKNOWLEDGED:
            durable |= chain[-1]
        evidence.append(
            Evidence(
                told.sequence,
                record.identity,
                base.identity,
                tuple(records[seen].identity for seen in told.seen),
                amount,
                Outcome(told.word) if told.word else None,
            )
        )
    resolution = resolve(GENESIS[-1].identity, evidence)
    return History(tuple(records), tuple(chain), tuple(evidence), durable, resolution)


def views(blocks: tuple[Block, ...]) -> Iterator[View]:
    """Every reading the card can give now."""
    readings = [(b.record,) if not b.weak or b.record == NOBODY else (b.record, NOBODY) for b in blocks]
    return product(*readings)


def ring_of(history: History, view: View) -> Ring:
    return Ring(tuple(None if record == NOBODY else history.records[record] for record in view))


def newest_of(history: History, view: View) -> int:
    """Index of the newest readable record; nobody when there is none."""
    return max(view, key=lambda record: -1 if record == NOBODY else history.records[record].counter)


def open_sale(intents: tuple[Told, ...], terminal: int) -> int | None:
    for place, told in enumerate(intents, start=SLOTS):
        if told.terminal == terminal and told.sale == NOBODY and not told.word:
            return place
    return None


# Physics.


def put(blocks: tuple[Block, ...], slot: int, block: Block) -> tuple[Block, ...]:
    return (*blocks[:slot], block, *blocks[slot + 1 :])


def blanked(
    scope: Scope, blocks: tuple[Block, ...], slots: tuple[int, ...]
) -> tuple[list[tuple[Block, ...]], tuple[Block, ...]]:
    """The cards that a tear in the blanking leaves, and the one where every blank was acknowledged."""
    torn: list[tuple[Block, ...]] = []
    for slot in slots:
        old = blocks[slot]
        torn.append(blocks)
        if scope.weak_cells and old.record != NOBODY:
            torn.append(put(blocks, slot, Block(old.record, weak=True)))
        blocks = put(blocks, slot, Block(NOBODY, weak=False))
        torn.append(blocks)
    return torn, blocks


def written(
    scope: Scope, blocks: tuple[Block, ...], write: Write, content: int
) -> Iterator[tuple[tuple[Block, ...], bool]]:
    """The cards that one write leaves, each with whether the terminal received the acknowledgement."""
    _, blocks = blanked(scope, blocks, write.blank)
    old = blocks[write.slot]
    yield blocks, False
    if scope.weak_cells and old.record != NOBODY:
        yield put(blocks, write.slot, Block(old.record, weak=True)), False
    yield put(blocks, write.slot, Block(NOBODY, weak=False)), False
    if scope.weak_cells:
        yield put(blocks, write.slot, Block(content, weak=True)), False
    yield put(blocks, write.slot, Block(content, weak=False)), False
    yield put(blocks, write.slot, Block(content, weak=False)), True

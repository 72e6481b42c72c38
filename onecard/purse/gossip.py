"""The ring's gossip: debits that only cards tell of. Pure.

An acknowledged intent vouches for the ring it saw (P-R9), whoever wrote the records in it. One whose own intent is not
here, because its terminal is late or destroyed, is rebuilt from what the ring states: terminal number, low byte of the
intent's sequence, and N; its amount is N less the N of the record it stands on.

Durable records of an honest card form one chain (I2 of docs/purse.md), so the record one counter below is what it
stands on, in whichever ring that was seen. Where two stand at either counter somebody lies, and where none is known too
many went by unseen: then nothing is said of it alone, and it stays in the sum that the head states.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from onecard.purse.record import Identity
from onecard.purse.resolution import Evidence


class CardDebit(NamedTuple):
    """A durable debit without an intent here; `amount` is more than nothing."""

    record: Identity
    amount: int


def card_debits(genesis: Identity, durable: Collection[Identity], evidence: Iterable[Evidence]) -> list[CardDebit]:
    """The debits among a purse's `durable` records that no intent in `evidence` claims, whatever became of it."""
    silent = set(durable).difference(item.record for item in evidence)
    silent = {record for record in silent if record.counter > genesis.counter}
    if not silent:
        return []
    at_counter: dict[int, Identity | None] = {}
    for record in durable:
        at_counter[record.counter] = None if record.counter in at_counter else record
    found = []
    for record in sorted(silent):
        base = at_counter.get(record.counter - 1)
        if base is not None and at_counter[record.counter] is record and record.debited > base.debited:
            found.append(CardDebit(record, record.debited - base.debited))
    return found

"""What the centre holds of one terminal's journal, in memory: the rules of `server.ingest.store`, without SQL.

Which sequences are held and which prefix may be acknowledged is the product's (`server.ingest.ranges.Held`), and so
are bundle, chain tags and records. What lies between them, in the server a transaction on tables, is told here again:
a record is fresh, known, a fork, or part of a chain that does not hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from onecard.bundle import Run
from onecard.journal.frame import chain_tag, first_tag
from onecard.records import BadRecord, Gap, Record, decode_record
from server.ingest.ranges import Held, Range, complement


class Fresh(NamedTuple):
    """A record believed for the first time."""

    sequence: int
    record: Record


class Taken(NamedTuple):
    """What came of a run: what is new and believed, the end of the prefix, and its tag."""

    fresh: list[Fresh]
    received: int
    received_tag: bytes


@dataclass(slots=True)
class ChainStore:
    """One terminal number's records."""

    number: int
    chain_key: bytes
    held: Held = field(default_factory=lambda: Held(0, ()))
    tags: dict[int, bytes] = field(default_factory=dict)
    apart: dict[int, set[bytes]] = field(default_factory=dict)
    """Tags of records in quarantine, by sequence: forks, broken chains, and what no tag leads to."""
    told: list[Range] = field(default_factory=list)
    forked: bool = False
    """Two records bear one name, or a run does not continue the chain: an alarm."""
    unreadable: int = 0

    def take(self, run: Run) -> Taken:
        """Store what is new in a run."""
        fresh: list[Fresh] = []
        if run.entries:
            tags = self._tags_of(run)
            parts = self.held.fresh(run.first_sequence, run.last_sequence)
            known = complement(run.first_sequence, run.last_sequence, parts)
            forks = [s for a, b in known for s in range(a, b + 1) if not self._knows(s, tags[s - run.first_sequence])]
            arrived = [s for a, b in parts for s in range(a, b + 1)]
            if arrived and run.unproved:
                self._set_apart(run.first_sequence, tags[0])
                self.told.append((run.first_sequence, run.first_sequence))
            elif arrived or forks:
                for sequence in forks:
                    self.forked = True
                    self._set_apart(sequence, tags[sequence - run.first_sequence])
                if self._chain_holds(run, tags):
                    fresh = self._believed(run, tags, arrived)
                else:
                    self.forked = True
                    for sequence in arrived:
                        self._set_apart(sequence, tags[sequence - run.first_sequence])
                self.held = self.held.with_run(run.first_sequence, run.last_sequence)
        held = replace(self.held, told=tuple(self.told)) if self.held.gaps else self.held
        received = held.received
        return Taken(fresh, received, self._tag(received))

    def _tags_of(self, run: Run) -> list[bytes]:
        tag, tags = run.previous_tag, []
        for place, (kind, payload) in enumerate(run.entries):
            tag = chain_tag(self.chain_key, tag, kind, run.first_sequence + place, payload)
            tags.append(tag)
        return tags

    def _believed(self, run: Run, tags: Sequence[bytes], arrived: Sequence[int]) -> list[Fresh]:
        fresh = []
        for sequence in arrived:
            place = sequence - run.first_sequence
            self.tags[sequence] = tags[place]
            try:
                record = decode_record(*run.entries[place])
            except BadRecord:
                self.unreadable += 1
                continue
            if isinstance(record, Gap):
                self.told.append((record.first, record.last))
            fresh.append(Fresh(sequence, record))
        return fresh

    def _chain_holds(self, run: Run, tags: Sequence[bytes]) -> bool:
        if tags[-1] != run.last_tag:
            return False
        before = run.first_sequence - 1
        if before == 0:
            return run.previous_tag == first_tag(self.chain_key, self.number)
        return not self.held.holds(before) or self._knows(before, run.previous_tag)

    def _knows(self, sequence: int, tag: bytes) -> bool:
        return self.tags.get(sequence) == tag or tag in self.apart.get(sequence, ())

    def _set_apart(self, sequence: int, tag: bytes) -> None:
        self.apart.setdefault(sequence, set()).add(tag)

    def _tag(self, sequence: int) -> bytes:
        if sequence == 0:
            return first_tag(self.chain_key, self.number)
        tag = self.tags.get(sequence)
        return min(self.apart[sequence]) if tag is None else tag

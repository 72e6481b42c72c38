"""A run's records with their chain tags, beside what is already here under their names.

A record's tag vouches for it and for all before it, so comparing the last tag of a part compares the part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from onecard.bundle import Run
from onecard.identity import RecordName
from onecard.journal.frame import chain_tag, first_tag
from server.ingest.models import Quarantined, Record
from server.ingest.ranges import Range
from server.places import place


class Item(NamedTuple):
    """A record of a run, and the 8-byte tag that the chain key gives it. (A tuple: a bundle makes thousands.)"""

    at: int
    name: RecordName
    kind: int
    payload: bytes
    tag: bytes


def items_of(run: Run, chain_key: bytes) -> list[Item]:
    """The run's records in order, their tags computed onwards from the run's previous tag."""
    tag, items = run.previous_tag, []
    for name, kind, payload in run.named():
        tag = chain_tag(chain_key, tag, kind, name.sequence, payload)
        items.append(Item(place(name.terminal, name.sequence), name, kind, payload, tag))
    return items


def tag_at(terminal: int, sequence: int, chain_key: bytes) -> bytes:
    """The tag of the record that is here as `sequence`; 0 is the chain's beginning."""
    if sequence == 0:
        return first_tag(chain_key, terminal)
    at = place(terminal, sequence)
    return next(bytes(tag) for (tag,) in _rows(at, at, "tag"))


def tags_at(terminal: int, sequence: int, chain_key: bytes) -> set[bytes]:
    """Every tag known at a place: one, or more after a fork."""
    if sequence == 0:
        return {first_tag(chain_key, terminal)}
    at = place(terminal, sequence)
    return {bytes(tag) for (tag,) in _rows(at, at, "tag")}


def forks(items: Sequence[Item], seen: Sequence[Range]) -> list[Item]:
    """Of the `seen` sequences, already here: the items that are other records, and not in quarantine yet."""
    first = items[0].name.sequence
    found: list[Item] = []
    for a, b in seen:
        part = items[a - first : b - first + 1]
        last = part[-1]
        if any(bytes(tag) == last.tag for (tag,) in _rows(last.at, last.at, "tag")):
            continue
        known: dict[int, set[tuple[int, int, bytes]]] = defaultdict(set)
        for at, epoch, kind, payload in _rows(part[0].at, last.at, "place", "epoch", "kind", "payload"):
            known[at].add((epoch, kind, bytes(payload)))
        found += [item for item in part if (item.name.epoch, item.kind, item.payload) not in known[item.at]]
    return found


def successor_fits(terminal: int, sequence: int, chain_key: bytes) -> bool:
    """Whether the record after `sequence`, when both are here and believed, continues its chain."""
    after = Record.objects.filter(place=place(terminal, sequence + 1)).values_list("kind", "payload", "tag").first()
    if after is None:
        return True
    kind, payload, tag = after
    expected = chain_tag(chain_key, tag_at(terminal, sequence, chain_key), kind, sequence + 1, bytes(payload))
    return expected == bytes(tag)


def _rows(first: int, last: int, *columns: str) -> Iterator[tuple[Any, ...]]:
    """Columns of what is here from place `first` to `last`, believed first."""
    yield from Record.objects.filter(place__range=(first, last)).values_list(*columns)
    yield from Quarantined.objects.filter(place__range=(first, last)).order_by("pk").values_list(*columns)

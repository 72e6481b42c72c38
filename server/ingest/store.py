"""Storing a run: each record once, gaps as ranges, what is not believed apart. Runs inside one transaction.

Rules
- The cursor's row is locked first, so two carriers of one terminal's records queue.
- What is here already is dropped. Same name, other bytes is a *fork*: quarantined, never "a duplicate" (I-04).
- A run whose chain does not hold, or does not continue the record before it, is quarantined whole; a record that
  cannot be read, or cannot be true, alone.
- A quarantined record holds its place: it is acknowledged, and later ones are not blocked by it.
- What a believed GAP record tells lost, and a record behind it that no chain leads to, stay missing: a case. The
  acknowledgement passes over them, and what arrives after all is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from onecard.bundle import Run
from server.ingest import chain
from server.ingest.alarms import raise_alarm
from server.ingest.belief import Doubt, Reading, believe, quarantine, read
from server.ingest.chain import Item
from server.ingest.models import Alarm, Bundle, Cursor, Gap, Loss, Quarantined
from server.ingest.ranges import Held, Range, complement
from server.sites.models import Terminal


@dataclass(frozen=True, slots=True)
class Stored:
    """The end of the prefix that may be acknowledged and its chain tag, and how many rows were added."""

    received: int
    received_tag: bytes
    added: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """A run taken apart before any lock is held. `digest` is the SHA-256 of the envelope it came in."""

    run: Run
    chain_key: bytes
    items: list[Item]
    readings: list[Reading | Doubt]
    digest: bytes


def take_apart(run: Run, chain_key: bytes, envelope: bytes) -> Parcel:
    """All the work on a run that needs no database."""
    items = chain.items_of(run, chain_key)
    return Parcel(run, chain_key, items, read(items), hashlib.sha256(envelope).digest())


def store_run(terminal: Terminal, parcel: Parcel, now: datetime) -> Stored:
    """Store what is new in a run."""
    run, chain_key, items = parcel.run, parcel.chain_key, parcel.items
    cursor, _ = Cursor.objects.select_for_update().get_or_create(terminal=terminal)
    gaps = list(Gap.objects.filter(terminal=terminal).order_by("first"))
    held = Held(cursor.highest, tuple((gap.first, gap.last) for gap in gaps))
    added, bundle = 0, None
    if run.entries:
        fresh = held.fresh(run.first_sequence, run.last_sequence)
        forked = chain.forks(items, complement(run.first_sequence, run.last_sequence, fresh))
        arrived = [sequence - run.first_sequence for a, b in fresh for sequence in range(a, b + 1)]
        if arrived and run.unproved:
            bundle = _set_apart(terminal, parcel, now)
            added = 0 if bundle is None else 1
        elif arrived or forked:
            bundle = _bundle(terminal, parcel, len(arrived), now)
            quarantine(terminal, bundle, [Doubt(item, Quarantined.Reason.FORK, "") for item in forked], now)
            fault = _chain_fault(run, items, held, chain_key)
            if fault is None:
                believe(terminal, bundle, [parcel.readings[place] for place in arrived], held.highest, now)
            else:
                broken = [Doubt(items[place], Quarantined.Reason.CHAIN, fault) for place in arrived]
                quarantine(terminal, bundle, broken, now)
            late = [last for _, last in fresh if held.holds(last + 1)]
            held = held.with_run(run.first_sequence, run.last_sequence)
            _check_successors(terminal, late, chain_key, now)
            added = len(arrived) + len(forked)
    if held.gaps:
        held = replace(held, told=_told(terminal))
    if bundle is not None:
        _keep(cursor, gaps, held, now)
        bundle.received = held.received
        bundle.save(update_fields=("received",))
    return Stored(held.received, chain.tag_at(terminal.number, held.received, chain_key), added)


def _bundle(terminal: Terminal, parcel: Parcel, stored: int, now: datetime) -> Bundle:
    return Bundle.objects.create(
        terminal=terminal,
        first=parcel.run.first_sequence,
        last=parcel.run.last_sequence,
        stored=stored,
        digest=parcel.digest,
        received_at=now,
    )


def _set_apart(terminal: Terminal, parcel: Parcel, now: datetime) -> Bundle | None:
    """Quarantine a record that no tag leads to, once; gives the bundle that brought it, None when it is here."""
    [item] = parcel.items
    if Quarantined.objects.filter(place=item.at, tag=item.tag, epoch=item.name.epoch, kind=item.kind).exists():
        return None
    bundle = _bundle(terminal, parcel, 1, now)
    quarantine(terminal, bundle, [Doubt(item, Quarantined.Reason.UNPROVED, "")], now)
    return bundle


def _told(terminal: Terminal) -> tuple[Range, ...]:
    """What the terminal told lost, and the records that lie in quarantine because no chain leads to them."""
    unproved = Quarantined.objects.filter(terminal=terminal, reason=Quarantined.Reason.UNPROVED)
    return (
        *Loss.objects.filter(terminal=terminal).values_list("first", "last"),
        *unproved.values_list("sequence", "sequence"),
    )


def _chain_fault(run: Run, items: Sequence[Item], held: Held, chain_key: bytes) -> str | None:
    """Why the run does not belong to the terminal's chain, as far as it is here; None when it does."""
    if items[-1].tag != run.last_tag:
        return "the records do not lead to the bundle's last tag"
    before = run.first_sequence - 1
    known = before == 0 or held.holds(before)
    if known and run.previous_tag not in chain.tags_at(run.terminal, before, chain_key):
        return f"it does not continue record {before}"
    return None


def _keep(cursor: Cursor, gaps: Sequence[Gap], held: Held, now: datetime) -> None:
    """Write down what is held now; what stays of the `gaps` before keeps the time it was noticed."""
    known = {gap.first: gap for gap in gaps}
    noticed = [(gap.first, gap.last, gap.noticed_at) for gap in gaps]
    for first, last in held.gaps:
        gap = known.pop(first, None)
        if gap is None:
            since = next((at for a, b, at in noticed if a <= first <= b), now)
            Gap.objects.create(terminal_id=cursor.terminal_id, first=first, last=last, noticed_at=since)
        elif gap.last != last:
            gap.last = last
            gap.save(update_fields=("last",))
    for gap in known.values():
        gap.delete()
    cursor.received, cursor.highest = held.received, held.highest
    cursor.save(update_fields=("received", "highest"))


def _check_successors(terminal: Terminal, late: Iterable[int], chain_key: bytes, now: datetime) -> None:
    """What arrived `late` must lead to what was here before it; only an alarm can tell when it does not."""
    for last in late:
        if not chain.successor_fits(terminal.number, last, chain_key):
            raise_alarm(Alarm.Kind.CHAIN, terminal, f"record {last + 1} does not continue record {last}", now)

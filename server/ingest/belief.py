"""What is believed goes into the tables of its kind, what is not into quarantine with an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import models

from onecard.records import BadRecord
from server.ingest.alarms import raise_alarm
from server.ingest.chain import Item
from server.ingest.columns import COLUMNS, Cell, Contradiction, Row, insert, record_row, row_of
from server.ingest.models import Alarm, Bundle, FlowOutcome, Loss, Quarantined, Record
from server.places import place
from server.sites.models import Terminal


@dataclass(frozen=True, slots=True)
class Doubt:
    """A record that is not believed, and why."""

    item: Item
    reason: Quarantined.Reason
    detail: str


class Reading(NamedTuple):
    """A record that can be read: the table its columns go to, if any, and its row there. (A tuple as `Item` is.)"""

    item: Item
    model: type[models.Model] | None
    row: Row


def read(items: Sequence[Item]) -> list[Reading | Doubt]:
    """Each record read, or why it cannot be believed by itself. Needs no database: done before the lock is taken."""
    return [_read(item) for item in items]


def believe(terminal: Terminal, bundle: Bundle, found: Sequence[Reading | Doubt], highest: int, now: datetime) -> None:
    """Store what was read of a chain that holds; one that cannot be read or cannot be true is quarantined alone.
    `highest` is the highest sequence held before."""
    doubts = [one for one in found if isinstance(one, Doubt)]
    readings = [one for one in found if isinstance(one, Reading)]
    outcomes = [reading.row for reading in readings if reading.model is FlowOutcome]
    told = _told(outcomes, place(terminal.number, highest))
    rows: dict[type[models.Model], list[Row]] = {model: [] for model in COLUMNS}
    for reading in readings:
        item, model, row = reading.item, reading.model, reading.row
        if model is FlowOutcome:
            if row[0] in told:
                # PAID and ABANDONED are final (P-R6): a second word on one intent is not believed.
                doubts.append(Doubt(item, Quarantined.Reason.CONTRADICTION, "its intent has its final word already"))
                continue
            told.add(row[0])
        rows[Record].append(record_row(item))
        if model is not None:
            rows[model].append(row)
    for model, of_model in rows.items():
        insert(model, of_model, bundle.pk)
    for loss in Loss.objects.filter(place__in=[row[0] for row in rows[Loss]]):
        raise_alarm(Alarm.Kind.LOST, terminal, f"records {loss.first} … {loss.last}: {loss.reason}", now)
    quarantine(terminal, bundle, doubts, now)


def quarantine(terminal: Terminal, bundle: Bundle, doubts: Sequence[Doubt], now: datetime) -> None:
    """Put records apart, with one alarm a reason and bundle."""
    Quarantined.objects.bulk_create(
        Quarantined(
            place=doubt.item.at,
            terminal=terminal,
            epoch=doubt.item.name.epoch,
            sequence=doubt.item.name.sequence,
            kind=doubt.item.kind,
            payload=doubt.item.payload,
            tag=doubt.item.tag,
            reason=doubt.reason,
            detail=doubt.detail[:200],
            bundle=bundle,
        )
        for doubt in doubts
    )
    for reason in sorted({doubt.reason for doubt in doubts}):
        these = [doubt.item.name.sequence for doubt in doubts if doubt.reason == reason]
        raise_alarm(Alarm.Kind(reason), terminal, f"records {these[0]} … {these[-1]}: {len(these)}", now)


def _told(outcomes: Sequence[Row], highest: int) -> set[Cell]:
    """Of the intents that these outcomes name, those that have their final word already: it came after its intent, so
    only an intent before the `highest` place held can have it."""
    intents = [intent for intent, *_ in outcomes if isinstance(intent, int) and intent < highest]
    return set(FlowOutcome.objects.filter(place__in=intents).values_list("place", flat=True))


def _read(item: Item) -> Reading | Doubt:
    try:
        return Reading(item, *row_of(item.name, item.kind, item.payload))
    except Contradiction as error:
        return Doubt(item, Quarantined.Reason.CONTRADICTION, str(error))
    except BadRecord as error:
        return Doubt(item, Quarantined.Reason.UNREADABLE, str(error))

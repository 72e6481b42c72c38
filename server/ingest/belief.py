"""What is believed goes into the tables of its kind, what is not into quarantine with an alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from onecard.records import BadRecord
from server.ingest.alarms import raise_alarm
from server.ingest.chain import Item
from server.ingest.columns import COLUMNS, Cell, Contradiction, Row, insert, record_row, row_of
from server.ingest.models import Alarm, Bundle, FlowOutcome, Quarantined, Record
from server.sites.models import Terminal


@dataclass(frozen=True, slots=True)
class Doubt:
    """A record that is not believed, and why."""

    item: Item
    reason: Quarantined.Reason
    detail: str


def believe(terminal: Terminal, bundle: Bundle, items: Sequence[Item], now: datetime) -> None:
    """Store records of a chain that holds; one that cannot be read or cannot be true is quarantined alone."""
    readable: list[tuple[Item, type[models.Model] | None, Row]] = []
    doubts: list[Doubt] = []
    for item in items:
        try:
            readable.append((item, *row_of(item.name, item.kind, item.payload, bundle.pk)))
        except Contradiction as error:
            doubts.append(Doubt(item, Quarantined.Reason.CONTRADICTION, str(error)))
        except BadRecord as error:
            doubts.append(Doubt(item, Quarantined.Reason.UNREADABLE, str(error)))

    told = _told([row for _, model, row in readable if model is FlowOutcome])
    rows: dict[type[models.Model], list[Row]] = {model: [] for model in COLUMNS}
    for item, model, row in readable:
        if model is FlowOutcome:
            if row[0] in told:
                # PAID and ABANDONED are final (P-R6): a second word on one intent is not believed.
                doubts.append(Doubt(item, Quarantined.Reason.CONTRADICTION, "its intent has its final word already"))
                continue
            told.add(row[0])
        rows[Record].append(record_row(item, bundle.pk))
        if model is not None:
            rows[model].append(row)
    for model, found in rows.items():
        insert(model, found)
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


def _told(outcomes: Sequence[Row]) -> set[Cell]:
    """Of the intents that these outcomes name, those that have their final word already."""
    intents = [place for place, *_ in outcomes if isinstance(place, int)]
    return set(FlowOutcome.objects.filter(place__in=intents).values_list("place", flat=True))

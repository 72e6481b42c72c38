"""Raising alarms: once each, however often the cause is seen."""

from __future__ import annotations

from datetime import datetime

from server.ingest.models import Alarm
from server.sites.models import Terminal


def raise_alarm(kind: Alarm.Kind, terminal: Terminal | None, about: str, now: datetime) -> bool:
    """Put an alarm before the people at the centre; `about` says what and where. Whether it is a new one."""
    facts = {"kind": kind, "terminal": terminal, "about": about[:200]}
    return Alarm.objects.get_or_create(**facts, defaults={"raised_at": now})[1]

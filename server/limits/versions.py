"""The newest settings of the chain, and the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from onecard.settings import Settings
from server.limits.models import SettingsVersion


def newest_settings() -> SettingsVersion:
    """What terminals are told now; the first version came with the database."""
    newest = SettingsVersion.objects.order_by("-version").first()
    assert newest is not None, "the first migration made one, and none is ever removed"
    return newest


def change_settings(changes: dict[str, int], by: str, now: datetime) -> SettingsVersion:
    """Settings that differ in these from the newest, as the next version; the newest when nothing differs.

    Raises `BadSettings`.
    """
    with transaction.atomic():
        last = SettingsVersion.objects.select_for_update().aggregate(last=Max("version"))["last"]
        newest = SettingsVersion.objects.get(version=last)
        settings: Settings = replace(newest.settings(), **changes)  # type: ignore[arg-type]
        wire = settings.encode()
        if wire == bytes(newest.wire):
            return newest
        return SettingsVersion.objects.create(version=last + 1, wire=wire, made_by=by, created_at=now)

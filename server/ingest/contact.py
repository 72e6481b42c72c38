"""The heartbeat: when a terminal was last heard, and what it said of itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from onecard.bundle import UNKNOWN, Run, Status
from onecard.condition import version_text
from onecard.downlink import Table
from server.sites.models import Terminal

_LARGEST = (1 << 31) - 1
_VERSION_LIMIT = 1 << 63
_INSTANT_LIMIT = 1 << 37  # as in onecard.records: every one is a date


def note_contact(terminal: Terminal, run: Run, now: datetime) -> None:
    """Write the run's status and table versions on the terminal's row."""
    software = version_text(_number(run, Status.SOFTWARE) or UNKNOWN)
    Terminal.objects.filter(number=terminal.number).update(
        contact_at=now,
        backlog=_number(run, Status.BACKLOG),
        oldest_at=_instant(run, Status.OLDEST_AT),
        room_per_mille=_number(run, Status.ROOM_PER_MILLE),
        clock_at=_instant(run, Status.CLOCK_AT),
        hotlist_at=_instant(run, Status.HOTLIST_AT),
        battery_per_mille=_number(run, Status.BATTERY_PER_MILLE, 1000),
        on_mains=_number(run, Status.ON_MAINS, 1),
        reader_answers=_number(run, Status.READER_ANSWERS, 1),
        journal_faults=_number(run, Status.JOURNAL_FAULTS),
        limits_divisor=_number(run, Status.LIMITS_DIVISOR, 10),
        answered_at=_instant(run, Status.CONTACT_AT),
        have_tariff=_version(run.have, Table.TARIFF),
        have_hotlist=_version(run.have, Table.HOTLIST),
        have_certificates=_version(run.have, Table.CERTIFICATES),
        have_settings=_version(run.have, Table.SETTINGS),
        have_keys=_version(run.have, Table.KEYS),
        have_state=_version(run.have, Table.STATE),
        **({"software": software} if software else {}),
    )


def _number(run: Run, place: Status, most: int = _LARGEST) -> int | None:
    """A number of the heartbeat; None when it is missing, unknown to the terminal or absurd."""
    value = run.status[place] if place < len(run.status) else UNKNOWN
    return value if 0 <= value <= most else None


def _instant(run: Run, place: Status) -> datetime | None:
    """A time of the heartbeat; None when there is none, or it is absurd."""
    value = _number(run, place, _INSTANT_LIMIT - 1)
    return datetime.fromtimestamp(value, UTC) if value else None


def _version(have: Mapping[int, int], table: Table) -> int:
    """The version said to be held; an absurd one counts as none."""
    value = have.get(table, 0)
    return value if 0 <= value < _VERSION_LIMIT else 0

"""The heartbeat: when a terminal was last heard, and what it said of itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from onecard.bundle import Run, Status
from onecard.downlink import Table
from server.sites.models import Terminal

_LARGEST = (1 << 31) - 1
_VERSION_LIMIT = 1 << 63
_INSTANT_LIMIT = 1 << 37  # as in onecard.records: every one is a date


def note_contact(terminal: Terminal, run: Run, now: datetime) -> None:
    """Write the run's status and table versions on the terminal's row."""
    backlog, oldest, room, clock = (_status(run, place) for place in Status)
    Terminal.objects.filter(number=terminal.number).update(
        contact_at=now,
        backlog=backlog,
        oldest_at=datetime.fromtimestamp(oldest, UTC) if oldest else None,
        room_per_mille=room,
        clock_at=datetime.fromtimestamp(clock, UTC) if clock else None,
        have_tariff=_version(run.have, Table.TARIFF),
        have_hotlist=_version(run.have, Table.HOTLIST),
        have_certificates=_version(run.have, Table.CERTIFICATES),
        have_state=_version(run.have, Table.STATE),
    )


def _status(run: Run, place: Status) -> int | None:
    """A number of the heartbeat; None when it is missing or absurd."""
    value = run.status[place] if place < len(run.status) else -1
    limit = _INSTANT_LIMIT if place in (Status.OLDEST_AT, Status.CLOCK_AT) else _LARGEST
    return value if 0 <= value < limit else None


def _version(have: Mapping[int, int], table: Table) -> int:
    """The version said to be held; an absurd one counts as none."""
    value = have.get(table, 0)
    return value if 0 <= value < _VERSION_LIMIT else 0

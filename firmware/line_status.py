"""What the daemon says of the line to the server (`outbox/status`, JSON). Only shown, never believed: it is not signed.

A file that is missing, half or foreign says that the line is down.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LineStatus:
    """Whether the last exchange with the server went well, when one last did (UTC seconds, 0 for never), what the
    daemon alarms about, and why the last exchange failed."""

    up: bool = False
    contact_at: int = 0
    alarm: str = ""
    error: str = ""


def read_line_status(file: Path) -> LineStatus:
    """The status in `file`."""
    try:
        status = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return LineStatus()
    match status:
        case {
            "line_up": bool(up),
            "last_contact_at": int(contact_at),
            "alarm": str(alarm),
            "last_error": str(error),
        }:
            return LineStatus(up, contact_at, alarm, error)
    return LineStatus()

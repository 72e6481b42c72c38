"""The firmware's word to the sync daemon that the courier's port is open: the file `port` in a terminal's data
directory, one flat JSON object. Pure.

    {"boot": "2f0c…", "until_ms": 1834200}

`until_ms` is milliseconds of the system's monotonic clock, which all processes of one start of the machine share;
`boot` names that start, so that a word left over by a power cut opens nothing. Replaced atomically and not flushed: it
is worthless after a restart. A word that is missing, half, of another start, past, or that says more than
`OPEN_SECONDS`, says that the port is closed: nobody but a firmware that runs keeps it open, and not for long.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

PORT_WORD = "port"
"""The file's name."""
OPEN_SECONDS = 600
"""How long an authorisation card opens the port for."""
_SIZE_MAX = 256


@dataclass(frozen=True, slots=True)
class PortWord:
    """The port is open until that moment of that start of the machine."""

    boot: str
    until_ms: int

    def encode(self) -> bytes:
        """The file's content."""
        return json.dumps({"boot": self.boot, "until_ms": self.until_ms}).encode() + b"\n"


def open_seconds(raw: bytes, boot: str, now: float) -> float:
    """How long the port stays open at `now`, seconds of the monotonic clock, by the content of the file (empty for no
    file); 0.0 when it is closed."""
    if len(raw) > _SIZE_MAX:
        return 0.0
    try:
        word = json.loads(raw)
    except ValueError:
        return 0.0
    match word:
        case {"boot": str(named), "until_ms": int(until_ms)} if boot and named == boot and abs(until_ms) < 1 << 53:
            left = until_ms / 1000 - now
            return left if 0 < left <= OPEN_SECONDS and not isinstance(until_ms, bool) else 0.0
    return 0.0

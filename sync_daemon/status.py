"""What the terminal's status screen shows of the line: `outbox/status`, one flat JSON object.

Replaced atomically and not flushed: it is worthless after a restart. Times are UTC seconds, 0 for never.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from onecard.durable_file import replace_file


@dataclass(frozen=True, slots=True)
class LineStatus:
    """The state of the line to the server, as of the last exchange."""

    line_up: bool = False  # the last exchange went well
    backlog: int = 0  # records not yet acknowledged
    oldest_at: int = 0  # when the oldest of them was made, 0 when there is none
    last_contact_at: int = 0  # when the server last answered well
    last_error: str = ""  # of the last exchange, empty when it went well
    alarm: str = ""  # the server and this journal do not belong together: call the centre

    def write(self, file: Path) -> None:
        """Replaces the file. Raises `durable_file.NotKept`."""
        text = json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1)
        replace_file(file, text.encode() + b"\n", durable=False)

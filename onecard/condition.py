"""How a terminal is, as its firmware tells its sync daemon: `data/condition`, one flat JSON object. Pure.

The daemon puts it into the heartbeat (`onecard.bundle.Status`). It is worthless after a restart, believed by nobody and
decides nothing; only `syncs_wanted`, which counts how often somebody at the terminal asked to send at once, makes the
daemon do what it does anyway, now. A file that is missing, half or of another software says that nothing is known.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass

from onecard.bundle import UNKNOWN

_SOFTWARE = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})")
_THOUSAND = 1000


@dataclass(frozen=True, slots=True)
class Condition:
    """Of a running terminal. `UNKNOWN` is what it cannot tell: today it has no gauge of its battery."""

    hotlist_at: int = 0  # when the hotlist was known to be the newest, UTC seconds, 0 for never
    battery_per_mille: int = UNKNOWN
    on_mains: int = UNKNOWN  # 1 mains, 0 battery
    reader_answers: int = UNKNOWN  # 1 it does, 0 it does not
    software: int = UNKNOWN  # `version_number` of what runs
    journal_faults: int = UNKNOWN  # since the start
    limits_divisor: int = UNKNOWN  # limits are so many times lower because tables are old; 1 for not
    syncs_wanted: int = 0  # times somebody asked to send at once, since the start

    def encode(self) -> bytes:
        """The file's content."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"


def decode_condition(raw: bytes) -> Condition:
    """The condition in a file's content; what is not one is one that says nothing."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return Condition()
    names = {field.name for field in dataclasses.fields(Condition)}
    if isinstance(told, dict) and told.keys() == names and all(type(value) is int for value in told.values()):
        return Condition(**told)
    return Condition()


def version_number(software: str) -> int:
    """1.2.3 as 1,002,003, so that heartbeats are numbers only; `UNKNOWN` for what begins otherwise."""
    found = _SOFTWARE.match(software)
    if found is None:
        return UNKNOWN
    major, minor, patch = map(int, found.groups())
    return (major * _THOUSAND + minor) * _THOUSAND + patch


def version_text(number: int) -> str:
    """The text that `version_number` read; empty for `UNKNOWN` and what cannot be."""
    if not 0 <= number < _THOUSAND**3:
        return ""
    return f"{number // _THOUSAND**2}.{number // _THOUSAND % _THOUSAND}.{number % _THOUSAND}"

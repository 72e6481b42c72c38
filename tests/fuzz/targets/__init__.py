"""Every parser of outside bytes, in one table. A new one is a line in the module of its layer."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets import cards, desk, journal, terminal, travel

TARGETS: tuple[Target, ...] = (
    *travel.TARGETS,
    *desk.TARGETS,
    *journal.TARGETS,
    *cards.TARGETS,
    *terminal.TARGETS,
)

"""A frame as text: one `role: text` a line, after the session's state, the count of results and the tone. Pure."""

from __future__ import annotations

from hardware.display.frame import Frame


def as_text(frame: Frame) -> str:
    """The lines, each ended by a newline. Rows of a role keep their order."""
    head = [f"state: {frame.state}", f"results: {frame.results}", f"tone: {frame.tone.value}"]
    return "".join(f"{line}\n" for line in [*head, *(f"{row.role.value}: {row.text}" for row in frame.rows)])

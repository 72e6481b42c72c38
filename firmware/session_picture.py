"""The session's picture: docs/session.md is this text, so it cannot drift from the table. Pure."""

from __future__ import annotations

import sys

from firmware.config import SaleMode
from firmware.session import Action, Event, State, Step, Table, Timer, session_table

_TITLES = {SaleMode.SHOW: "Show mode", SaleMode.FIXED: "Fixed-amount mode"}
_OPENING = """# The till's session

Made from the table in `firmware/session.py` by `firmware/session_picture.py`; a test compares them. An event that a
state's row does not name is ignored in that state. A failing journal leads from every state to *broken*, which only a
restart ends.
"""


def picture() -> str:
    """The whole page: for each mode a diagram and the table behind it."""
    parts = [_OPENING]
    for mode, title in _TITLES.items():
        table = session_table(mode)
        parts += [f"## {title}\n", _diagram(table), _rows(table)]
    return "\n".join(parts)


def _diagram(table: Table) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {_id(State.SIGNED_OFF)}"]
    for state, row in table.items():
        lines.append(f"    {_id(state)}: {state.value}")
        for step, events in _grouped(dict(row.steps)).items():
            lines.append(f"    {_id(state)} --> {_id(step.state)}: {', '.join(event.value for event in events)}")
    return "\n".join([*lines, "```", ""])


def _rows(table: Table) -> str:
    lines = ["| state | reader | timer | event | action | next |", "|---|---|---|---|---|---|"]
    for state, row in table.items():
        timer = "" if row.timer is Timer.NONE else row.timer.value
        first = f"**{state.value}** | {row.duty.value} | {timer}"
        for step, events in _grouped(dict(row.steps)).items():
            action = "" if step.action is Action.NONE else step.action.value
            lines.append(f"| {first} | {', '.join(event.value for event in events)} | {action} | {step.state.value} |")
            first = " | | "
        if not row.steps or list(row.steps) == [Event.FAILED]:
            lines.append(f"| {first} | | | |")
    return "\n".join([*lines, ""])


def _grouped(steps: dict[Event, Step]) -> dict[Step, list[Event]]:
    """Events by what they lead to; the failing journal, which leads out of every state, is said once in the text."""
    grouped: dict[Step, list[Event]] = {}
    for event, step in steps.items():
        if event is not Event.FAILED:
            grouped.setdefault(step, []).append(event)
    return grouped


def _id(state: State) -> str:
    return state.name.lower()


if __name__ == "__main__":
    sys.stdout.write(picture())

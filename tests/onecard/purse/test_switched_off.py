"""Each rule of docs/purse.md is needed: switched off in an explorer, it lets an invariant break."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.onecard.purse.explorers.catchers import catcher
from tests.onecard.purse.explorers.switches import Switch

_PAGE = Path(__file__).parents[3] / "docs" / "purse.md"
_HEADING = "### Switched off"


def _row(switch: Switch, explorer: str, states: int) -> str:
    return f"| {switch.rules} | {switch.hole} | {switch.instead} | `{switch.name}` | {explorer} | {states:,} |"


def _rows_of_the_page() -> list[str]:
    lines = _PAGE.read_text(encoding="utf-8").split(_HEADING, 1)[1].splitlines()
    table = [line for line in lines if line.startswith("|")]
    return table[2 : 2 + len(Switch)]


@pytest.mark.parametrize("switch", list(Switch), ids=lambda switch: switch.name.lower())
def test_each_rule_is_needed(switch: Switch) -> None:
    catching = catcher(switch)
    found = catching.catch()
    print(f"{catching.explorer} {switch.name}: {found}", *found.trace, sep="\n  ")
    assert found.violation is not None
    row = _row(switch, catching.explorer, found.states)
    assert row in _rows_of_the_page(), f"docs/purse.md should say\n{row}"


def test_the_page_tells_of_every_switch_and_of_no_other() -> None:
    named = [row.split("|")[4].strip(" `") for row in _rows_of_the_page()]
    assert named == [switch.name for switch in Switch]

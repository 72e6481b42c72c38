"""docs/THREATS.md names what exists, and what it calls not built is not built."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_PAGE = (_ROOT / "docs" / "THREATS.md").read_text("utf-8")
_CITED = set(re.findall(r"`([^`]+)`", _PAGE))


def _functions(folder: str) -> Iterator[str]:
    for file in (_ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node.name


def test_every_test_it_names_is_there() -> None:
    named = {name for name in _CITED if name.startswith("test_")}
    assert named
    assert named <= set(_functions("tests"))


def test_every_file_and_page_it_names_is_there() -> None:
    named = {name for name in _CITED if "/" in name}
    linked = {f"docs/{link}" for link in re.findall(r"\]\(([\w./-]+\.md)", _PAGE)}
    assert named
    assert [name for name in named | linked if not (_ROOT / name).is_file()] == []


def _using(table: str, *folders: str) -> list[Path]:
    return [
        file
        for folder in folders
        for file in (_ROOT / folder).rglob("*.py")
        if f"Table.{table}" in file.read_text("utf-8")
    ]


def test_a_table_it_calls_not_built_is_sent_and_taken_by_nobody() -> None:
    using = _using("KEYS", "server", "sync_daemon", "firmware")
    assert using == [], "it is built now: say in docs/THREATS.md what it changes"


def test_the_state_table_that_it_counts_on_is_taken_by_terminals() -> None:
    assert _using("STATE", "firmware") != []


def test_a_hotlist_entry_is_made_by_nobody() -> None:
    using = [file for file in (_ROOT / "server").rglob("*.py") if "HotlistEntry(" in file.read_text("utf-8")]
    assert using == [_ROOT / "server" / "cards" / "models.py"], "it is built now: say so in docs/THREATS.md"
    assert not any(
        "HotlistEntry.objects.create" in file.read_text("utf-8") for file in (_ROOT / "server").rglob("*.py")
    )

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


def test_the_state_table_that_it_counts_on_is_sent_and_taken() -> None:
    assert _using("STATE", "firmware") != []
    assert _using("STATE", "server") != []


def test_a_hotlist_entry_is_made_in_one_place() -> None:
    """Else a card could be listed, or taken off, past the rules of P-R23."""
    making = re.compile(r"HotlistEntry(\.objects\.(create|bulk_create|get_or_create))?\((?!models\.Model)")
    using = [file for file in (_ROOT / "server").rglob("*.py") if making.search(file.read_text("utf-8"))]
    assert using == [_ROOT / "server" / "cards" / "reports.py"]

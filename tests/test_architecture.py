"""The pages that lead a newcomer through the tree name what exists, and each invariant has its guard and its proof."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tools.cli import onecard

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("onecard", "hardware", "firmware", "sync_daemon", "server", "tools")
_PAGE = (_ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
_LIFE = _PAGE.partition("## The life of a tap")[2].partition("\n## ")[0]
_INVARIANTS = dict(re.findall(r"^\| (I-\d\d) \| (.*) \|$", _PAGE, re.MULTILINE))
_LATER = {name for name, rule in _INVARIANTS.items() if "*(" in rule}
"""What a part that is not here yet will keep; the page says so in italics."""


def _modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((_ROOT / folder).rglob("*.py"))


def _names(file: Path) -> set[str]:
    """Functions and classes of a module, methods as `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name, body=body):
                found |= {name, *(f"{name}.{inner.name}" for inner in body if isinstance(inner, ast.FunctionDef))}
            case _:
                pass
    return found


def _commands() -> Iterator[str]:
    """Every command as it is typed after `onecard`: `card show`, `demo`."""
    context = click.Context(onecard)
    for name in onecard.list_commands(context):
        command = onecard.get_command(context, name)
        if isinstance(command, click.Group):
            yield from (f"{name} {verb}" for verb in command.list_commands(context))
        else:
            yield name


@pytest.mark.parametrize("invariant", sorted(_INVARIANTS.keys() - _LATER))
def test_an_invariant_is_cited_where_it_is_kept_and_where_it_is_proved(invariant: str) -> None:
    kept = [file for file in _modules(*_PACKAGES) if invariant in file.read_text(encoding="utf-8")]
    proved = [file for file in _modules("tests") if invariant in file.read_text(encoding="utf-8")]
    assert kept
    assert proved


def test_no_invariant_is_cited_that_the_page_does_not_state() -> None:
    files = [*_modules(*_PACKAGES, "tests")]
    cited = {name for file in files for name in re.findall(r"\bI-\d\d\b", file.read_text(encoding="utf-8"))}
    assert cited - _INVARIANTS.keys() == set()


def test_no_failure_is_named_that_the_page_does_not_tell() -> None:
    files = [*_modules(*_PACKAGES, "tests")]
    named = {name for file in files for name in re.findall(r"\bF\d{1,2}\b", file.read_text(encoding="utf-8"))}
    assert named <= set(re.findall(r"^\| (F\d+) \|", _PAGE, re.MULTILINE))


@pytest.mark.parametrize("place", re.findall(r"`([\w/]+\.py)(?:: ([\w.]+))?`", _LIFE))
def test_the_life_of_a_tap_leads_through_files_that_exist(place: tuple[str, str]) -> None:
    file, name = place
    assert (_ROOT / file).is_file()
    assert not name or name in _names(_ROOT / file)


@pytest.mark.parametrize("name", re.findall(r"`([A-Z]\w+\.\w+)`", _LIFE))
def test_the_life_of_a_tap_names_functions_that_exist(name: str) -> None:
    assert [file for file in _modules(*_PACKAGES) if name in _names(file)]


def test_the_readme_lists_every_command() -> None:
    page = (_ROOT / "README.md").read_text(encoding="utf-8").partition("## Commands")[2].split("```")[1]
    listed = {
        f"{name} {verb}".strip()
        for name, verbs in re.findall(r"\bonecard (\w+)((?: [\w|]+)?)", page)
        for verb in verbs.strip().split("|")
    }
    assert listed == set(_commands())


@pytest.mark.parametrize("page", sorted([_ROOT / "README.md", *(_ROOT / "docs").rglob("*.md")]), ids=lambda p: p.name)
def test_a_link_of_the_documents_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []

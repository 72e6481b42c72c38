"""House rules, read off the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("onecard", "hardware", "firmware", "sync_daemon", "server", "tools")
_IMPURE = {"os", "random", "secrets", "socket", "subprocess", "threading", "time"}
_CLOCK_READS = re.compile(r"\b(datetime|date)\.(now|today|utcnow)\(")
_LONGEST = 400
_BANNED_NAMES = re.compile(r"\b\w*(Manager|Handler|Helper|Utils?)\b")
_FRAMEWORK = {"PoolManager", "BaseManager", "SimpleHTTPRequestHandler", "BaseHTTPRequestHandler"}


def _sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        for file in sorted((_ROOT / package).rglob("*.py")):
            if "migrations" not in file.parts:
                yield file


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                found |= {alias.name.split(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.split(".")[0])
            case _:
                pass
    return found


def test_onecard_is_pure_but_for_the_journal_and_small_files() -> None:
    """No clock, socket, file or random in the shared vocabulary."""
    impure = {
        str(file.relative_to(_ROOT)): sorted(_imports(file) & _IMPURE)
        for file in _sources("onecard")
        if "journal" not in file.parts and file.name != "durable_file.py" and _imports(file) & _IMPURE
    }
    assert impure == {}
    assert [file for file in _sources("onecard") if _CLOCK_READS.search(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("package", _PACKAGES)
def test_no_module_is_longer_than_400_lines(package: str) -> None:
    long = {
        str(file.relative_to(_ROOT)): count
        for file in _sources(package)
        if (count := len(file.read_text(encoding="utf-8").splitlines())) > _LONGEST
    }
    assert long == {}


@pytest.mark.parametrize("package", _PACKAGES)
def test_every_module_says_what_it_is(package: str) -> None:
    silent = [
        str(file.relative_to(_ROOT))
        for file in _sources(package)
        if (text := file.read_text(encoding="utf-8")).strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


@pytest.mark.parametrize("package", _PACKAGES)
def test_no_class_is_named_for_nothing(package: str) -> None:
    """Manager, Handler, Helper, util name no thing."""
    named = [
        f"{file.relative_to(_ROOT)}: {node.name}"
        for file in _sources(package)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and _BANNED_NAMES.fullmatch(node.name) and node.name not in _FRAMEWORK
    ]
    assert named == []


@pytest.mark.parametrize("package", _PACKAGES)
def test_nothing_named_in_fen_is_a_float(package: str) -> None:
    """Money is int fen: no annotation of a `_fen` name mentions float."""
    floats = [
        f"{file.relative_to(_ROOT)}:{number}"
        for file in _sources(package)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\b\w*_fen\s*:\s*[^=,)]*float", line)
    ]
    assert floats == []

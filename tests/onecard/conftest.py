"""Vectors: files that name their source, read as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_VECTORS = Path(__file__).parents[1] / "vectors"


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], dict[str, Any]]:
    """The content of `tests/vectors/<name>.json`; a file without its source is an error."""

    def read(name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((_VECTORS / f"{name}.json").read_text("utf-8"))
        assert content["source"]
        return content

    return read

"""The inputs that a target begins with, and the files that keep what was found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.target import Target

KEPT = Path(__file__).parent / "corpus"
_VECTORS = Path(__file__).parents[1] / "vectors"


def corpus(target: Target) -> list[bytes]:
    """Its seeds and the files of corpus/<name>/, in the order of their names."""
    files = sorted((KEPT / target.name).glob("*"))
    return [*target.seeds(), *(file.read_bytes() for file in files)]


def vector_bytes(name: str, *lists: str, of: str = "hex") -> Iterator[bytes]:
    """The bytes under `of` in every row of these lists in tests/vectors/<name>.json, which names its source."""
    content = json.loads((_VECTORS / f"{name}.json").read_text("utf-8"))
    assert content["source"]
    for rows in lists:
        yield from (bytes.fromhex(row[of]) for row in content[rows])

"""The examples of docs/formats, read out of the pages.

An example is a fenced block `hex <name>`: bytes in hex at the start of each line, after two spaces a comment.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias

PAGES = Path(__file__).parents[1] / "docs" / "formats"
_BLOCK = re.compile(r"^```hex (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Examples: TypeAlias = dict[str, bytes]


def examples(page: str) -> Examples:
    """The bytes of each example of `page`, by its name."""
    found: Examples = {}
    for name, block in _BLOCK.findall((PAGES / page).read_text("utf-8")):
        assert name not in found, f"{page}: two examples are called {name}"
        found[name] = bytes.fromhex("".join(line.split("  ")[0] for line in block.splitlines()))
    return found

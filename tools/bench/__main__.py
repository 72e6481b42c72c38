"""`python -m tools.bench`: measure, print a table, write bench.json (one flat object, name → number)."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.bench import (
    certificates,
    courier,
    fleet,
    ingest,
    journal,
    journal_device,
    journal_size,
    lost,
    packed_tables,
    start,
    tap,
)

_MEASURES = {
    "tap": tap.measure,
    "journal": journal.measure,
    "journal's device": journal_device.measure,
    "journal's size": journal_size.measure,
    "packed tables": packed_tables.measure,
    "start": start.measure,
    "certificates": certificates.measure,
    "ingest": ingest.measure,
    "courier": courier.measure,
    "lost": lost.measure,
    "fleet": fleet.measure,
}
_TARGET = Path("bench.json")


def main() -> None:
    """Run every measure in turn."""
    console = Console()
    figures: dict[str, float] = {}
    for name, measure in _MEASURES.items():
        with console.status(f"measuring {name} …"):
            figures |= measure()
    table = Table("name", "figure", title="bench")
    for name, figure in figures.items():
        table.add_row(name, f"{figure:g}")
    console.print(table)
    _TARGET.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {_TARGET}")


main()

"""`python -m tools.bench.journal_plot`: what a durable record costs as the store grows; prints a table, draws a plot.

The plot goes to docs/journal-performance.svg: p50 of one durable insert as a multiple of the bare line (the same bytes
written and synced on a zero-filled file) over the records already there, both axes logarithmic, all engines of one
size interleaved in one process. It takes a minute and more, so `make bench` leaves it out.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from tools.bench import journal_rivals as rivals
from tools.bench.journal_records import make_journal
from tools.bench.journal_times import Engine, interleave, p50, print_times

TARGET = Path("docs/journal-performance.svg")
_SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
_JSON_SIZES = _SIZES[:4]
_OURS, _BARE, _WAL, _LMDB, _JSON = "journal", "bare write + flush", "SQLite WAL", "LMDB", "TinyDB JSON"
_COLOURS = {_OURS: "#0b6e4f", _BARE: "#888888", _WAL: "#c25b12", _LMDB: "#3355aa", _JSON: "#aa2244"}
Curves: TypeAlias = Mapping[str, Mapping[int, float]]

_WIDTH, _HEIGHT = 780, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 40, 50
_LOWEST, _HIGHEST = 0.5, 20_000


def main() -> None:
    """Measures and draws."""
    curves: dict[str, dict[int, float]] = {name: {} for name in _COLOURS}
    for size in _SIZES:
        with tempfile.TemporaryDirectory(prefix="onecard-bench-") as place:
            times = interleave(_engines(Path(place), size), {_JSON})
            print(f"{size} records there already")
            print_times(times, _BARE, Path(place))
        for name, each in times.items():
            curves[name][size] = p50(each) / p50(times[_BARE])
    TARGET.write_text(draw(curves), encoding="utf-8")
    print(f"written to {TARGET}")


def draw(curves: Curves) -> str:
    """The SVG of curves: name → records → multiple of the bare line."""
    return "\n".join(_lines(curves)) + "\n"


def _engines(place: Path, size: int) -> dict[str, Engine]:
    make_journal(place / "journal", size)
    engines: dict[str, Engine] = {
        _OURS: partial(rivals.journal, place / "journal"),
        _BARE: partial(rivals.bare, place),
        _WAL: partial(rivals.sqlite, place, "WAL", "FULL", size),
        _LMDB: partial(rivals.lmdb_sync, place, size),
    }
    if size in _JSON_SIZES:
        engines[_JSON] = partial(rivals.tinydb_json, place, size)
    return engines


def _lines(curves: Curves) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
    )
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
    yield _text(_LEFT, 22, "Time of one durable record ÷ bare write and flush, p50, as the store grows", size=14)
    for size in _SIZES:
        yield f'<line x1="{_x(size)}" y1="{_TOP}" x2="{_x(size)}" y2="{_HEIGHT - _BOTTOM}" stroke="#eeeeee"/>'
        yield _text(_x(size), _HEIGHT - _BOTTOM + 18, f"{size:,}", anchor="middle")
    for ratio in (1.0, 10.0, 100.0, 1_000.0, 10_000.0):
        yield f'<line x1="{_LEFT}" y1="{_y(ratio)}" x2="{_WIDTH - _RIGHT}" y2="{_y(ratio)}" stroke="#eeeeee"/>'
        yield _text(_LEFT - 8, _y(ratio) + 4, f"{ratio:,.0f} ×", anchor="end")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 10, "records already there", anchor="middle")
    free = float(_HEIGHT)
    for name, curve in sorted(curves.items(), key=lambda pair: list(pair[1].values())[-1]):
        colour = _COLOURS[name]
        points = " ".join(f"{_x(size)},{_y(ratio)}" for size, ratio in curve.items())
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for size, ratio in curve.items():
            yield f'<circle cx="{_x(size)}" cy="{_y(ratio)}" r="3" fill="{colour}"/>'
        last, ratio = list(curve.items())[-1]
        free = min(free - 15, _y(ratio) + 4)  # labels never overlap
        yield _text(_x(last) + 8, free, f"{name}: {ratio:,.2f} ×", colour=colour)
    yield "</svg>"


def _x(size: int) -> float:
    share = math.log(size / _SIZES[0]) / math.log(_SIZES[-1] / _SIZES[0])
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(ratio: float) -> float:
    share = math.log(ratio / _LOWEST) / math.log(_HIGHEST / _LOWEST)
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#222222", size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{text}</text>'


if __name__ == "__main__":
    main()

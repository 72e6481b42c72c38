"""`python -m tools.bench.tap_plot`: what a tap costs in modelled time, drawn as docs/performance.svg.

One bar a card, host and speed: the modelled milliseconds, and the host commands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.bench.tap import BAUDS, our_taps
from tools.bench.tap_cards import Card, Cost
from tools.bench.tap_rival import RIVAL_BAUDS, rival_tap

TARGET = Path("docs/performance.svg")
_TAPS = 20
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 780, 300, 170, 40, 24
_OURS, _RIVAL = "#0b6e4f", "#c25b12"


def main() -> None:
    """Measures and draws."""
    bars: dict[str, Cost] = {}
    for card in Card:
        for baud in BAUDS:
            taps = our_taps(card, baud, _TAPS)
            bars[f"{card.value}, {baud}, first sight"] = taps.first
            bars[f"{card.value}, {baud}, known"] = taps.known
        for baud in RIVAL_BAUDS if card is not Card.EV2 else ():
            rival = rival_tap(card, baud)
            bars[f"{card.value}, {baud}, libfreefare"] = Cost(rival.commands, rival.modelled_ms)
    TARGET.write_text(draw(bars), encoding="utf-8")
    for name, cost in bars.items():
        print(f"{name:45} {cost.commands:3} commands {cost.modelled_ms:8.1f} ms")
    print(f"written to {TARGET}")


def draw(bars: Mapping[str, Cost]) -> str:
    """The SVG of bars: what was tapped → what it cost."""
    return "\n".join(_lines(bars)) + "\n"


def _lines(bars: Mapping[str, Cost]) -> Iterator[str]:
    height = _TOP + _ROW * len(bars) + 10
    scale = (_WIDTH - _LEFT - _RIGHT) / max(cost.modelled_ms for cost in bars.values())
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">'
    yield f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
    yield '<text x="10" y="22" font-size="14">A debit: modelled milliseconds and host commands (no hardware)</text>'
    for row, (name, cost) in enumerate(bars.items()):
        top, width = _TOP + row * _ROW, round(cost.modelled_ms * scale, 1)
        colour = _RIVAL if name.endswith("libfreefare") else _OURS
        yield f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end" font-size="12">{name}</text>'
        yield f'<rect x="{_LEFT}" y="{top}" width="{width}" height="{_ROW - 6}" fill="{colour}"/>'
        label = f"{cost.modelled_ms:.1f} ms, {cost.commands} commands"
        yield f'<text x="{_LEFT + width + 6}" y="{top + 14}" font-size="12">{label}</text>'
    yield "</svg>"


if __name__ == "__main__":
    main()

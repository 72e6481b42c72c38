"""What screens say: golden texts in both languages, and that they can be drawn.

The goldens are tests/vectors/screens.<language>.txt, read by a person; `python -m tests.firmware.test_screens` writes
them anew after a wanted change.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firmware.config import Language
from firmware.screens import frame, stopped_frame
from firmware.session import State
from hardware.display.fonts import chinese_font
from hardware.display.frame import Role, Tone
from hardware.display.lcd import SIZE, LcdRenderer
from hardware.display.text import as_text
from tests.firmware.scenes import scenes

_VECTORS = Path(__file__).parents[1] / "vectors"


def _golden(language: Language) -> Path:
    return _VECTORS / f"screens.{language.value}.txt"


def _all(language: Language) -> str:
    parts = [f"== {name}\n{as_text(frame(view, around))}" for name, view, around in scenes(language)]
    return "\n".join([*parts, f"== stopped\n{as_text(stopped_frame(language))}"])


@pytest.mark.parametrize("language", Language)
def test_screens_say_what_was_agreed(language: Language) -> None:
    assert _all(language) == _golden(language).read_text()


@pytest.mark.parametrize("language", Language)
def test_every_state_has_a_scene_a_title_and_its_status(language: Language) -> None:
    seen = set()
    for name, view, around in scenes(language):
        seen.add(view.state)
        shown = frame(view, around)
        roles = [row.role for row in shown.rows]
        assert roles.count(Role.TITLE) == 1, name
        assert roles.count(Role.STATUS) == 2, name
        assert all(row.text for row in shown.rows), name
    assert seen == set(State)


def test_refusals_are_told_apart_from_payments_by_colour() -> None:
    tones = {name: frame(view, around).tone for name, view, around in scenes(Language.CHINESE)}
    assert tones["paid at member price"] is tones["already paid"] is Tone.GOOD
    assert {tone for name, tone in tones.items() if name.startswith("refused")} == {Tone.BAD}
    assert tones["in doubt"] is tones["doubt refused"] is Tone.DOUBT
    assert tones["inquiry refused"] is tones["abandoned"] is Tone.BAD
    assert tones["reader lost"] is tones["broken"] is Tone.STOPPED


@pytest.mark.parametrize("language", Language)
def test_every_screen_can_be_drawn(language: Language) -> None:
    renderer = LcdRenderer(chinese_font())
    for _, view, around in scenes(language):
        assert renderer.draw(frame(view, around)).size == SIZE


if __name__ == "__main__":
    for spoken in Language:
        _golden(spoken).write_text(_all(spoken))


@pytest.mark.parametrize(
    ("language", "words"),
    [(Language.CHINESE, "采集口开启中,还剩 2 分"), (Language.ENGLISH, "Courier's port open, 2 min left")],
)
def test_an_open_port_is_on_every_screen_with_the_minutes_that_are_left(language: Language, words: str) -> None:
    for name, view, around in scenes(language):
        shown = [row.text for row in frame(view, replace(around, port_seconds=61.5)).rows]
        assert words in shown, name
        assert words not in [row.text for row in frame(view, replace(around, port_seconds=0.0)).rows], name


def test_the_title_says_which_way_the_port_was_turned() -> None:
    titles = {name: frame(view, around).rows[0].text for name, view, around in scenes(Language.ENGLISH)}
    assert (titles["port opened"], titles["port closed"]) == ("Port opened", "Port closed")
    assert titles["port opened, signed off"] == "Port opened"

"""The display's twin: what is drawn, and that its files are whole and change only when they must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from hardware.display.fonts import chinese_font
from hardware.display.frame import Frame, Role, Row, Tone
from hardware.display.lcd import SIZE, LcdRenderer
from hardware.display.spool import PICTURE, TEXT, SpoolDisplay
from hardware.display.text import as_text

_PAID = Frame(
    "paid",
    1,
    Tone.GOOD,
    (
        Row(Role.TITLE, "已付款"),
        Row(Role.AMOUNT, "35.00"),
        Row(Role.BALANCE, "余额 65.00"),
        Row(Role.MESSAGE, "会员 70%"),
        Row(Role.STATUS, "离线"),
    ),
)


@pytest.fixture
def display(tmp_path: Path) -> SpoolDisplay:
    return SpoolDisplay.in_directory(tmp_path / "screen")


def test_a_frame_is_read_as_one_role_a_line() -> None:
    assert as_text(_PAID).splitlines() == [
        "state: paid",
        "results: 1",
        "tone: good",
        "title: 已付款",
        "amount: 35.00",
        "balance: 余额 65.00",
        "message: 会员 70%",
        "status: 离线",
    ]


def test_both_files_are_there_and_no_other(display: SpoolDisplay, tmp_path: Path) -> None:
    display.show(_PAID)
    assert sorted(file.name for file in (tmp_path / "screen").iterdir()) == [PICTURE, TEXT]
    with Image.open(tmp_path / "screen" / PICTURE) as picture:
        assert picture.size == SIZE
    assert (tmp_path / "screen" / TEXT).read_text() == as_text(_PAID)


def test_nothing_is_written_while_the_frame_stays(display: SpoolDisplay, tmp_path: Path) -> None:
    display.show(_PAID)
    before = {file.name: file.stat().st_ino for file in (tmp_path / "screen").iterdir()}
    display.show(replace(_PAID))
    assert {file.name: file.stat().st_ino for file in (tmp_path / "screen").iterdir()} == before


def test_the_picture_stays_when_only_the_session_goes_on(display: SpoolDisplay, tmp_path: Path) -> None:
    display.show(_PAID)
    picture = (tmp_path / "screen" / PICTURE).stat().st_ino
    display.show(replace(_PAID, state="ready", results=2))
    assert (tmp_path / "screen" / PICTURE).stat().st_ino == picture
    assert (tmp_path / "screen" / TEXT).read_text().startswith("state: ready\nresults: 2\n")


def test_a_screen_that_takes_nothing_is_tried_again(display: SpoolDisplay, tmp_path: Path) -> None:
    folder = tmp_path / "screen"
    folder.rmdir()
    display.show(_PAID)
    folder.mkdir()
    display.show(_PAID)
    assert (folder / TEXT).exists()


def test_tones_differ_in_colour() -> None:
    renderer = LcdRenderer(None)
    corners = {renderer.draw(replace(_PAID, tone=tone)).getpixel((SIZE[0] - 1, 0)) for tone in Tone}
    assert len(corners) == len(Tone)


def test_chinese_is_drawn_as_chinese() -> None:
    """Two different characters make two different pictures: neither is the box of a missing glyph."""
    font = chinese_font()
    assert font is not None, "install fonts-wqy-microhei"
    renderer = LcdRenderer(font)
    drawn = [renderer.draw(Frame("", 0, Tone.CALM, (Row(Role.AMOUNT, text),))).tobytes() for text in ("付", "款")]
    assert drawn[0] != drawn[1]


def test_without_a_chinese_font_it_says_so(tmp_path: Path) -> None:
    assert chinese_font([tmp_path, tmp_path / "not there"]) is None
    display = SpoolDisplay(tmp_path, None)
    assert not display.chinese
    display.show(replace(_PAID, rows=(Row(Role.TITLE, "Paid"),)))
    assert (tmp_path / PICTURE).exists()


@pytest.mark.parametrize("role", [Role.MESSAGE, Role.REASON, Role.AMOUNT])
def test_text_that_does_not_fit_never_covers_the_status(role: Role) -> None:
    status = Row(Role.STATUS, "离线 · 待传 12")
    renderer = LcdRenderer(chinese_font())
    full = renderer.draw(Frame("", 0, Tone.CALM, (Row(role, "字" * 400), Row(role, "word " * 100), status)))
    bare = renderer.draw(Frame("", 0, Tone.CALM, (status,)))
    foot = (0, SIZE[1] - 36, *SIZE)
    assert full.crop(foot).tobytes() == bare.crop(foot).tobytes()

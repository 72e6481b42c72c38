"""A frame drawn for a 320×240 colour LCD.

A coloured band holds the title; below it the amount, large, then balance and messages, wrapped; the status lines stand
at the foot. What does not fit is cut at the foot's edge, never drawn over it: the amount comes first, then balance
and reason. A luma device takes the same image by its `display` method; that driver will stand beside `spool`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

from hardware.display.fonts import sized
from hardware.display.frame import Frame, Role, Tone

SIZE = (320, 240)
_MARGIN = 10
_BAND = 44
_FOOT = 40


class _Look(NamedTuple):
    pixels: int
    colour: str
    leading: int


_LOOKS = {
    Role.TITLE: _Look(26, "#ffffff", 30),
    Role.AMOUNT: _Look(54, "#ffffff", 64),
    Role.BALANCE: _Look(24, "#ffffff", 30),
    Role.REASON: _Look(26, "#ffd7a8", 32),
    Role.MESSAGE: _Look(20, "#e8e8e8", 25),
    Role.STATUS: _Look(14, "#b8c0c8", 17),
}
_BANDS = {
    Tone.CALM: "#1f4e79",
    Tone.GOOD: "#1b7a3d",
    Tone.BAD: "#a61b1b",
    Tone.DOUBT: "#b26a00",
    Tone.STOPPED: "#555555",
}
_GROUND = "#101418"


class LcdRenderer:
    """Draws frames; its fonts are loaded once."""

    def __init__(self, font: Path | None) -> None:
        """`font` is a file with Chinese, None for Latin only."""
        self._fonts = {role: sized(font, look.pixels) for role, look in _LOOKS.items()}

    def draw(self, frame: Frame) -> Image.Image:
        """The frame as a 320×240 RGB image."""
        image = Image.new("RGB", SIZE, _GROUND)
        pen = ImageDraw.Draw(image)
        pen.rectangle((0, 0, SIZE[0], _BAND), fill=_BANDS[frame.tone])
        by_role = {role: [row.text for row in frame.rows if row.role is role] for role in Role}
        self._lines(pen, Role.TITLE, by_role[Role.TITLE], 7, _BAND)
        foot = SIZE[1] - _FOOT
        top = _BAND + 4
        for role in (Role.AMOUNT, Role.BALANCE, Role.REASON, Role.MESSAGE):
            top = self._lines(pen, role, by_role[role], top, foot)
        pen.line((0, foot, SIZE[0], foot), fill="#303840")
        self._lines(pen, Role.STATUS, by_role[Role.STATUS], foot + 3, SIZE[1])
        return image

    def _lines(self, pen: ImageDraw.ImageDraw, role: Role, texts: list[str], top: int, bottom: int) -> int:
        look = _LOOKS[role]
        for text in texts:
            for line in self._wrapped(pen, role, text):
                if top + look.pixels > bottom:
                    return top
                pen.text((_MARGIN, top), line, font=self._fonts[role], fill=look.colour)
                top += look.leading
        return top

    def _wrapped(self, pen: ImageDraw.ImageDraw, role: Role, text: str) -> list[str]:
        """Lines that fit: Latin words are kept whole, Chinese breaks anywhere."""
        lines = [""]
        for piece in _pieces(text):
            if lines[-1] and pen.textlength(lines[-1] + piece.rstrip(), font=self._fonts[role]) > SIZE[0] - 2 * _MARGIN:
                lines.append("")
            lines[-1] += piece.lstrip() if not lines[-1] else piece
        return lines


def _pieces(text: str) -> list[str]:
    pieces = [""]
    for char in text:
        if pieces[-1] and (ord(char) > 0x2E7F or ord(pieces[-1][-1]) > 0x2E7F or pieces[-1].endswith(" ")):
            pieces.append("")
        pieces[-1] += char
    return pieces

"""The display that is two files: `screen.png` as people see it, `screen.txt` as programs read it.

Each is replaced atomically, and only when it changes. It is the twin of a real screen: the same drawing, no panel.
"""

from __future__ import annotations

import io
from pathlib import Path

from hardware.display.fonts import chinese_font
from hardware.display.frame import Frame
from hardware.display.lcd import LcdRenderer
from hardware.display.text import as_text

PICTURE = "screen.png"
TEXT = "screen.txt"


class SpoolDisplay:
    """Writes into an existing `directory`."""

    def __init__(self, directory: Path, font: Path | None) -> None:
        self._directory = directory
        self._font = font
        self._lcd = LcdRenderer(font)
        self._shown: Frame | None = None

    @classmethod
    def in_directory(cls, directory: Path) -> SpoolDisplay:
        """The display over `directory`, which is made if need be, with the Chinese font of this machine."""
        directory.mkdir(parents=True, exist_ok=True)
        return cls(directory, chinese_font())

    @property
    def chinese(self) -> bool:
        """Whether a font with Chinese was found."""
        return self._font is not None

    def show(self, frame: Frame) -> None:
        """Replace what changed. A directory that takes no files is a broken screen: nothing is shown, sales go on."""
        if frame == self._shown:
            return
        try:
            if self._shown is None or not frame.looks_like(self._shown):
                picture = io.BytesIO()
                self._lcd.draw(frame).save(picture, "PNG", compress_level=1)
                _replace(self._directory / PICTURE, picture.getvalue())
            _replace(self._directory / TEXT, as_text(frame).encode())
        except OSError:
            return  # tried again at the next frame, because nothing is remembered as shown
        self._shown = frame


def _replace(file: Path, content: bytes) -> None:
    fresh = file.with_name(f".{file.name}")
    fresh.write_bytes(content)
    fresh.replace(file)

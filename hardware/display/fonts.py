"""Where a font with Chinese lies, without asking fontconfig's programs: its directories, and the fonts we know."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import ImageFont

FONT_DIRECTORIES = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".local/share/fonts",
    Path.home() / ".fonts",
)
"""What fontconfig searches (fonts.conf of Debian 12)."""

CHINESE_FONTS = ("wqy-microhei.ttc", "wqy-zenhei.ttc", "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf")
"""File names, best first; fonts-wqy-microhei is the one the packages ask for."""


def chinese_font(directories: Iterable[Path] = FONT_DIRECTORIES) -> Path | None:
    """The first of the known Chinese fonts below `directories`; None when there is none."""
    roots = [root for root in directories if root.is_dir()]
    for name in CHINESE_FONTS:
        for root in roots:
            found = next(root.rglob(name), None)
            if found is not None:
                return found
    return None


def sized(font: Path | None, pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font at a height; Pillow's own Latin one without a file."""
    return ImageFont.load_default(pixels) if font is None else ImageFont.truetype(str(font), pixels)

"""A terminal's configuration file: strict TOML, every setting named here and nowhere else.

[terminal]  data = "/var/lib/onecard"  language = "zh"      zh, en
[reader]    device = "/dev/ttyUSB0"    baud = 115200        115200, 921600
[display]   kind = "spool"             directory = "screen" relative paths are seen from the file
[keypad]    device = "/dev/ttyACM0"
[sale]      mode = "show"              fixed_amount = "10.00"  film_class = 0  interval_seconds = 2
[limits]    in_doubt_seconds = 120     card_cap = "300.00"  unsent_cap = "20000.00"  unsent_days = 3
            each stricter than the centre's or left out (firmware/limits.py)
[clock]     cut_off_hour = 6
[journal]   segments = 64              segment_kib = 1024   used only when the journal is made, at the first start
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path

from hardware.pn532.opening import SESSION_BAUDS
from onecard.clock import CUT_OFF_HOUR
from onecard.journal.journal import SEGMENT_SIZE, SEGMENTS
from onecard.money import BadAmount, Fen, parse_yuan
from onecard.settings import BOUNDS
from onecard.strict_toml import BadConfig, Section, parse

_KIB = 1024
_FIXED_ONLY = ("fixed_amount", "film_class", "interval_seconds")


@unique
class Language(Enum):
    """What the screens speak."""

    CHINESE = "zh"
    ENGLISH = "en"


@unique
class SaleMode(Enum):
    """How a price comes about."""

    FIXED = "fixed"
    """Every tap takes the same amount; no keys."""
    SHOW = "show"
    """Film class and tickets are keyed; the tariff prices them for the card's tier."""


@dataclass(frozen=True, slots=True)
class SaleSettings:
    """`fixed_amount` in fen is used in fixed mode; `film_class` is what its records say, 0 for none.
    `interval_seconds` is the shortest pause between two taps in fixed mode, from the card's removal on."""

    mode: SaleMode
    fixed_amount: Fen
    film_class: int
    interval_seconds: int


@dataclass(frozen=True, slots=True)
class TerminalConfig:
    """Everything in the file. `limits` are the settings of `onecard.settings` that it names, fen, days and seconds."""

    data: Path
    language: Language
    reader_device: str
    reader_baud: int
    display_directory: Path
    keypad_device: Path
    sale: SaleSettings
    limits: Mapping[str, int]
    cut_off_hour: int
    segments: int
    segment_size: int


def load_config(file: Path) -> TerminalConfig:
    """The configuration in `file`. Raises `BadConfig`, naming file, table and key."""
    return read_config(text_of(file), str(file))


def text_of(file: Path) -> str:
    """The text of a configuration file. Raises `BadConfig`."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(str(file), "", "", f"it cannot be read: {error}") from error


def read_config(text: str, file: str) -> TerminalConfig:
    """The configuration in `text`; `file` names it in errors. Raises `BadConfig`."""
    root = parse(text, file)
    terminal, reader, display = root.table("terminal"), root.table("reader"), root.table("display")
    display.choice("kind", ["spool"], default="spool")
    data = terminal.path("data")
    journal = root.table("journal")
    config = TerminalConfig(
        data=data,
        language=Language(terminal.choice("language", [language.value for language in Language], default="zh")),
        reader_device=str(reader.path("device")),
        reader_baud=session_baud(reader),
        display_directory=display.path("directory", default=data),
        keypad_device=root.table("keypad").path("device"),
        sale=_sale(root.table("sale")),
        limits=_limits(root.table("limits")),
        cut_off_hour=root.table("clock").integer("cut_off_hour", 0, 23, default=CUT_OFF_HOUR),
        segments=journal.integer("segments", 2, 1024, default=SEGMENTS),
        segment_size=journal.integer("segment_kib", 16, 65536, default=SEGMENT_SIZE // _KIB) * _KIB,
    )
    root.finish()
    return config


def session_baud(reader: Section) -> int:
    """The reader's speed, one of the two a session can have. Raises `BadConfig`."""
    lowest, highest = min(SESSION_BAUDS), max(SESSION_BAUDS)
    baud = reader.integer("baud", lowest, highest, default=lowest)
    if baud not in SESSION_BAUDS:
        raise reader.refuse("baud", f"{baud} is given; {' or '.join(map(str, SESSION_BAUDS))} is allowed")
    return baud


def _sale(sale: Section) -> SaleSettings:
    mode = SaleMode(sale.choice("mode", [mode.value for mode in SaleMode]))
    if mode is SaleMode.SHOW:
        for key in _FIXED_ONLY:
            if sale.has(key):
                raise sale.refuse(key, 'it has no meaning with mode = "show"; leave it out')
        return SaleSettings(mode, Fen(0), 0, 0)
    return SaleSettings(
        mode=mode,
        fixed_amount=_amount(sale, "fixed_amount", None),
        film_class=sale.integer("film_class", 0, 255, default=0),
        interval_seconds=sale.integer("interval_seconds", 0, 60, default=2),
    )


def _limits(limits: Section) -> Mapping[str, int]:
    named: dict[str, int] = {}
    for key in ("card_cap", "unsent_cap"):
        if limits.has(key):
            named[key] = _amount(limits, key, None)
    for key in ("unsent_days", "in_doubt_seconds"):
        if limits.has(key):
            named[key] = limits.integer(key, BOUNDS[key].start, BOUNDS[key].stop - 1)
    return named


def _amount(table: Section, key: str, default: str | None) -> Fen:
    """An amount in yuan, above 0 and at most 100,000.00."""
    text = table.text(key, default=default, longest=12)
    try:
        amount = parse_yuan(text)
    except BadAmount as error:
        raise table.refuse(key, str(error)) from error
    if not 0 < amount <= 10_000_000:
        raise table.refuse(key, f"{text!r} is given; an amount from 0.01 to 100000.00 is allowed")
    return amount

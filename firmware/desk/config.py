"""A desk station's configuration file: strict TOML, every setting named here and nowhere else.

[terminal]  data = "/var/lib/onecard"
[reader]    device = "/dev/ttyUSB0"    baud = 115200        115200, 921600
[server]    url = "https://host:8443"  ca = "ca.pem"        relative paths are seen from the file
[clock]     cut_off_hour = 6
[journal]   segments = 64              segment_kib = 1024   used only when the journal is made, at the first start
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from firmware.config import Language, SaleMode, SaleSettings, TerminalConfig, session_baud, text_of
from onecard.clock import CUT_OFF_HOUR
from onecard.journal.journal import SEGMENT_SIZE, SEGMENTS
from onecard.money import Fen
from onecard.strict_toml import parse

_KIB = 1024


@dataclass(frozen=True, slots=True)
class DeskConfig:
    """Everything in the file."""

    data: Path
    reader_device: str
    reader_baud: int
    url: str
    ca: Path
    cut_off_hour: int
    segments: int
    segment_size: int

    def as_terminal(self) -> TerminalConfig:
        """The firmware's own configuration of a station that sells nothing and has neither keys nor screen."""
        return TerminalConfig(
            data=self.data,
            language=Language.CHINESE,
            reader_device=self.reader_device,
            reader_baud=self.reader_baud,
            display_directory=self.data,
            keypad_device=self.data / "none",
            sale=SaleSettings(SaleMode.SHOW, Fen(0), 0, 0),
            limits={"in_doubt_seconds": 1, "card_cap": 0, "unsent_cap": 0, "unsent_days": 1},
            cut_off_hour=self.cut_off_hour,
            segments=self.segments,
            segment_size=self.segment_size,
        )


def load_desk_config(file: Path) -> DeskConfig:
    """The configuration in `file`. Raises `BadConfig`, naming file, table and key."""
    return read_desk_config(text_of(file), str(file))


def read_desk_config(text: str, file: str) -> DeskConfig:
    """The configuration in `text`; `file` names it in errors. Raises `BadConfig`."""
    root = parse(text, file)
    reader, server, journal = root.table("reader"), root.table("server"), root.table("journal")
    config = DeskConfig(
        data=root.table("terminal").path("data"),
        reader_device=str(reader.path("device")),
        reader_baud=session_baud(reader),
        url=server.text("url"),
        ca=server.path("ca"),
        cut_off_hour=root.table("clock").integer("cut_off_hour", 0, 23, default=CUT_OFF_HOUR),
        segments=journal.integer("segments", 2, 1024, default=SEGMENTS),
        segment_size=journal.integer("segment_kib", 16, 65536, default=SEGMENT_SIZE // _KIB) * _KIB,
    )
    root.finish()
    return config

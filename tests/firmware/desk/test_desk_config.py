"""The desk's file: every wrong setting is named with file, table and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.desk.config import load_desk_config, read_desk_config
from onecard.strict_toml import BadConfig

GOOD = """
[terminal]
data = "desk"
[reader]
device = "reader"
baud = 921600
[server]
url = "https://localhost:8443"
ca = "ca.pem"
[journal]
segments = 4
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('data = "desk"', "", r"\[terminal\] data"),
        ('device = "reader"', "", r"\[reader\] device"),
        ("921600", "9600", r"\[reader\] baud"),
        ("921600", "230400", r"\[reader\] baud"),
        ('url = "https://localhost:8443"', "", r"\[server\] url"),
        ("segments = 4", "segments = 1", r"\[journal\] segments"),
        ("segments = 4", "segmets = 4", r"\[journal\] segmets"),
        ("[journal]", "[sale]", r"sale"),
    ],
)
def test_a_wrong_setting_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(BadConfig, match=f"desk.toml.*{said}"):
        read_desk_config(GOOD.replace(old, new), "desk.toml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"none\.toml"):
        load_desk_config(tmp_path / "none.toml")


def test_paths_are_seen_from_the_file() -> None:
    config = read_desk_config(GOOD, "/etc/onecard/desk.toml")
    assert (config.data, config.ca) == (Path("/etc/onecard/desk"), Path("/etc/onecard/ca.pem"))
    terminal = config.as_terminal()
    assert (terminal.data, terminal.reader_device, terminal.reader_baud) == (
        config.data,
        "/etc/onecard/reader",
        921600,
    )

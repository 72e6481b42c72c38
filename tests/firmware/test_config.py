"""A terminal's configuration: what is wrong is named by file, table and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.config import Language, SaleMode, load_config, read_config
from onecard.strict_toml import BadConfig

GOOD = """
[terminal]
data = "data"
[reader]
device = "/dev/ttyUSB0"
[keypad]
device = "keys"
[sale]
mode = "show"
"""


@pytest.mark.parametrize(
    ("before", "after", "table", "key"),
    [
        ('data = "data"', "", "terminal", "data"),
        ('data = "data"', 'data = "data"\nlanguage = "fr"', "terminal", "language"),
        ('data = "data"', 'data = "data"\ncolour = "red"', "terminal", "colour"),
        ('device = "/dev/ttyUSB0"', "", "reader", "device"),
        ('"/dev/ttyUSB0"', '"/dev/ttyUSB0"\nbaud = 230400', "reader", "baud"),
        ('"/dev/ttyUSB0"', '"/dev/ttyUSB0"\nbaud = 9600', "reader", "baud"),
        ('device = "keys"', "", "keypad", "device"),
        ('mode = "show"', 'mode = "free"', "sale", "mode"),
        ('mode = "show"', 'mode = "show"\nfixed_amount = "10"', "sale", "fixed_amount"),
        ('mode = "show"', 'mode = "show"\ninterval_seconds = 1', "sale", "interval_seconds"),
        ('mode = "show"', 'mode = "fixed"', "sale", "fixed_amount"),
        ('mode = "show"', 'mode = "fixed"\nfixed_amount = "0"', "sale", "fixed_amount"),
        ('mode = "show"', 'mode = "fixed"\nfixed_amount = "ten"', "sale", "fixed_amount"),
        ('mode = "show"', 'mode = "fixed"\nfixed_amount = 10.5', "sale", "fixed_amount"),
        ('mode = "show"', 'mode = "show"\n[limits]\nin_doubt_seconds = 0', "limits", "in_doubt_seconds"),
        ('mode = "show"', 'mode = "show"\n[limits]\ncard_cap = "-1"', "limits", "card_cap"),
        ('mode = "show"', 'mode = "show"\n[limits]\nunsent_days = 31', "limits", "unsent_days"),
        ('mode = "show"', 'mode = "show"\n[clock]\ncut_off_hour = 24', "clock", "cut_off_hour"),
        ('mode = "show"', 'mode = "show"\n[journal]\nsegments = 1', "journal", "segments"),
        ('mode = "show"', 'mode = "show"\n[journal]\nsegment_kib = 8', "journal", "segment_kib"),
        ('mode = "show"', 'mode = "show"\n[display]\nkind = "oled"', "display", "kind"),
        ('mode = "show"', 'mode = "show"\n[printer]\ndevice = "lp"', "", "printer"),
    ],
)
def test_a_wrong_setting_is_named_by_file_table_and_key(before: str, after: str, table: str, key: str) -> None:
    assert before in GOOD
    with pytest.raises(BadConfig) as raised:
        read_config(GOOD.replace(before, after), "/etc/onecard/terminal.toml")
    error = raised.value
    assert (error.file, error.table, error.key) == ("/etc/onecard/terminal.toml", table, key)
    assert all(part in str(error) for part in (error.file, table, key))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=str(tmp_path)):
        load_config(tmp_path / "terminal.toml")


def test_defaults_are_those_of_the_design() -> None:
    config = read_config(GOOD, "/etc/onecard/terminal.toml")
    assert config.language is Language.CHINESE
    assert config.sale.mode is SaleMode.SHOW
    assert config.limits == {}, "the centre's hold, and the defaults of onecard.settings before it spoke"
    assert config.segments * config.segment_size == 64 << 20
    assert config.reader_baud == 115200


def test_only_the_limits_that_the_file_names_are_its_own() -> None:
    own = read_config(GOOD + '[limits]\ncard_cap = "20.00"\nunsent_days = 2\n', "/etc/onecard/terminal.toml").limits
    assert own == {"card_cap": 2000, "unsent_days": 2}


def test_relative_paths_are_seen_from_the_file() -> None:
    config = read_config(GOOD, "/etc/onecard/terminal.toml")
    assert config.data == Path("/etc/onecard/data")
    assert config.keypad_device == Path("/etc/onecard/keys")
    assert config.display_directory == config.data
